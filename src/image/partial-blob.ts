// A blob that is fetched under its digest's own file, so that a pull which broke off, or was killed, is taken up where it ended: by the next pull, which
// hashes what is there as if it had just come. Whole, it becomes a blob; found wrong, it is thrown away.
// @see distribution-spec spec.md#pulling-blobs (Range)

import { open, rename, rm, stat } from "node:fs/promises";
import { isError } from "../base/errors.ts";
import { isDurable, makeFolder } from "../linux/file.ts";
import type { Descriptor, Digest } from "../spec/image.ts";
import { diskError, temporaryFolder } from "./blobs.ts";
import { verifyStream } from "./digest.ts";
import { syncFolder } from "./sinks/blob-file.ts";
import { blobPath } from "./store.ts";

/** Fewer are fetched again sooner than they are kept. */
const worthBytes = 1 << 20;
const keptMs = 24 * 3600_000;
const prefix = "partial-";

function partialPath(root: string, digest: Digest): string {
	return `${temporaryFolder(root)}/${prefix}${digest.replace(":", "-")}`;
}

/** Whether a file of the temporary folder is worth being kept for the next pull: it is one of these, of some size, and younger than a day. */
export function isWorthKeeping(name: string, file: { readonly size: number; readonly mtimeMs: number }, nowMs: number): boolean {
	return name.startsWith(prefix) && file.size >= worthBytes && nowMs - file.mtimeMs < keptMs;
}

/**
 * Fetches a blob from where the last attempt ended: verification, fsync, rename, fsync of the folder. The caller holds the blob's lock ({@link lockBlob}).
 * A source that fails leaves what has come, if it is worth it; bytes that are wrong leave nothing, and are fetched once more from the start when some of
 * them were found here.
 * @param source the blob's bytes from an offset on
 * @param onBytes told the number of bytes that are here
 * @throws `integrity`, `system`, and what the source throws
 */
export async function fetchBlob(
	root: string,
	descriptor: Descriptor,
	source: (from: number) => AsyncIterable<Uint8Array>,
	onBytes?: (bytes: number) => void,
): Promise<void> {
	const partial = partialPath(root, descriptor.digest);
	const found = (await stat(partial).catch(() => undefined))?.size ?? 0;
	const from = found <= descriptor.size ? found : 0;
	try {
		await append(partial, descriptor, from, source, onBytes);
		const path = blobPath(root, descriptor.digest);
		const folder = path.slice(0, path.lastIndexOf("/"));
		makeFolder(folder);
		await rename(partial, path);
		await syncFolder(folder);
	} catch (cause) {
		const wrong = isError(cause, "integrity");
		if (wrong || ((await stat(partial).catch(() => undefined))?.size ?? 0) < worthBytes) await rm(partial, { force: true });
		if (wrong && from > 0) return await fetchBlob(root, descriptor, source, onBytes);
		throw isError(cause) ? cause : diskError(descriptor, cause);
	}
}

async function append(
	partial: string,
	descriptor: Descriptor,
	from: number,
	source: (from: number) => AsyncIterable<Uint8Array>,
	onBytes?: (bytes: number) => void,
): Promise<void> {
	const file = await open(partial, from === 0 ? "w" : "a", 0o600);
	try {
		async function* whole(): AsyncGenerator<Uint8Array, void, undefined> {
			if (from > 0) yield* Bun.file(partial).slice(0, from).stream();
			if (from < descriptor.size) yield* source(from);
		}
		let at = 0;
		for await (const chunk of verifyStream(whole(), descriptor, `blob "${descriptor.digest}"`)) {
			at += chunk.length;
			if (at > from) for (let written = 0; written < chunk.length; ) written += (await file.write(chunk, written)).bytesWritten;
			onBytes?.(at);
		}
		if (isDurable()) await file.sync();
	} finally {
		await file.close();
	}
}
