// Digests: the strict grammar (a digest becomes part of paths and URLs, CVE-2024-3727), and a stream that verifies while it flows.
// @see image-spec descriptor.md#digests

import { CortenError } from "../base/errors.ts";
import type { Digest } from "../spec/image.ts";

/** Whether the text is a digest of an algorithm corten verifies: lower-case hex of the right length, nothing else. */
export function isDigest(text: string): text is Digest {
	return /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(text);
}

/** Parses a digest. @throws `invalid-argument` */
export function parseDigest(text: string): Digest {
	if (isDigest(text)) return text;
	throw new CortenError(
		"invalid-argument",
		`cannot parse digest ${JSON.stringify(text.slice(0, 150))}: expected sha256: and 64, or sha512: and 128 hexadecimal digits`,
	);
}

/** The hex digits. */
export function digestHex(digest: Digest): string {
	return digest.slice(7);
}

/** sha256 or sha512. */
export function digestAlgorithm(digest: Digest): "sha256" | "sha512" {
	return digest.startsWith("sha256:") ? "sha256" : "sha512";
}

/** The sha256 digest of bytes. */
export function digestOf(bytes: Uint8Array): Digest {
	return `sha256:${Bun.SHA256.hash(bytes, "hex")}`;
}

/**
 * Throws unless the bytes are the ones a descriptor promises.
 * @param what `blob "sha256:..."` or the like, for the message
 * @throws `integrity`
 */
export function verifyBytes(bytes: Uint8Array, expected: { readonly digest: Digest; readonly size?: number }, what: string): void {
	if (expected.size !== undefined && bytes.length !== expected.size) throw wrongSize(what, bytes.length, expected.size);
	const found = new Bun.CryptoHasher(digestAlgorithm(expected.digest)).update(bytes).digest("hex");
	if (found !== digestHex(expected.digest)) throw wrongDigest(what, `${digestAlgorithm(expected.digest)}:${found}`, expected.digest);
}

/**
 * Passes chunks on and compares size and hash at the end. What was yielded before the end is not verified: write it to a place
 * nobody reads until this generator has returned. A source that is longer than promised is cut off at once.
 * @param expected without a size the source's end is its end
 * @param what see {@link verifyBytes}
 * @throws `integrity`, and whatever the source throws
 */
export async function* verifyStream(
	source: AsyncIterable<Uint8Array>,
	expected: { readonly digest: Digest; readonly size?: number },
	what: string,
): AsyncGenerator<Uint8Array, void, undefined> {
	const hasher = new Bun.CryptoHasher(digestAlgorithm(expected.digest));
	let size = 0;
	for await (const chunk of source) {
		size += chunk.length;
		if (expected.size !== undefined && size > expected.size) throw wrongSize(what, size, expected.size);
		hasher.update(chunk);
		yield chunk;
	}
	if (expected.size !== undefined && size !== expected.size) throw wrongSize(what, size, expected.size);
	const found = hasher.digest("hex");
	if (found !== digestHex(expected.digest)) throw wrongDigest(what, `${digestAlgorithm(expected.digest)}:${found}`, expected.digest);
}

function wrongSize(what: string, found: number, expected: number): CortenError {
	const compared = found > expected ? `more than the ${expected} bytes` : `${found} bytes, not the ${expected}`;
	return new CortenError("integrity", `cannot verify ${what}: it has ${compared} its descriptor promises`);
}

function wrongDigest(what: string, found: string, expected: Digest): CortenError {
	return new CortenError("integrity", `cannot verify ${what}: its bytes have digest ${found}, expected ${expected}`);
}
