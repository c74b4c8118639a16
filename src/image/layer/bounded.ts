// A layer's stream, inflated within bounds: what a bomb would cost is said before it is paid.

import { CortenError } from "../../base/errors.ts";
import { inflate } from "./inflate.ts";
import type { TarLimits } from "./tar.ts";

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

/**
 * The chunks of a stream, inflated (gzip, zstd, bzip2, xz or plain, by its first bytes), in memory that does not grow with it.
 * @throws `integrity` for a corrupt compression; `invalid-spec` for a bomb; what the source throws
 */
export async function* inflateBounded(source: AsyncIterable<Uint8Array>, limits: LayerLimits): AsyncGenerator<Uint8Array, void, undefined> {
	const inflated = inflate(source);
	let bytes = 0;
	for await (const chunk of inflated.chunks) {
		bytes += chunk.length;
		if (bytes > limits.maxBytes) throw new CortenError("invalid-spec", `cannot read layer: it is larger than ${limits.maxBytes} bytes`);
		const compressed = inflated.compressedBytes();
		if (bytes > limits.ratioFromBytes && bytes > compressed * limits.maxRatio)
			throw new CortenError("invalid-spec", `cannot read layer: ${compressed} bytes inflate to more than ${bytes}`);
		// zlib makes a buffer a chunk, and the collector lets hundreds of them stand: a round now and then keeps memory flat at 5 % of time.
		if (Math.floor(bytes / collectBytes) !== Math.floor((bytes - chunk.length) / collectBytes)) Bun.gc(true);
		yield chunk;
	}
}
