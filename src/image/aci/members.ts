// A tar as a list of its members with the places of their bytes, so that another tar can be made of the very same headers and contents
// (retar.ts). The tar itself lies in a file; it is read once, while it is inflated and hashed.

import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { CortenError, isError } from "../../base/errors.ts";
import { inflate } from "../layer/inflate.ts";
import { defaultLimits } from "../layer/layer.ts";
import { readTar, TarInput } from "../layer/tar.ts";
import type { TarEntry } from "../layer/tar-entry.ts";

/** One member, and where its bytes lie in the tar: its headers from `start` to `data`, its content and padding from there to `end`. */
export type Member = { readonly entry: TarEntry; readonly start: number; readonly data: number; end: number };

/** A tar in a file. */
export type Members = {
	readonly file: string;
	readonly bytes: number;
	readonly members: readonly Member[];
	/** Of the whole tar, in hex. */
	readonly sha512: string;
	readonly sha256: string;
};

/** An open file descriptor that closes itself. */
export function openRead(path: string): { readonly number: number } & Disposable {
	const number = openSync(path, "r");
	return { number, [Symbol.dispose]: () => closeSync(number) };
}

/** Reads bytes of a file. @throws `integrity` when the file ends before */
export function readAt(file: number, from: number, to: number): Uint8Array {
	const bytes = new Uint8Array(to - from);
	for (let done = 0; done < bytes.length; ) {
		const count = readSync(file, bytes, done, bytes.length - done, from + done);
		if (count === 0) throw new CortenError("integrity", "cannot read a temporary file: it has been cut");
		done += count;
	}
	return bytes;
}

/** Writes all of the bytes. */
export function writeAll(file: number, bytes: Uint8Array): void {
	for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
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
	const reader = readTar(
		input,
		{
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
		},
		defaultLimits,
	);
	const sha512 = new Bun.CryptoHasher("sha512");
	const sha256 = new Bun.CryptoHasher("sha256");
	const inflated = inflate(source);
	let bytes = 0;
	const out = openSync(file, "wx", 0o600);
	try {
		let finished = reader.next().done === true;
		for await (const chunk of inflated.chunks) {
			bytes += chunk.length;
			const { maxBytes, ratioFromBytes, maxRatio } = defaultLimits;
			if (bytes > maxBytes || (bytes > ratioFromBytes && bytes > inflated.compressedBytes() * maxRatio))
				throw new CortenError("invalid-spec", `cannot read archive: it inflates to more than ${bytes - chunk.length} bytes`);
			sha512.update(chunk);
			sha256.update(chunk);
			writeAll(out, chunk);
			if (finished) continue;
			input.push(chunk);
			finished = reader.next().done === true;
		}
		input.end();
		if (!finished) reader.next();
	} finally {
		closeSync(out);
	}
	return { file, bytes, members, sha512: sha512.digest("hex"), sha256: sha256.digest("hex") };
}

/** Where the last member ends: what follows is the end mark and padding. */
export function tailStart({ members }: Members): number {
	return members.at(-1)?.end ?? 0;
}

/** Names what was read in an error of the tar reader. */
export function named(error: unknown, what: string): unknown {
	return isError(error) ? new CortenError(error.code, `cannot read ${what}`, { cause: error }) : error;
}
