// A blob or document as a file of its own, durable before it has its name; what the sinks that write folders share.

import { open, rename, rm, stat } from "node:fs/promises";
import { CortenError, isError } from "../../base/errors.ts";
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
			await file.sync();
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
	const folder = await open(path, "r");
	await folder.sync().finally(() => folder.close());
}
