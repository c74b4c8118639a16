// bzip2 and xz, which appc images may come in: by libraries, as no runtime has them (docs/decisions/0025). Loaded when such a stream comes.
// @see appc spec aci.md#image-archives

import { CortenError } from "../../base/errors.ts";

/** A stream of bytes. */
export type Chunks = AsyncGenerator<Uint8Array, void, void>;

/** The error for a stream of one of the two. @returns `integrity` */
export function brokenStream(what: string, cause: unknown): CortenError {
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

// Each library is imported by a module of its own: a dynamic import of a CommonJS module itself comes out of the bundler broken.
async function* inflateXz(source: Chunks): Chunks {
	yield* (await import("./inflate-xz.ts")).inflateXz(source);
}

async function* inflateBzip2(source: Chunks): Chunks {
	yield* (await import("./inflate-bzip2.ts")).inflateBzip2(source);
}
