// bzip2, a block at a time.
// @see docs/decisions/0025

import createBits from "unbzip2-stream/lib/bit_iterator.js";
import bzip2 from "unbzip2-stream/lib/bzip2.js";
import { brokenStream, type Chunks } from "./inflate-more.ts";

/** What one block of bzip2 can become is bounded by the format: 900,000 bytes, each run of 4 and a count of up to 255. */
const pieceBytes = 1 << 20;

/** Inflates bzip2; chunks are at most 1 MiB. @throws `integrity`; what the source throws */
export async function* inflateBzip2(source: Chunks): Chunks {
	const queue: Uint8Array[] = [];
	let buffered = 0;
	let level = 0;
	let ended = false;
	const fill = async (wanted: number) => {
		while (!ended && buffered - bits.bytesRead < wanted) {
			const { done, value } = await source.next();
			if (done === true) ended = true;
			else if (value.length > 0) {
				queue.push(value);
				buffered += value.length;
			}
		}
	};
	// The iterator takes its first buffer when it is made, before there is any.
	const bits = createBits(() => queue.shift() ?? new Uint8Array(0));
	for (let streams = 0; ; streams++) {
		await fill(16);
		if (buffered <= bits.bytesRead) {
			if (streams === 0) throw brokenStream("bzip2", new Error("it is empty"));
			return;
		}
		try {
			level = bzip2.header(bits);
		} catch (cause) {
			throw brokenStream("bzip2", cause);
		}
		const work = new Int32Array(100_000 * level);
		for (let crc: number | null = 0; crc !== null; ) {
			// A compressed block is at most a little larger than a plain one.
			await fill(100_000 * level + 25_000);
			if (bits.bytesRead > buffered) throw brokenStream("bzip2", new Error("it ends too early"));
			const pieces: Uint8Array[] = [];
			let piece = new Uint8Array(0);
			let used = 0;
			const take = (byte: number) => {
				if (used === piece.length) {
					if (used > 0) pieces.push(piece);
					piece = new Uint8Array(pieces.length === 0 ? 100_000 * level : pieceBytes);
					used = 0;
				}
				piece[used++] = byte;
			};
			try {
				crc = bzip2.decompress(bits, take, work, work.length, crc);
			} catch (cause) {
				throw brokenStream("bzip2", cause);
			}
			if (bits.bytesRead > buffered) throw brokenStream("bzip2", new Error("it ends too early"));
			yield* pieces;
			if (used > 0) yield piece.subarray(0, used);
		}
	}
}
