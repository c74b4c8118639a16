// The JSON of one image, as `docker image inspect` has it, from the store's record.

import { CortenError } from "../base/errors.ts";
import { entryName, findImage, readEntries } from "../image/store.ts";
import type { ImageConfig } from "../spec/image.ts";

/**
 * An image of the store as docker's JSON.
 * @throws `not-found`; and what findImage throws
 */
export async function inspectImage(root: string, target: string): Promise<Record<string, unknown>> {
	const record = await findImage(root, target);
	if (record === undefined) throw new CortenError("not-found", `cannot find image "${target}"`, { hint: "see: corten images" });
	const names = readEntries(root)
		.filter(({ digest }) => digest === record.digest)
		.map(entryName)
		.filter((name) => name !== "");
	const repositories = new Set(names.map((name) => name.replace(/@.*$/, "").replace(/:[^/:]+$/, "")));
	const { config } = record;
	return {
		Id: record.configDigest,
		RepoTags: names.filter((name) => !name.includes("@")),
		RepoDigests: [...repositories].map((repository) => `${repository}@${record.digest}`),
		Comment: config.history.at(-1)?.comment ?? "",
		Created: config.created ?? "",
		Author: config.author ?? "",
		Config: inspectConfig(config.config),
		Architecture: config.architecture,
		Variant: config.variant ?? "",
		Os: config.os,
		Size: record.size,
		GraphDriver: { Name: "erofs", Data: { Layers: record.layers.map(({ path }) => path) } },
		RootFS: { Type: "layers", Layers: config.diffIDs },
		Digest: record.digest,
	};
}

function inspectConfig(config: ImageConfig["config"]): Record<string, unknown> {
	const set = (words: readonly string[]) => new Map(words.map((word) => [word, {}]));
	return {
		User: config.user,
		ExposedPorts: set(config.exposedPorts),
		Env: config.env,
		Cmd: config.cmd,
		Entrypoint: config.entrypoint,
		Volumes: set(config.volumes),
		WorkingDir: config.workingDir,
		Labels: new Map(Object.entries(config.labels)),
		StopSignal: config.stopSignal,
	};
}
