// One 512-byte header block of a tar: v7, ustar, GNU and star forms. Pure: bytes in, fields out.
// @see POSIX.1-2024 pax "ustar Interchange Format", GNU tar manual "Basic Tar Format"

import { CortenError } from "../../base/errors.ts";
import { brokenEntry, decodeBytes } from "./bytes.ts";

/** The unit of a tar. */
export const blockBytes = 512;

/** The fields of one header block, before extended headers are laid over them. Names are byte strings. */
export type TarHeader = {
	readonly name: string;
	readonly linkname: string;
	/** The type flag, "0" for the NUL of old archives. */
	readonly type: string;
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	/** Bytes stored after the header. */
	readonly size: number;
	/** Seconds since the epoch. */
	readonly mtime: number;
	readonly major: number;
	readonly minor: number;
};

/** Bytes up to the first NUL. */
function field(block: Uint8Array, at: number, length: number): string {
	const end = block.indexOf(0, at);
	return end === at ? "" : decodeBytes(block, at, end < 0 ? at + length : Math.min(end, at + length));
}

/** GNU's base-256: bit 7 of the first byte marks it, bit 6 is the sign, big-endian two's complement. */
function parseBase256(block: Uint8Array, at: number, length: number): number {
	const first = block[at] ?? 0;
	const negative = (first & 0x40) !== 0;
	const flip = negative ? 0xff : 0;
	let value = (first ^ flip) & 0x3f;
	for (let i = 1; i < length && value <= Number.MAX_SAFE_INTEGER; i++) value = value * 256 + ((block[at + i] ?? 0) ^ flip);
	return negative ? -value - 1 : value;
}

/**
 * Reads a number field: octal digits between spaces and NULs, or base-256. An empty field is 0.
 * @throws `invalid-spec` when it is neither, or beyond 2^53
 */
export function parseNumber(block: Uint8Array, at: number, length: number, what: string, name: string): number {
	let value = 0;
	if (((block[at] ?? 0) & 0x80) !== 0) value = parseBase256(block, at, length);
	else {
		let i = at;
		const end = at + length;
		const padding = (byte: number | undefined) => byte === 0x20 || byte === 0;
		while (i < end && padding(block[i])) i++;
		for (; i < end && !padding(block[i]); i++) {
			const digit = (block[i] ?? 0) - 0x30;
			if (digit < 0 || digit > 7) throw brokenEntry(name, `its ${what} is not a number`);
			value = value * 8 + digit;
		}
	}
	if (!Number.isSafeInteger(value)) throw brokenEntry(name, `its ${what} is out of range`);
	return value;
}

/** Whether the block is all zero: the end-of-archive mark. */
export function isZeroBlock(block: Uint8Array): boolean {
	for (let i = 0; i < block.length; i++) if (block[i] !== 0) return false;
	return true;
}

/** Sums the block with its checksum field as spaces; old Suns summed signed bytes, so both are accepted. */
function verifyChecksum(block: Uint8Array, name: string): void {
	let unsigned = 8 * 0x20;
	let signed = unsigned;
	for (let i = 0; i < blockBytes; i++) {
		if (i >= 148 && i < 156) continue;
		const byte = block[i] ?? 0;
		unsigned += byte;
		signed += byte > 127 ? byte - 256 : byte;
	}
	const stored = parseNumber(block, 148, 8, "checksum", name);
	if (stored !== unsigned && stored !== signed) {
		throw new CortenError("invalid-spec", `cannot read layer: a header's checksum is ${stored}, its bytes sum to ${unsigned}`);
	}
}

/**
 * Decodes one header block.
 * @throws `invalid-spec` for a wrong checksum or a field that is no number
 */
export function decodeHeader(block: Uint8Array): TarHeader {
	const short = field(block, 0, 100);
	verifyChecksum(block, short);
	// "ustar\0" is POSIX, "ustar " is GNU, which keeps other things in the place of the prefix. star's own mark shortens the prefix.
	const posix = decodeBytes(block, 257, 263) === "ustar\0";
	const prefix = posix ? field(block, 345, decodeBytes(block, 508, 512) === "tar\0" ? 131 : 155) : "";
	const name = prefix === "" ? short : `${prefix}/${short}`;
	const flag = decodeBytes(block, 156, 157);
	const device = flag === "3" || flag === "4";
	return {
		name,
		linkname: field(block, 157, 100),
		type: flag === "\0" ? "0" : flag,
		mode: parseNumber(block, 100, 8, "mode", name),
		uid: parseNumber(block, 108, 8, "uid", name),
		gid: parseNumber(block, 116, 8, "gid", name),
		size: parseNumber(block, 124, 12, "size", name),
		mtime: parseNumber(block, 136, 12, "mtime", name),
		major: device ? parseNumber(block, 329, 8, "device number", name) : 0,
		minor: device ? parseNumber(block, 337, 8, "device number", name) : 0,
	};
}
