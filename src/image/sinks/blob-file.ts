// A blob or document as a file of its own, durable before it has its name; what the sinks that write folders share.

import { open, realpath, rename, rm, stat } from "node:fs/promises";
import { CortenError, isError } from "../../base/errors.ts";
import { isDurable } from "../../linux/file.ts";
import type { Descriptor } from "../../spec/image.ts";

/**
 * Writes a stream to a file: temp file beside it, fsync, rename. A failure leaves nothing behind.
 * @param content verified while it flows; its error is passed on
 * @throws `system` for the disk's errors; what the content throws
 */
export async function writeBlobFile(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
	const temporary = `${path}.${process.pid}.tmp`;
	try {
		const file = await open(temporary, "w", 0o644);
		try {
			for await (const chunk of content) for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
			if (isDurable()) await file.sync();
		} finally {
			await file.close();
		}
		await rename(temporary, path);
	} catch (cause) {
		await rm(temporary, { force: true });
		throw isError(cause) ? cause : new CortenError("system", `cannot write "${path}"`, { cause, ...errnoOf(cause) });
	}
}

function errnoOf(cause: unknown): { readonly errno?: number } {
	return cause instanceof Error && "errno" in cause && typeof cause.errno === "number" ? { errno: Math.abs(cause.errno) } : {};
}

/**
 * Writes a stream to where a person wants it: a file is replaced when its bytes are all there; what is no regular file (a device, a pipe, a
 * link to one) is written into, and stays what it is.
 * @throws as {@link writeBlobFile}
 */
export async function writeOutputFile(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
	const found = await stat(path).catch(() => undefined);
	if (found === undefined || found.isFile()) return await writeBlobFile(await realpath(path).catch(() => path), content);
	try {
		const file = await open(path, "w");
		try {
			for await (const chunk of content) for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
		} finally {
			await file.close();
		}
	} catch (cause) {
		throw isError(cause) ? cause : new CortenError("system", `cannot write "${path}"`, { cause, ...errnoOf(cause) });
	}
}

/** Whether a file is there with a blob's size; it got its name when it was whole. */
export async function hasBlobFile(path: string, descriptor: Descriptor): Promise<boolean> {
	try {
		const found = await stat(path);
		return found.isFile() && found.size === descriptor.size;
	} catch {
		return false;
	}
}

/** One chunk as a stream. */
export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
	yield bytes;
}

/** Syncs a folder, so that the names in it stay. */
export async function syncFolder(path: string): Promise<void> {
	if (!isDurable()) return;
	const folder = await open(path, "r");
	await folder.sync().finally(() => folder.close());
}
