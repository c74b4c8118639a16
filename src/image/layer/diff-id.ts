// The diffID of a layer: of one that nobody has named by one, and of one that somebody has.
// @see image-spec config.md#layer-diffid

import { CortenError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image.ts";
import { digestAlgorithm } from "../digest.ts";
import { defaultLimits, inflateBounded, type LayerLimits } from "./bounded.ts";

/**
 * Inflates a stream to its end, in memory that does not grow with it.
 * @returns the sha256 of what it inflates to
 * @throws as {@link inflateBounded}
 */
export async function readDiffID(source: AsyncIterable<Uint8Array>, limits: LayerLimits = defaultLimits): Promise<Digest> {
	const hasher = new Bun.CryptoHasher("sha256");
	for await (const chunk of inflateBounded(source, limits)) hasher.update(chunk);
	return `sha256:${hasher.digest("hex")}`;
}

/**
 * The inflated stream, whose digest is compared at its end: of one that was cut short that is more useful than what else is wrong with it.
 * @throws `integrity` also when it is not the diffID's; as {@link inflateBounded}
 */
export async function* verifyDiffID(
	source: AsyncIterable<Uint8Array>,
	diffID: Digest,
	limits: LayerLimits,
): AsyncGenerator<Uint8Array, void, undefined> {
	const algorithm = digestAlgorithm(diffID);
	const hasher = new Bun.CryptoHasher(algorithm);
	for await (const chunk of inflateBounded(source, limits)) {
		hasher.update(chunk);
		yield chunk;
	}
	const found = `${algorithm}:${hasher.digest("hex")}`;
	if (found !== diffID) throw new CortenError("integrity", `cannot verify layer "${diffID}": its bytes have the digest ${found}`);
}
