// Names of a layer are bytes, not text: a tar may hold Latin-1 or worse, and they must come out as they went in. Inside the layer code
// a name is a "byte string": a string whose char codes are the bytes (latin1), so that Map keys, sorting and slicing work on bytes.

import { CortenError } from "../../base/errors.ts";

const { latin1Slice, latin1Write } = Buffer.prototype;

/** The bytes as a byte string, as far as there are any. */
export function decodeBytes(bytes: Uint8Array, start = 0, end = bytes.length): string {
	// Not by way of a Buffer over the same bytes: a layer of 100,000 files would leave a million of them to the collector.
	const to = Math.min(end, bytes.length);
	return start >= to ? "" : latin1Slice.call(bytes, start, to);
}

/** The bytes of a byte string. */
export function encodeBytes(text: string): Uint8Array {
	return Buffer.from(text, "latin1");
}

/** Puts the bytes of a byte string into others, as far as they reach. */
export function putBytes(bytes: Uint8Array, at: number, text: string): void {
	if (text !== "") latin1Write.call(bytes, text, at);
}

const copying = new Uint8Array(4096);

/** The same text in memory of its own. What is cut out of a longer text keeps that alive: a name would hold its whole path. */
export function ownBytes(text: string): string {
	if (text.length > copying.length) return text;
	putBytes(copying, 0, text);
	return decodeBytes(copying, 0, text.length);
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
