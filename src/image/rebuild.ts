// Makes the record of an image: from what a pull has just verified, or again from the blobs when the record or a layer file is lost.

import { CortenError, isError } from "../base/errors.ts";
import { canMountErofs } from "../linux/erofs.ts";
import { replaceFile } from "../linux/file.ts";
import type { Descriptor, Digest, ImageConfig, ImageRecord } from "../spec/image.ts";
import type { LayerSource } from "../spec/rootfs.ts";
import { holdBlobs, readBlob, streamBlob } from "./blobs.ts";
import { decodeConfig } from "./config.ts";
import { createLayer, readLayerFile } from "./layer/layer.ts";
import { decodeManifest, type Manifest, maxConfigBytes, maxManifestBytes } from "./manifest.ts";
import { entryName, isArtifact, layersFolder, recordPath, type StoreEntry } from "./store.ts";

/** /etc/passwd and /etc/group larger than this are an attack on whoever parses them (CVE-2026-47262). */
const maxAccountBytes = 1 << 20;

/** Writes the record of an image whose layers are all there. Durable. @returns the record */
export function createRecord(
	root: string,
	digest: Digest,
	manifest: Manifest,
	config: ImageConfig,
	layers: readonly LayerSource[],
): ImageRecord {
	const record: ImageRecord = {
		digest,
		configDigest: manifest.config.digest,
		config,
		layers,
		blobs: manifest.layers.map((layer) => layer.digest),
		size: manifest.layers.reduce((sum, layer) => sum + layer.size, 0),
		passwd: readLayerFile(layers, "/etc/passwd", maxAccountBytes) ?? "",
		group: readLayerFile(layers, "/etc/group", maxAccountBytes) ?? "",
	};
	replaceFile(recordPath(root, digest), `${JSON.stringify(record)}\n`);
	return record;
}

/**
 * Makes a record again from the blobs, and the layer files that are missing.
 * @returns undefined when a blob is missing or damaged, or the entry leads to no manifest: only a pull can help
 * @throws `unsupported` for what is no container image
 */
export async function rebuildRecord(
	root: string,
	entry: StoreEntry,
	kind: LayerSource["kind"] = canMountErofs() ? "erofs" : "folder",
): Promise<ImageRecord | undefined> {
	const what = `image "${entry.digest}"`;
	if (isArtifact(entry))
		throw new CortenError("unsupported", `cannot use "${entryName(entry) || entry.digest}" as an image: it is an artifact`, {
			hint: "see: corten artifact inspect",
		});
	try {
		using _hold = holdBlobs(root);
		const descriptor: Descriptor = { mediaType: entry.mediaType, digest: entry.digest, size: entry.size };
		const manifest = decodeManifest(await readBlob(root, descriptor, maxManifestBytes), entry.mediaType, `manifest of ${what}`);
		if (manifest.kind === "index") return undefined;
		const config = decodeConfig(await readBlob(root, manifest.config, maxConfigBytes), manifest.layers.length, `config of ${what}`);
		const layers: LayerSource[] = [];
		for (const [index, diffID] of config.diffIDs.entries()) {
			const layer = manifest.layers[index];
			if (layer !== undefined) layers.push(await createLayer(streamBlob(root, layer), { layersDir: layersFolder(root), diffID, kind }));
		}
		return createRecord(root, entry.digest, manifest, config, layers);
	} catch (error) {
		if (isError(error, "not-found") || isError(error, "integrity") || isError(error, "invalid-spec")) return undefined;
		throw error;
	}
}
