// The headers of a tar's member under another name: an ACI keeps below `rootfs/` what a layer keeps at its root. Everything else of the
// headers (their form, order, padding) stays as it was, so that the way back gives the same bytes; where it does not, the recipe has them.
// @see POSIX.1-2024 pax; GNU tar manual "Basic Tar Format"

import { CortenError } from "../../base/errors.ts";
import { decodeBytes, encodeBytes } from "../layer/bytes.ts";
import { blockBytes, decodeHeader } from "../layer/tar-header.ts";

/** What names begin with before and after: `rootfs/` and nothing, or the other way round. */
export type Stem = { readonly from: string; readonly to: string };

/** The opposite. */
export function reversed({ from, to }: Stem): Stem {
	return { from: to, to: from };
}

/** What the root itself is called: a layer whose names begin with nothing calls it `./`. */
function rootOf(stem: string): string {
	return stem === "" ? "./" : stem;
}

/** A name under the other stem; undefined when it does not begin with the first. */
function swap(name: string, { from, to }: Stem): string | undefined {
	if (name === rootOf(from)) return rootOf(to);
	if (from === "" ? name.startsWith("/") || name.startsWith("./") : !name.startsWith(from)) return undefined;
	return to + name.slice(from.length);
}

function padded(bytes: Uint8Array): Uint8Array {
	const whole = new Uint8Array(Math.ceil(bytes.length / blockBytes) * blockBytes);
	whole.set(bytes);
	return whole;
}

function putField(block: Uint8Array, at: number, length: number, value: string): void {
	block.fill(0, at, at + length);
	block.set(encodeBytes(value), at);
}

function sign(block: Uint8Array): void {
	block.fill(0x20, 148, 156);
	let sum = 0;
	for (let i = 0; i < blockBytes; i++) sum += block[i] ?? 0;
	putField(block, 148, 7, sum.toString(8).padStart(6, "0"));
}

function octal(value: number, digits: number): string {
	return value.toString(8).padStart(digits, "0");
}

/** One pax record. */
function paxRecord(key: string, value: string): string {
	const rest = ` ${key}=${value}\n`.length;
	let length = rest + String(rest).length;
	if (String(length).length !== String(rest).length) length = rest + String(length).length;
	return `${length} ${key}=${value}\n`;
}

/** Splits records, which decodePax has found well-formed. */
function paxRecords(bytes: Uint8Array): [key: string, value: string][] {
	const records: [string, string][] = [];
	const text = decodeBytes(bytes);
	for (let at = 0; at < text.length; ) {
		const space = text.indexOf(" ", at);
		const end = at + Number(text.slice(at, space));
		const equals = text.indexOf("=", space);
		if (!(end > at) || end > text.length || equals < 0) throw new CortenError("bug", "a pax record was not checked");
		records.push([text.slice(space + 1, equals), text.slice(equals + 1, end - 1)]);
		at = end;
	}
	return records;
}

type Part = { readonly type: string; readonly header: Uint8Array; readonly body: Uint8Array; readonly size: number };

/** The headers of one member apart: extended ones first, its own last, with what follows it (an old sparse map) as body. */
function split(group: Uint8Array): Part[] {
	const parts: Part[] = [];
	for (let at = 0; at < group.length; ) {
		const header = group.subarray(at, at + blockBytes);
		const { type, size } = decodeHeader(header);
		at += blockBytes;
		const extended = "xXgLKV".includes(type);
		const end = extended ? at + Math.ceil(size / blockBytes) * blockBytes : group.length;
		parts.push({ type, header, body: group.subarray(at, end), size });
		at = end;
	}
	return parts;
}

function withBody(header: Uint8Array, body: Uint8Array): Uint8Array[] {
	const changed = new Uint8Array(header); // a Buffer's slice would be the same bytes
	putField(changed, 124, 12, octal(body.length, 11));
	sign(changed);
	return [changed, padded(body)];
}

/** The own header under other names; undefined when they do not fit. */
function ownHeader(
	header: Uint8Array,
	isLink: boolean,
	stem: Stem,
	nameElsewhere: boolean,
	linkElsewhere: boolean,
): Uint8Array | undefined {
	const block = new Uint8Array(header);
	const posix = decodeBytes(block, 257, 263) === "ustar\0" && decodeBytes(block, 508, 512) !== "tar\0";
	const cut = (at: number, length: number) => decodeBytes(block, at, at + length).replace(/\0[\s\S]*$/, "");
	const prefix = posix ? cut(345, 155) : "";
	const at = prefix === "" ? 0 : 345;
	const length = prefix === "" ? 100 : 155;
	const before = prefix === "" ? cut(0, 100) : `${prefix}/`;
	const swapped = swap(before, stem);
	const fits = swapped !== undefined && swapped.length - (prefix === "" ? 0 : 1) <= length;
	// What a longer name stands for is a shortened one, and nobody reads it.
	if (!fits && !nameElsewhere) return undefined;
	if (fits && swapped !== undefined) putField(block, at, length, prefix === "" ? swapped : swapped === "./" ? "" : swapped.slice(0, -1));
	if (isLink && !linkElsewhere) {
		const link = swap(cut(157, 100), stem);
		if (link === undefined || link.length > 100) return undefined;
		putField(block, 157, 100, link);
	}
	sign(block);
	return block;
}

/**
 * A member's headers with its name, and the target of a hard link, under the other stem.
 * @returns undefined when the name does not begin with the stem, or does not fit the form its headers have
 */
export function retarHeaders(group: Uint8Array, stem: Stem): Uint8Array | undefined {
	const parts = split(group);
	const own = parts.at(-1);
	if (own === undefined) return undefined;
	const isLink = own.type === "1";
	let nameElsewhere = false;
	let linkElsewhere = false;
	const out: Uint8Array[] = [];
	for (const part of parts.slice(0, -1)) {
		if (part.type === "V") return undefined;
		const data = part.body.subarray(0, part.size);
		if (part.type === "g" || (part.type === "K" && !isLink)) out.push(part.header, part.body);
		else if (part.type === "L" || part.type === "K") {
			const text = decodeBytes(data);
			const end = text.indexOf("\0");
			const swapped = swap(end < 0 ? text : text.slice(0, end), stem);
			if (swapped === undefined) return undefined;
			if (part.type === "L") nameElsewhere = true;
			else linkElsewhere = true;
			out.push(...withBody(part.header, encodeBytes(swapped + (end < 0 ? "" : text.slice(end)))));
		} else {
			const records: string[] = [];
			for (const [key, value] of paxRecords(data)) {
				const names = key === "path" || key === "GNU.sparse.name";
				if (!names && !(key === "linkpath" && isLink)) {
					records.push(paxRecord(key, value));
					continue;
				}
				const swapped = swap(value, stem);
				if (swapped === undefined) return undefined;
				if (names) nameElsewhere = true;
				else linkElsewhere = true;
				records.push(paxRecord(key, swapped));
			}
			out.push(...withBody(part.header, encodeBytes(records.join(""))));
		}
	}
	const header = ownHeader(own.header, isLink, stem, nameElsewhere, linkElsewhere);
	return header === undefined ? undefined : Buffer.concat([...out, header, own.body]);
}
