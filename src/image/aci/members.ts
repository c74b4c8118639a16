// A tar as a list of its members with the places of their bytes, so that another tar can be made of the very same headers and contents
// (retar.ts). The tar itself lies in a file; it is read once, while it is inflated and hashed.

import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { CortenError, isError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image.ts";
import { defaultLimits, inflateBounded } from "../layer/bounded.ts";
import { readTarStream, TarInput, type TarSink } from "../layer/tar.ts";
import type { TarEntry } from "../layer/tar-entry.ts";

/** One member, and where its bytes lie in the tar: its headers from `start` to `data`, its content and padding from there to `end`. */
export type Member = { readonly entry: TarEntry; readonly start: number; readonly data: number; end: number };

/** A tar in a file. */
export type Members = {
	readonly file: string;
	readonly bytes: number;
	readonly members: readonly Member[];
	/** The tar ended within its last padding, which the file has whole: this one is not the tar, byte for byte. */
	readonly padded: boolean;
	/** Of the whole tar, in hex. */
	readonly sha512: string;
	readonly sha256: string;
};

const windowBytes = 256 << 10;

/** A file that is read mostly from its beginning to its end, in small pieces: a part of it is held. Closes itself. */
export type Reader = { readonly number: number; window: Uint8Array; from: number } & Disposable;

/** Opens a file for {@link readAt}. */
export function openRead(path: string): Reader {
	const number = openSync(path, "r");
	return { number, window: new Uint8Array(0), from: 0, [Symbol.dispose]: () => closeSync(number) };
}

function fill(file: Reader, bytes: Uint8Array, from: number): number {
	let done = 0;
	while (done < bytes.length) {
		const count = readSync(file.number, bytes, done, bytes.length - done, from + done);
		if (count === 0) break;
		done += count;
	}
	return done;
}

/** Reads bytes of a file; they are the caller's. @throws `integrity` when the file ends before */
export function readAt(file: Reader, from: number, to: number): Uint8Array {
	const wanted = to - from;
	if (wanted <= windowBytes / 4) {
		if (from < file.from || to > file.from + file.window.length) {
			const window = new Uint8Array(windowBytes);
			file.window = window.subarray(0, fill(file, window, from));
			file.from = from;
		}
		if (to <= file.from + file.window.length) return file.window.slice(from - file.from, to - file.from);
	} else {
		const bytes = new Uint8Array(wanted);
		if (fill(file, bytes, from) === wanted) return bytes;
	}
	throw new CortenError("integrity", "cannot read a temporary file: it has been cut");
}

/** Writes all of the bytes. */
export function writeAll(file: number, bytes: Uint8Array): void {
	for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/** A new file that is written in small pieces. */
export type Writer = {
	readonly write: (bytes: Uint8Array) => void;
	/** Writes what is left. @returns the file's digest and size */
	readonly finish: () => { readonly digest: Digest; readonly size: number };
} & Disposable;

/** Opens a file for writing; it must not exist. */
export function openWrite(path: string): Writer {
	const number = openSync(path, "wx", 0o600);
	const hasher = new Bun.CryptoHasher("sha256");
	const buffer = new Uint8Array(windowBytes);
	let used = 0;
	let size = 0;
	const put = (bytes: Uint8Array) => {
		hasher.update(bytes);
		writeAll(number, bytes);
	};
	const flush = () => {
		put(buffer.subarray(0, used));
		used = 0;
	};
	return {
		write(bytes) {
			size += bytes.length;
			if (used + bytes.length > buffer.length) flush();
			if (bytes.length > buffer.length) put(bytes);
			else {
				buffer.set(bytes, used);
				used += bytes.length;
			}
		},
		finish() {
			flush();
			return { digest: `sha256:${hasher.digest("hex")}`, size };
		},
		[Symbol.dispose]: () => closeSync(number),
	};
}

/** Small pieces joined into larger ones: a compressor's turn costs the same for each. */
export async function* joined(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
	let buffer = new Uint8Array(windowBytes);
	let used = 0;
	for await (const chunk of chunks) {
		for (let at = 0; at < chunk.length; ) {
			const part = chunk.subarray(at, at + buffer.length - used);
			buffer.set(part, used);
			used += part.length;
			at += part.length;
			if (used < buffer.length) continue;
			yield buffer;
			buffer = new Uint8Array(windowBytes);
			used = 0;
		}
	}
	if (used > 0) yield buffer.subarray(0, used);
}

/**
 * Spools a tar into a file, inflated.
 * @param file must not exist
 * @param onEntry called for each member before its data; what it throws ends the reading. It may return where to put the data as well
 * @throws `invalid-spec` for a broken tar or a bomb; `integrity` for a broken compression; what the source throws
 */
export async function spoolMembers(
	source: AsyncIterable<Uint8Array>,
	file: string,
	onEntry: (entry: TarEntry) => ((bytes: Uint8Array) => void) | undefined,
): Promise<Members> {
	const members: Member[] = [];
	const input = new TarInput();
	let end = 0;
	let current: Member | undefined;
	let keep: ((bytes: Uint8Array) => void) | undefined;
	const sink: TarSink = {
		begin(entry) {
			keep = onEntry(entry);
			// A folder written as a file of old has a size, and it counts.
			const stored = entry.kind === "directory" ? Math.ceil(entry.size / 512) * 512 : 0;
			current = { entry, start: end, data: input.taken, end: input.taken + stored };
			end = current.end;
			members.push(current);
		},
		data: (bytes) => keep?.(bytes),
		end() {
			end = input.taken;
			if (current !== undefined) current.end = end;
		},
	};
	const sha512 = new Bun.CryptoHasher("sha512");
	const sha256 = new Bun.CryptoHasher("sha256");
	let bytes = 0;
	let missing = 0;
	const out = openSync(file, "wx", 0o600);
	async function* kept(): AsyncGenerator<Uint8Array, void, undefined> {
		for await (const chunk of inflateBounded(source, defaultLimits)) {
			bytes += chunk.length;
			sha512.update(chunk);
			sha256.update(chunk);
			writeAll(out, chunk);
			yield chunk;
		}
	}
	try {
		await readTarStream(kept(), sink, defaultLimits, input);
		missing = (512 - (end % 512)) % 512;
		if (current !== undefined) current.end += missing;
		writeAll(out, new Uint8Array(missing));
	} finally {
		closeSync(out);
	}
	return { file, bytes: bytes + missing, padded: missing > 0, members, sha512: sha512.digest("hex"), sha256: sha256.digest("hex") };
}

/** Where the last member ends: what follows is the end mark and padding. */
export function tailStart({ members }: Members): number {
	return members.at(-1)?.end ?? 0;
}

/** Names what was read in an error of the tar reader. */
export function named(error: unknown, what: string): unknown {
	return isError(error) ? new CortenError(error.code, `cannot read ${what}`, { cause: error }) : error;
}
