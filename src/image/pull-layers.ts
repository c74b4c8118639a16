// The layers of one image: fetched into the store, and made into layer files.

import { CortenError, isError } from "../base/errors.ts";
import { canMountErofs } from "../linux/erofs.ts";
import type { Descriptor, Digest, ImageConfig } from "../spec/image.ts";
import type { LayerSource } from "../spec/rootfs.ts";
import { lockBlob } from "./blob-lock.ts";
import { adoptBlob, hasBlob, streamBlob } from "./blobs.ts";
import { type Others, threeAtATime } from "./concurrency.ts";
import { createLayer } from "./layer/layer.ts";
import type { Manifest } from "./manifest.ts";
import { mediaKind } from "./media-types.ts";
import { fetchBlob } from "./partial-blob.ts";
import { type ImageSource, readBlobFrom } from "./sources/source.ts";
import { layersFolder, readEntries, readRecord } from "./store.ts";

/** What happens to one layer. */
export type PullProgress = {
	readonly digest: Digest;
	readonly state: "downloading" | "creating" | "done";
	/** Bytes of the blob so far, and in all. */
	readonly bytes: number;
	readonly size: number;
};

/** Where layers go and who is told. */
export type LayerPullOptions = {
	readonly root: string;
	readonly layerKind?: LayerSource["kind"];
	readonly onProgress?: (progress: PullProgress) => void;
};

/** Blobs that were found to be a layer when an image of the store was made of them, each with its diffID. */
function knownPairs(root: string): ReadonlySet<string> {
	const records = readEntries(root).flatMap(({ digest }) => readRecord(root, digest) ?? []);
	return new Set(records.flatMap(({ blobs, config }) => blobs.map((blob, at) => `${blob} ${config.diffIDs[at]}`)));
}

/**
 * Provides all layers of an image, three at a time. Idempotent; the first failure ends the others.
 * @returns the layer files, lowest first
 * @throws `integrity`, `invalid-spec`, `system`, and what the source throws
 */
export async function pullLayers(
	manifest: Manifest,
	config: ImageConfig,
	source: ImageSource,
	options: LayerPullOptions,
): Promise<readonly LayerSource[]> {
	const { root, onProgress, layerKind = canMountErofs() ? "erofs" : "folder" } = options;
	const layers: LayerSource[] = [];
	/** What is made of a blob, by blob and diffID. */
	const provisions = new Map<string, Promise<LayerSource>>();
	const tell = (layer: Descriptor, state: PullProgress["state"], bytes: number) =>
		onProgress?.({ digest: layer.digest, state, bytes, size: layer.size });
	const download = async (layer: Descriptor, { untilFailure }: Others) => {
		tell(layer, "downloading", 0);
		const spooled = source.spooled?.(layer);
		if (spooled !== undefined) return await adoptBlob(root, layer, spooled);
		try {
			await fetchBlob(
				root,
				layer,
				(from) => untilFailure(readBlobFrom(source, layer, from)),
				(bytes) => tell(layer, "downloading", bytes),
			);
		} catch (cause) {
			if (mediaKind(layer.mediaType) !== "foreign-layer" || !isError(cause, "not-found")) throw cause;
			throw new CortenError("unsupported", `cannot fetch foreign layer "${layer.digest}": it is not where the image is`, {
				cause,
				hint: "the urls it names are never asked: bring it in with an archive, by corten load",
			});
		}
	};
	let pairs: ReadonlySet<string> | undefined;
	const create = async (layer: Descriptor, diffID: Digest, wasPresent: boolean) => {
		tell(layer, "creating", layer.size);
		if (wasPresent) pairs ??= knownPairs(root);
		const known = wasPresent && pairs?.has(`${layer.digest} ${diffID}`) === true;
		return await createLayer(streamBlob(root, layer), { layersDir: layersFolder(root), diffID, kind: layerKind, known });
	};
	const provide = async (layer: Descriptor, diffID: Digest, others: Others) => {
		// Another process may be at it: what is fetched once need not be fetched twice.
		using _lock = await lockBlob(root, layer.digest);
		const wasPresent = await hasBlob(root, layer);
		if (!wasPresent) await download(layer, others);
		try {
			return await create(layer, diffID, wasPresent);
		} catch (error) {
			// The blob may have gone bad since it was verified; fetched anew it is verified anew.
			if (!wasPresent || !isError(error, "integrity")) throw error;
			await download(layer, others);
			return await create(layer, diffID, false);
		}
	};
	await threeAtATime(manifest.layers, async (layer, index, others) => {
		const diffID = config.diffIDs[index];
		if (diffID === undefined) throw new CortenError("bug", "layers and diffIDs differ in number");
		// A manifest may name one blob twice.
		const key = `${layer.digest} ${diffID}`;
		const provided = provisions.get(key) ?? provide(layer, diffID, others);
		provisions.set(key, provided);
		layers[index] = await provided;
		tell(layer, "done", layer.size);
	});
	return layers;
}
