// The blobs of the store: written once, verified, never changed; kept as they were distributed. And the edit of the index.
// @see image-spec image-layout.md

import { link, mkdtemp, open, rename, rm, stat } from "node:fs/promises";
import { CortenError, isError } from "../base/errors.ts";
import {
	exists,
	type Fd,
	isDurable,
	LOCK_EX,
	LOCK_SH,
	lock,
	makeFolder,
	makeFolders,
	O_DIRECTORY,
	O_RDONLY,
	openFd,
	replaceFile,
} from "../linux/file.ts";
import type { Descriptor } from "../spec/image.ts";
import { verifyBytes, verifyStream } from "./digest.ts";
import { ociIndex } from "./media-types.ts";
import { syncFolder } from "./sinks/blob-file.ts";
import { blobPath, holdStore, layersFolder, readEntries, type StoreEntry, storeFolder } from "./store.ts";

/** Folder for what is not verified yet; whatever lies there while nobody pulls is rubbish. */
export function temporaryFolder(root: string): string {
	return `${storeFolder(root)}/tmp`;
}

/** Makes the folders and the layout file, once. Idempotent; two at once are fine. */
export function createStore(root: string): void {
	const store = storeFolder(root);
	makeFolders(store);
	for (const folder of [`${store}/blobs`, `${store}/blobs/sha256`, temporaryFolder(root), layersFolder(root), `${root}/records`])
		makeFolder(folder);
	if (!exists(`${store}/oci-layout`)) replaceFile(`${store}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}\n');
	if (!exists(`${store}/index.json`)) updateEntries(root, (entries) => entries);
}

/** Holds the blobs, so that none is taken for rubbish before an index names it. @param operation LOCK_SH waits; LOCK_EX | LOCK_NB may return undefined */
export function holdBlobs(root: string, operation: number = LOCK_SH): Fd | undefined {
	const path = `${storeFolder(root)}/blobs`;
	const folder = openFd(path, O_RDONLY | O_DIRECTORY);
	if (lock(folder, operation, path)) return folder;
	folder[Symbol.dispose]();
	return undefined;
}

/**
 * Edits store/index.json under the store's exclusive lock, atomically and durably. The edit must be quick and synchronous.
 * @param change gets the entries and returns the new ones, or the same array when nothing is to be written
 */
export function updateEntries(root: string, change: (entries: readonly StoreEntry[]) => readonly StoreEntry[]): void {
	using _hold = holdStore(root, LOCK_EX);
	const before = readEntries(root);
	const after = change(before);
	if (after !== before || !exists(`${storeFolder(root)}/index.json`)) writeEntries(root, after);
}

/** Replaces store/index.json; the caller holds the store exclusively. */
export function writeEntries(root: string, manifests: readonly StoreEntry[]): void {
	const index = { schemaVersion: 2, mediaType: ociIndex, manifests };
	replaceFile(`${storeFolder(root)}/index.json`, `${JSON.stringify(index, undefined, "\t")}\n`);
}

/** Whether the blob is there with its size. It was verified when it got its name. */
export async function hasBlob(root: string, descriptor: Descriptor): Promise<boolean> {
	try {
		const found = await stat(blobPath(root, descriptor.digest));
		return found.isFile() && found.size === descriptor.size;
	} catch {
		return false;
	}
}

/**
 * Writes a blob: temp file, verification, fsync, rename, fsync of the folder. Idempotent. A failure leaves nothing behind.
 * @param onBytes told the number of bytes written so far
 * @throws `integrity`, `system`, and what the source throws
 */
export async function writeBlob(
	root: string,
	descriptor: Descriptor,
	source: AsyncIterable<Uint8Array>,
	onBytes?: (bytes: number) => void,
): Promise<void> {
	const path = blobPath(root, descriptor.digest);
	const folder = path.slice(0, path.lastIndexOf("/"));
	makeFolder(folder);
	const temporary = await mkdtemp(`${temporaryFolder(root)}/blob-`);
	try {
		const file = await open(`${temporary}/blob`, "wx", 0o600);
		try {
			let written = 0;
			for await (const chunk of verifyStream(source, descriptor, `blob "${descriptor.digest}"`)) {
				for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
				written += chunk.length;
				onBytes?.(written);
			}
			if (isDurable()) await file.sync();
		} finally {
			await file.close();
		}
		await rename(`${temporary}/blob`, path);
		await syncFolder(folder);
	} catch (cause) {
		throw isError(cause) ? cause : diskError(descriptor, cause);
	} finally {
		await rm(temporary, { recursive: true, force: true });
	}
}

/** What the disk has said while a blob was written. */
export function diskError(descriptor: Descriptor, cause: unknown): CortenError {
	const errno = cause instanceof Error && "errno" in cause && typeof cause.errno === "number" ? Math.abs(cause.errno) : undefined;
	return new CortenError("system", `cannot write blob "${descriptor.digest}"`, { cause, ...(errno === undefined ? {} : { errno }) });
}

/**
 * Makes a file of the store's temporary folder a blob, without copying: fsync, link, rename, fsync of the folder. Its digest must have been
 * computed while it was written. Idempotent.
 * @throws `integrity` when it does not have the descriptor's size; `system`
 */
export async function adoptBlob(root: string, descriptor: Descriptor, file: string): Promise<void> {
	const path = blobPath(root, descriptor.digest);
	const folder = path.slice(0, path.lastIndexOf("/"));
	makeFolder(folder);
	try {
		const opened = await open(file, "r");
		try {
			const { size } = await opened.stat();
			if (size !== descriptor.size) throw new CortenError("integrity", `cannot keep blob "${descriptor.digest}": it has ${size} bytes`);
			if (isDurable()) await opened.sync();
		} finally {
			await opened.close();
		}
		// By way of another name, so that a damaged blob in its place is replaced.
		await rm(`${file}.blob`, { force: true });
		await link(file, `${file}.blob`);
		await rename(`${file}.blob`, path);
		await rm(`${file}.blob`, { force: true }); // rename leaves it when both are one file already
		await syncFolder(folder);
	} catch (cause) {
		throw isError(cause) ? cause : diskError(descriptor, cause);
	}
}

/** Reads a small blob and verifies it again. @throws `not-found`, `integrity`, `invalid-spec` beyond maxBytes */
export async function readBlob(root: string, descriptor: Descriptor, maxBytes: number): Promise<Uint8Array> {
	const what = `blob "${descriptor.digest}"`;
	if (descriptor.size > maxBytes) throw new CortenError("invalid-spec", `cannot read ${what}: it is larger than ${maxBytes} bytes`);
	if (!(await hasBlob(root, descriptor))) throw new CortenError("not-found", `cannot read ${what}: it is not in the store, or damaged`);
	const bytes = await Bun.file(blobPath(root, descriptor.digest)).bytes();
	verifyBytes(bytes, descriptor, what);
	return bytes;
}

/** The bytes of a blob as a stream, not verified again: createLayer verifies what it makes of them. @throws `not-found` while it is read */
export async function* streamBlob(root: string, descriptor: Descriptor): AsyncGenerator<Uint8Array, void, undefined> {
	if (!(await hasBlob(root, descriptor)))
		throw new CortenError("not-found", `cannot read blob "${descriptor.digest}": it is not in the store, or damaged`);
	yield* Bun.file(blobPath(root, descriptor.digest)).stream();
}

/** All of a short stream, verified. @throws `invalid-spec` beyond maxBytes; `integrity`; what the source throws */
export async function collectVerified(source: AsyncIterable<Uint8Array>, descriptor: Descriptor, maxBytes: number): Promise<Uint8Array> {
	const what = `blob "${descriptor.digest}"`;
	if (descriptor.size > maxBytes) throw new CortenError("invalid-spec", `cannot read ${what}: it is larger than ${maxBytes} bytes`);
	const chunks: Uint8Array[] = [];
	for await (const chunk of verifyStream(source, descriptor, what)) chunks.push(chunk);
	return Buffer.concat(chunks);
}
