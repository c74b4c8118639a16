// A layer's tar stream becomes one layer on disk, named by its diffID: inflated, hashed, read and written in one pass with bounded
// memory. Nothing has the layer's name before its bytes are verified and synced.
// @see image-spec layer.md, config.md#layer-diffid

import { CortenError } from "../../base/errors.ts";
import { exists, makeFolders } from "../../linux/file.ts";
import type { Digest } from "../../spec/image.ts";
import type { LayerSource } from "../../spec/rootfs.ts";
import { createErofsWriter } from "./erofs.ts";
import { createFolderWriter } from "./folder.ts";
import { inflate } from "./inflate.ts";
import type { LayerWriter } from "./layer-writer.ts";
import { readTar, TarInput, type TarLimits, type TarSink } from "./tar.ts";
import { createTree, type FolderInode, placeEntry } from "./tree.ts";

export { readLayerFile } from "./layer-read.ts";

/** What a layer may cost before it is refused as a bomb. */
export type LayerLimits = TarLimits & {
	/** Of the tar, inflated. */
	readonly maxBytes: number;
	/** Inflated to compressed, once the tar is larger than ratioFromBytes: gzip reaches 1032 at most, zstd ten thousands. */
	readonly maxRatio: number;
	readonly ratioFromBytes: number;
};

/** What is allowed when nothing else is said: a million entries, 256 GiB, 400 times from 4 GiB on. */
export const defaultLimits: LayerLimits = {
	maxHeaderBytes: 1 << 20,
	maxEntries: 1 << 20,
	maxBytes: 2 ** 38,
	maxRatio: 400,
	ratioFromBytes: 2 ** 32,
};

const collectBytes = 16 << 20;

/** Where a layer goes and what it must be. */
export type LayerOptions = {
	readonly layersDir: string;
	/** Of the inflated tar. */
	readonly diffID: Digest;
	readonly kind: LayerSource["kind"];
	readonly limits?: Partial<LayerLimits>;
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

/** Follows the sum of a stream. @throws `invalid-spec` */
function checkBomb(bytes: number, compressed: number, limits: LayerLimits): void {
	if (bytes > limits.maxBytes) throw new CortenError("invalid-spec", `cannot read layer: it is larger than ${limits.maxBytes} bytes`);
	if (bytes <= limits.ratioFromBytes || bytes <= compressed * limits.maxRatio) return;
	throw new CortenError("invalid-spec", `cannot read layer: ${compressed} bytes inflate to more than ${bytes}`);
}

/**
 * Makes a layer from its stream: inflates it (gzip, zstd or plain, by its first bytes), verifies the diffID, and writes
 * `<layersDir>/<algorithm>-<hex>.erofs`, or the folder `<algorithm>-<hex>/`. Idempotent: returns at once, the stream untouched, when it is
 * there; two that race both succeed. Atomic and durable (fsync); a failure leaves nothing behind. Reads the stream to its end.
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
	if (exists(path)) return { kind, path };
	makeFolders(layersDir);
	using writer = kind === "erofs" ? createErofsWriter(path) : createFolderWriter(path);

	const root = createTree();
	const input = new TarInput();
	const reader = readTar(input, createSink(root, writer), limits);
	const hash = new Bun.CryptoHasher(algorithm);
	const inflated = inflate(source as AsyncIterable<Uint8Array>);
	let bytes = 0;
	let finished = reader.next().done === true;
	for await (const chunk of inflated.chunks) {
		bytes += chunk.length;
		checkBomb(bytes, inflated.compressedBytes(), limits);
		hash.update(chunk);
		// zlib makes a buffer a chunk, and the collector lets hundreds of them stand: a round each 16 MiB keeps memory flat at 5 % of time.
		if (Math.floor(bytes / collectBytes) !== Math.floor((bytes - chunk.length) / collectBytes)) Bun.gc(true);
		if (finished) continue; // what follows the end mark belongs to the digest, not to the layer
		input.push(chunk);
		finished = reader.next().done === true;
	}
	// The digest first: of a stream that was cut short this is the more useful thing to say.
	const actual = hash.digest("hex");
	if (actual !== hex)
		throw new CortenError("integrity", `cannot verify layer "${diffID}": its bytes have the digest ${algorithm}:${actual}`);
	input.end();
	if (!finished) reader.next();
	// Metadata is encoded in a burst: on top of what reading has left it would be the most a pull ever holds.
	Bun.gc(true);
	writer.commit(root, Buffer.from(hex.slice(0, 32), "hex"));
	return { kind, path };
}
