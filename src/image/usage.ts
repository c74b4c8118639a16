// What the store takes on disk, and what of it nobody needs.

import { lstatSync, readdirSync } from "node:fs";
import { exists } from "../linux/file.ts";
import { readContainers } from "./remove.ts";
import { isArtifact, layersFolder, readEntries, readRecord, storeFolder } from "./store.ts";

/** One kind of thing. Bytes are those on disk. */
export type Usage = {
	readonly type: "Images" | "Layers" | "Containers";
	readonly total: number;
	/** In use by a container; of containers: all. */
	readonly active: number;
	readonly bytes: number;
	readonly reclaimable: number;
};

/** Bytes on disk of a file or of all below a folder; hard links count once. */
function diskBytes(path: string, seen = new Set<string>()): number {
	let found: ReturnType<typeof lstatSync>;
	try {
		found = lstatSync(path, { bigint: false });
	} catch {
		return 0; // it has just gone
	}
	if (found === undefined || seen.has(`${found.dev}:${found.ino}`)) return 0;
	if (found.nlink > 1) seen.add(`${found.dev}:${found.ino}`);
	const below = found.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + diskBytes(`${path}/${name}`, seen), 0) : 0;
	return found.blocks * 512 + below;
}

/** Measures the blobs, the layer files and the containers' own files. */
export function measureStore(root: string): readonly Usage[] {
	const containers = readContainers(root).readable;
	const images = readEntries(root).filter((entry) => !isArtifact(entry));
	const digests = [...new Set(images.map(({ digest }) => digest))];
	const usedImages = new Set(containers.flatMap(({ digest }) => digest ?? []));
	const unused = digests.filter((digest) => !usedImages.has(digest));
	const blobs = `${storeFolder(root)}/blobs`;
	const records = unused.map((digest) => readRecord(root, digest));
	const usedLayers = new Set([
		...containers.flatMap(({ layers }) => layers),
		...digests
			.filter((digest) => usedImages.has(digest))
			.flatMap((digest) => readRecord(root, digest)?.layers.map(({ path }) => path) ?? []),
	]);
	const layers = exists(layersFolder(root)) ? readdirSync(layersFolder(root)).map((name) => `${layersFolder(root)}/${name}`) : [];
	const folders = containers.map(({ id }) => diskBytes(`${root}/containers/${id}`));
	return [
		{
			type: "Images",
			total: digests.length,
			active: digests.length - unused.length,
			bytes: diskBytes(blobs),
			reclaimable: records.reduce((sum, record) => sum + (record?.size ?? 0), 0),
		},
		{
			type: "Layers",
			total: layers.length,
			active: layers.filter((path) => usedLayers.has(path)).length,
			bytes: layers.reduce((sum, path) => sum + diskBytes(path), 0),
			reclaimable: layers.filter((path) => !usedLayers.has(path)).reduce((sum, path) => sum + diskBytes(path), 0),
		},
		{
			type: "Containers",
			total: containers.length,
			active: containers.length,
			bytes: folders.reduce((sum, bytes) => sum + bytes, 0),
			reclaimable: 0,
		},
	];
}
