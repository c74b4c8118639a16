// The JSON of one image, as `docker image inspect` and `podman image inspect` have it, from the store's record and the documents behind it.

import { CortenError } from "../base/errors.ts";
import { blobPath, entryName, findImage, publicDigest, readEntries } from "../image/store.ts";
import { readTextIfPresent } from "../linux/file.ts";
import type { Digest, ImageConfig } from "../spec/image.ts";

type Document = Readonly<Record<string, unknown>>;

/**
 * An image of the store as docker's JSON, with what podman's has besides. What corten does not know of the config is shown as it is.
 * @throws `not-found`; and what findImage throws
 */
export async function inspectImage(root: string, target: string): Promise<Document> {
	const record = await findImage(root, target);
	if (record === undefined) throw new CortenError("not-found", `cannot find image "${target}"`, { hint: "see: corten images" });
	const named = readEntries(root).filter((entry) => entry.digest === record.digest && entryName(entry) !== "");
	const names = named.map(entryName);
	const repoDigests = named.map((entry) => {
		const repository = entryName(entry)
			.replace(/@.*$/, "")
			.replace(/:[^/:]+$/, "");
		return `${repository}@${publicDigest(entry)}`;
	});
	const { config } = record;
	const manifest = readDocument(root, record.digest);
	const document = readDocument(root, record.configDigest);
	const { user: User, labels } = config.config;
	return {
		Id: record.configDigest,
		RepoTags: names.filter((name) => !name.includes("@")),
		RepoDigests: [...new Set(repoDigests)],
		Parent: "",
		Comment: config.history.at(-1)?.comment ?? "",
		Created: config.created ?? "",
		DockerVersion: document.docker_version ?? "",
		Author: config.author ?? "",
		Config: { ...(document.config as Document | undefined), ...inspectConfig(config.config) },
		Architecture: config.architecture,
		Variant: config.variant ?? "",
		Os: config.os,
		Size: record.size,
		VirtualSize: record.size,
		GraphDriver: { Name: "erofs", Data: { Layers: record.layers.map(({ path }) => path) } },
		RootFS: { Type: "layers", Layers: config.diffIDs },
		Metadata: { LastTagTime: "0001-01-01T00:00:00Z" },
		Digest: record.digest,
		ManifestType: manifest.mediaType ?? "application/vnd.oci.image.manifest.v1+json",
		Annotations: new Map(Object.entries((manifest.annotations as Document | undefined) ?? {})),
		Labels: new Map(Object.entries(labels)),
		User,
		History: document.history ?? [],
		NamesHistory: names,
	};
}

/** A document that was verified when it came in; what has become of it since is `store check`'s business. */
function readDocument(root: string, digest: Digest): Document {
	try {
		const value: unknown = JSON.parse(readTextIfPresent(blobPath(root, digest)) ?? "{}");
		return typeof value === "object" && value !== null ? (value as Document) : {};
	} catch {
		return {};
	}
}

function inspectConfig(config: ImageConfig["config"]): Document {
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
