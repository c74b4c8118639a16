// The compressed stream of a layer becomes the tar's bytes: gzip, zstd, bzip2 and xz by their magic, whatever the media type says. zlib
// inflates on a thread of its own while this one hashes and parses.
// @see RFC 1952; RFC 8878; inflate-more.ts for bzip2 and xz

import { createGunzip, createZstdDecompress } from "node:zlib";
import { CortenError } from "../../base/errors.ts";
import { sniffMore } from "./inflate-more.ts";

const chunkBytes = 512 << 10;

function startsWith(head: Uint8Array, ...magic: number[]): boolean {
	return magic.every((byte, i) => head[i] === byte);
}

/** Which decompressor the first bytes ask for; zstd may begin with a skippable frame. */
function createDecompressor(head: Uint8Array): ReturnType<typeof createGunzip> | undefined {
	if (startsWith(head, 0x1f, 0x8b)) return createGunzip({ chunkSize: chunkBytes });
	const zstd =
		startsWith(head, 0x28, 0xb5, 0x2f, 0xfd) || (((head[0] ?? 0) & 0xf0) === 0x50 && startsWith(head.subarray(1), 0x2a, 0x4d, 0x18));
	return zstd ? createZstdDecompress({ chunkSize: chunkBytes }) : undefined;
}

const headBytes = 10;

/** The stream with at least ten bytes in its first chunk, where it has as many. */
async function* withHead(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
	let head: Uint8Array | undefined = new Uint8Array(0);
	for await (const chunk of source) {
		if (head === undefined) yield chunk;
		else {
			head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
			if (head.length < headBytes) continue;
			yield head;
			head = undefined;
		}
	}
	if (head !== undefined) yield head;
}

/** Counts what went in, to compare with what comes out. */
export type Inflated = { readonly chunks: AsyncIterable<Uint8Array>; compressedBytes(): number };

/**
 * Inflates a stream. Chunks are at most 512 KiB when it was compressed.
 * @throws (from the iteration) `integrity` for a corrupt or truncated stream; what the source throws, as it is
 */
export function inflate(source: AsyncIterable<Uint8Array>): Inflated {
	let compressed = 0;
	async function* chunks(): AsyncGenerator<Uint8Array, void, void> {
		const input = withHead(source);
		const first = await input.next();
		if (first.done === true) return;
		compressed += first.value.length;
		const decompressor = createDecompressor(first.value);
		if (decompressor === undefined) {
			async function* whole() {
				yield first.value as Uint8Array;
				for await (const chunk of input) {
					compressed += chunk.length;
					yield chunk;
				}
			}
			const more = sniffMore(first.value);
			yield* more === undefined ? whole() : more(whole());
			return;
		}
		let sourceError: { readonly error: unknown } | undefined;
		// One pair of listeners for all waits: a listener a chunk would pile up.
		let wake: (() => void) | undefined;
		decompressor.on("drain", () => wake?.()).on("close", () => wake?.());
		const write = (chunk: Uint8Array) =>
			decompressor.write(chunk) || decompressor.destroyed
				? undefined
				: new Promise<void>((resolve) => {
						wake = resolve;
					});
		const feed = async () => {
			await write(first.value);
			if (decompressor.destroyed) return;
			for await (const chunk of input) {
				compressed += chunk.length;
				await write(chunk);
				// Before the source is asked again: who has left may have closed its file, and the number may be another's by now.
				if (decompressor.destroyed) return;
			}
			decompressor.end();
		};
		const feeding = feed().catch((error: unknown) => {
			sourceError = { error };
			decompressor.destroy(new Error("its source failed"));
		});
		try {
			for await (const chunk of decompressor) yield chunk as Uint8Array;
		} catch (cause) {
			if (sourceError !== undefined) throw sourceError.error;
			throw new CortenError("integrity", `cannot inflate layer: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
		} finally {
			// On a failure the source is not waited for: it may be a registry that has gone silent.
			decompressor.destroy();
		}
		// What the source finds at its very end (a wrong blob digest) counts, although all is inflated.
		await feeding;
		if (sourceError !== undefined) throw sourceError.error;
	}
	return { chunks: chunks(), compressedBytes: () => compressed };
}
