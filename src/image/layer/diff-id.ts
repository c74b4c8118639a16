// The diffID of a layer that nobody has named by one: inflated and hashed, not read further.
// @see image-spec config.md#layer-diffid

import type { Digest } from "../../spec/image.ts";
import { inflate } from "./inflate.ts";
import { checkBomb, collectBytes, defaultLimits, type LayerLimits } from "./layer.ts";

/**
 * Inflates a stream to its end, in memory that does not grow with it.
 * @returns the sha256 of what it inflates to
 * @throws `integrity` for a corrupt compression; `invalid-spec` for a bomb; what the source throws
 */
export async function readDiffID(source: AsyncIterable<Uint8Array>, limits: LayerLimits = defaultLimits): Promise<Digest> {
	const hasher = new Bun.CryptoHasher("sha256");
	const inflated = inflate(source);
	let bytes = 0;
	for await (const chunk of inflated.chunks) {
		bytes += chunk.length;
		checkBomb(bytes, inflated.compressedBytes(), limits);
		hasher.update(chunk);
		// As in createLayer: without it hundreds of zlib's buffers stand.
		if (Math.floor(bytes / collectBytes) !== Math.floor((bytes - chunk.length) / collectBytes)) Bun.gc(true);
	}
	return `sha256:${hasher.digest("hex")}`;
}
