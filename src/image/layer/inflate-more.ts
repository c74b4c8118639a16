// bzip2 and xz, which appc images may come in: by libraries, as no runtime has them (docs/decisions/0025). Loaded when such a stream comes.
// @see appc spec aci.md#image-archives

import { CortenError } from "../../base/errors.ts";

type Chunks = AsyncGenerator<Uint8Array, void, void>;

function broken(what: string, cause: unknown): CortenError {
	const why = cause instanceof Error ? cause.message : String(cause);
	return new CortenError("integrity", `cannot inflate layer: its ${what} stream is broken or cut short (${why})`, { cause });
}

/** Which of the two the first bytes are; a tar may begin with a file named "BZh9", so the block's mark is looked at as well. */
export function sniffMore(head: Uint8Array): ((source: Chunks) => Chunks) | undefined {
	const starts = (...magic: number[]) => magic.every((byte, i) => head[i] === byte);
	if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return inflateXz;
	const level = head[3] ?? 0;
	if (!starts(0x42, 0x5a, 0x68) || level < 0x31 || level > 0x39) return undefined;
	const block = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59];
	const end = [0x17, 0x72, 0x45, 0x38, 0x50, 0x90];
	return [block, end].some((mark) => mark.every((byte, i) => head[4 + i] === byte)) ? inflateBzip2 : undefined;
}

async function* inflateXz(source: Chunks): Chunks {
	const { XzReadableStream } = await import("xz-decompress");
	let failure: { readonly error: unknown } | undefined;
	const input = new ReadableStream<Uint8Array>({
		async pull(controller) {
			try {
				const { done, value } = await source.next();
				if (done === true) controller.close();
				else controller.enqueue(value);
			} catch (error) {
				failure = { error };
				controller.close();
			}
		},
	});
	const reader = new XzReadableStream(input).getReader();
	let ended = false;
	try {
		for (;;) {
			const { done, value } = await reader.read();
			if (done) break;
			if (value.length > 0) yield value.slice(); // it lies in the module's memory, which is used again
		}
		ended = true;
	} catch (cause) {
		ended = true;
		throw failure !== undefined ? failure.error : broken("xz", cause);
	} finally {
		// The library lets one stream at a time into its module: one that is left must give it back.
		if (!ended) await reader.cancel().catch(() => undefined);
	}
	// Behind the last stream there is nothing; what the source finds at its very end counts.
	if (failure !== undefined) throw failure.error;
	const rest = await source.next();
	if (rest.done !== true && rest.value.some((byte) => byte !== 0)) throw broken("xz", new Error("something lies behind it"));
}

/** What one block of bzip2 can become is bounded by the format: 900,000 bytes, each run of 4 and a count of up to 255. */
const pieceBytes = 1 << 20;

async function* inflateBzip2(source: Chunks): Chunks {
	const bzip2 = (await import("unbzip2-stream/lib/bzip2.js")).default;
	const createBits = (await import("unbzip2-stream/lib/bit_iterator.js")).default;
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
			if (streams === 0) throw broken("bzip2", new Error("it is empty"));
			return;
		}
		try {
			level = bzip2.header(bits);
		} catch (cause) {
			throw broken("bzip2", cause);
		}
		const work = new Int32Array(100_000 * level);
		for (let crc: number | null = 0; crc !== null; ) {
			// A compressed block is at most a little larger than a plain one.
			await fill(100_000 * level + 25_000);
			if (bits.bytesRead > buffered) throw broken("bzip2", new Error("it ends too early"));
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
				throw broken("bzip2", cause);
			}
			if (bits.bytesRead > buffered) throw broken("bzip2", new Error("it ends too early"));
			yield* pieces;
			if (used > 0) yield piece.subarray(0, used);
		}
	}
}
