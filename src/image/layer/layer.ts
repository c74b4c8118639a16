// A layer's tar stream becomes one layer on disk, named by its diffID: inflated, hashed, read and written in one pass with bounded
// memory. Nothing has the layer's name before its bytes are verified and synced.
// @see image-spec layer.md, config.md#layer-diffid

import { exists, makeFolders } from "../../linux/file.ts";
import type { Digest } from "../../spec/image.ts";
import type { LayerSource } from "../../spec/rootfs.ts";
import { defaultLimits, type LayerLimits } from "./bounded.ts";
import { verifyDiffID } from "./diff-id.ts";
import { createErofsWriter } from "./erofs.ts";
import { createFolderWriter } from "./folder.ts";
import type { LayerWriter } from "./layer-writer.ts";
import { readTarStream, type TarSink } from "./tar.ts";
import { createTree, type FolderInode, placeEntry } from "./tree.ts";

export { readLayerFile } from "./layer-read.ts";

/** Where a layer goes and what it must be. */
export type LayerOptions = {
	readonly layersDir: string;
	/** Of the inflated tar. */
	readonly diffID: Digest;
	readonly kind: LayerSource["kind"];
	readonly limits?: Partial<LayerLimits>;
	/** This very blob was found to be this layer before: where the layer is there, the stream need not be read. */
	readonly known?: boolean;
};

/** Entries go into the tree, contents to the writer. */
function createSink(root: FolderInode, writer: LayerWriter): TarSink {
	let wanted = false;
	return {
		begin(entry) {
			const inode = placeEntry(root, entry);
			wanted = inode !== undefined;
			if (inode !== undefined) writer.open(inode, entry.extents);
		},
		data(bytes) {
			if (wanted) writer.write(bytes);
		},
		end() {
			if (wanted) writer.close();
		},
	};
}

/**
 * Makes a layer from its stream: inflates it (gzip, zstd or plain, by its first bytes), verifies the diffID, and writes
 * `<layersDir>/<algorithm>-<hex>.erofs`, or the folder `<algorithm>-<hex>/`. Idempotent: when it is there the stream is verified alone, and left
 * untouched when it is `known`; two that race both succeed. Atomic and durable (fsync); a failure leaves nothing behind. Reads the stream to its end.
 * @throws `integrity` when the bytes are not the diffID's or the compression is corrupt; `invalid-spec` for a broken or hostile tar,
 * naming the entry; what the source throws; see {@link systemError} for the disk's errors
 * @see image-spec layer.md
 */
export async function createLayer(
	source: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
	options: LayerOptions,
): Promise<LayerSource> {
	const { layersDir, diffID, kind } = options;
	const limits = { ...defaultLimits, ...options.limits };
	const [algorithm, hex] = diffID.split(":") as ["sha256" | "sha512", string];
	const path = `${layersDir}/${algorithm}-${hex}${kind === "erofs" ? ".erofs" : ""}`;
	// Who says to have a layer that is there must have its bytes: an image with a foreign diffID would be shown what another image keeps in that layer.
	if (exists(path)) {
		if (options.known !== true) for await (const _chunk of verifyDiffID(source as AsyncIterable<Uint8Array>, diffID, limits));
		return { kind, path };
	}
	makeFolders(layersDir);
	using writer = kind === "erofs" ? createErofsWriter(path) : createFolderWriter(path);

	const root = createTree();
	// What follows the end mark belongs to the digest, not to the layer.
	await readTarStream(verifyDiffID(source as AsyncIterable<Uint8Array>, diffID, limits), createSink(root, writer), limits);
	// Metadata is encoded in a burst: on top of what reading has left it would be the most a pull ever holds.
	Bun.gc(true);
	writer.commit(root, Buffer.from(hex.slice(0, 32), "hex"));
	return { kind, path };
}
