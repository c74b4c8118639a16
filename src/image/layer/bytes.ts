// Names of a layer are bytes, not text: a tar may hold Latin-1 or worse, and they must come out as they went in. Inside the layer code
// a name is a "byte string": a string whose char codes are the bytes (latin1), so that Map keys, sorting and slicing work on bytes.

import { CortenError } from "../../base/errors.ts";

/** The bytes as a byte string. */
export function decodeBytes(bytes: Uint8Array, start = 0, end = bytes.length): string {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1", start, end);
}

/** The bytes of a byte string. */
export function encodeBytes(text: string): Uint8Array {
	return Buffer.from(text, "latin1");
}

/** The bytes of a byte string and a NUL, as the kernel reads a path. */
export function cBytes(text: string): Uint8Array {
	return Buffer.from(`${text}\0`, "latin1");
}

/** A byte string for a message: as UTF-8 where it is, control characters escaped, long ones cut. */
export function formatBytes(text: string): string {
	const shown = JSON.stringify(Buffer.from(text.slice(0, 200), "latin1").toString("utf8"));
	return text.length > 200 ? `${shown}...` : shown;
}

/** The error for an entry that breaks the tar or layer format. @returns `invalid-spec` */
export function brokenEntry(name: string, why: string): CortenError {
	return new CortenError("invalid-spec", `cannot read layer entry ${formatBytes(name)}: ${why}`);
}
