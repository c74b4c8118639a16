// Archives of docker before 1.10: a folder for each layer with a JSON document that names its parent, and `repositories`, which says whose name
// leads where. A config in today's words is made of it, always the same for the same archive. Docker and skopeo still write this beside manifest.json.
// @see moby image/spec v1.md "Combined Image JSON + Filesystem Changeset Format"

import { writeFileSync } from "node:fs";
import { CortenError } from "../../base/errors.ts";
import { decodeJson, quote, record } from "../../spec/decode.ts";
import { digestOf } from "../digest.ts";
import { maxLayers } from "../manifest.ts";
import { historyOf, type LayerDocument, layerDocument, layerID } from "../v1-document.ts";
import { findSpooled, readSpooled, type Spool } from "./spool.ts";

const repositories = record(record(layerID, 1000), 1000);

type Layer = { readonly id: string; readonly document: LayerDocument };

/** An image as manifest.json would list it. */
export type LegacyImage = { readonly Config: string; readonly RepoTags: readonly string[]; readonly Layers: readonly string[] };

/**
 * The images of an archive without manifest.json. Their configs become files of the spool.
 * @throws `invalid-spec` when a layer is missing, is its own ancestor, or is one of too many
 */
export async function readLegacyImages(spool: Spool, path: string): Promise<readonly LegacyImage[]> {
	const what = `repositories of "${path}"`;
	const names = decodeJson(repositories, await readSpooled(findSpooled(spool, "repositories", path), what), what);
	const tags = new Map<string, string[]>();
	for (const [name, table] of Object.entries(names))
		for (const [tag, id] of Object.entries(table)) tags.set(id, [...(tags.get(id) ?? []), `${name}:${tag}`]);
	const images: LegacyImage[] = [];
	for (const [id, own] of tags) {
		const layers = await readChain(spool, path, id);
		images.push({ Config: makeConfig(spool, path, layers), RepoTags: own, Layers: layers.map((layer) => `${layer.id}/layer.tar`) });
	}
	return images;
}

/** The layers that lead to one, lowest first. */
async function readChain(spool: Spool, path: string, top: string): Promise<readonly Layer[]> {
	const chain: Layer[] = [];
	const seen = new Set<string>();
	for (let id = top; id !== ""; ) {
		const what = `layer "${id}" of "${path}"`;
		if (seen.has(id)) throw new CortenError("invalid-spec", `cannot decode ${what}: it is its own ancestor`);
		if (seen.size === maxLayers) throw new CortenError("invalid-spec", `cannot decode ${what}: it is one of more than ${maxLayers}`);
		seen.add(id);
		const document = decodeJson(layerDocument, await readSpooled(findSpooled(spool, `${id}/json`, path), what), what);
		if (document.id !== undefined && document.id !== id)
			throw new CortenError("invalid-spec", `cannot decode ${what}: it says to be ${quote(document.id)}`);
		chain.unshift({ id, document });
		id = document.parent ?? "";
		if (id !== "" && !/^[0-9a-f]{64}$/.test(id))
			throw new CortenError("invalid-spec", `cannot decode ${what}: its parent ${quote(id)} is no layer ID`);
	}
	return chain;
}

/** @returns the name of the config in the spool */
function makeConfig(spool: Spool, path: string, layers: readonly Layer[]): string {
	const files = layers.map(({ id }) => findSpooled(spool, `${id}/layer.tar`, path));
	const { created, author, architecture = "amd64", os = "linux", config } = layers.at(-1)?.document ?? {};
	const document = {
		created,
		author,
		architecture,
		os,
		config: config ?? {},
		// Layers are plain here, so that the file's digest is the diffID; a compressed one is found out when it is unpacked.
		rootfs: { type: "layers", diff_ids: files.map(({ digest }) => digest) },
		history: layers.map(({ document }) => historyOf({ ...document, throwaway: false })),
	};
	const bytes = new TextEncoder().encode(JSON.stringify(document));
	const digest = digestOf(bytes);
	const name = `corten/config-${digest}`;
	const folder = files[0]?.path.replace(/\/[^/]*$/, "") ?? "";
	const file = `${folder}/config-${spool.files.size}`;
	writeFileSync(file, bytes, { mode: 0o600, flag: "wx" });
	spool.files.set(`/${name}`, { path: file, size: bytes.length, digest, head: bytes.subarray(0, 4) });
	return name;
}
