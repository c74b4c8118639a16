// Sparse maps of GNU tar: the old format in header blocks, pax formats 0.0 and 0.1 in records, 1.0 in front of the data.
// All yield extents; what lies between them is a hole. A map that lies is refused before a byte of data is taken.
// @see GNU tar manual "Storing Sparse Files"

import { brokenEntry } from "./bytes.ts";
import { type PaxRecords, parseDecimal } from "./pax.ts";
import { blockBytes, parseNumber } from "./tar-header.ts";

/** offset, length, offset, length, ...: sorted, not overlapping, none empty. Bytes. */
export type Extents = readonly number[];

const maxExtents = 1 << 17;

/**
 * Checks a map against the sizes and drops its empty extents (GNU ends a map with one).
 * @param stored bytes of data in the archive @param size bytes of the file
 * @throws `invalid-spec` when extents overlap, run backwards, leave the file or do not add up to the stored bytes
 */
export function checkExtents(numbers: readonly number[], stored: number, size: number, name: string): Extents {
	if (numbers.length % 2 !== 0) throw brokenEntry(name, "its sparse map has an odd number of values");
	if (numbers.length > maxExtents * 2) throw brokenEntry(name, `its sparse map has more than ${maxExtents} extents`);
	const extents: number[] = [];
	let end = 0;
	let sum = 0;
	for (let i = 0; i < numbers.length; i += 2) {
		const offset = numbers[i] ?? 0;
		const length = numbers[i + 1] ?? 0;
		if (offset < end || length < 0 || offset + length > size) throw brokenEntry(name, "its sparse map overlaps or leaves the file");
		end = offset + length;
		sum += length;
		if (length > 0) extents.push(offset, length);
	}
	if (sum !== stored) throw brokenEntry(name, `its sparse map holds ${sum} bytes, its data ${stored}`);
	return extents;
}

/** Adds the extents of an old GNU header or extension block. @returns whether another extension block follows */
export function addOldExtents(block: Uint8Array, header: boolean, numbers: number[], name: string): boolean {
	const at = header ? 386 : 0;
	const count = header ? 4 : 21;
	for (let i = 0; i < count; i++) {
		const entry = at + i * 24;
		if (block[entry] === 0) break;
		numbers.push(parseNumber(block, entry, 12, "sparse map", name), parseNumber(block, entry + 12, 12, "sparse map", name));
	}
	if (numbers.length > maxExtents * 2) throw brokenEntry(name, `its sparse map has more than ${maxExtents} extents`);
	return block[at + count * 24] !== 0;
}

/** What the pax records say of sparseness: a map, a map in front of the data, or nothing. */
export type PaxSparse =
	| { readonly kind: "none" }
	| { readonly kind: "map"; readonly numbers: readonly number[]; readonly size: number }
	| { readonly kind: "data"; readonly size: number };

/** Reads the GNU.sparse.* records of one entry. @throws `invalid-spec` */
export function decodePaxSparse(records: PaxRecords, name: string): PaxSparse {
	const { values, sparse } = records;
	const number = (key: string) => parseDecimal(values.get(key) ?? "", key, name);
	const major = values.get("GNU.sparse.major");
	if (major !== undefined) {
		const version = `${major}.${values.get("GNU.sparse.minor")}`;
		if (version === "1.0") return { kind: "data", size: number("GNU.sparse.realsize") };
		if (version !== "0.0" && version !== "0.1") throw brokenEntry(name, `its sparse format ${version} is unknown`);
	}
	const map = values.get("GNU.sparse.map");
	const texts = map === undefined ? sparse : map === "" ? [] : map.split(",", maxExtents * 2 + 1);
	if (map === undefined && sparse.length === 0 && !values.has("GNU.sparse.numblocks")) return { kind: "none" };
	return { kind: "map", numbers: texts.map((text) => parseDecimal(text, "sparse map", name)), size: number("GNU.sparse.size") };
}

/**
 * Reads a 1.0 map as its blocks arrive: decimal lines, the first says how many pairs follow, padded to a whole block.
 * @returns the numbers and the bytes the map took; it is a generator that is handed one block after another
 */
export function* readDataMap(name: string): Generator<void, { readonly numbers: number[]; readonly bytes: number }, Uint8Array> {
	const numbers: number[] = [];
	let wanted = 1;
	let line = "";
	for (let bytes = blockBytes; ; bytes += blockBytes) {
		const block = yield;
		for (let i = 0; i < block.length; i++) {
			const byte = block[i] ?? 0;
			if (byte !== 0x0a) {
				line += String.fromCharCode(byte);
				if (line.length > 20) throw brokenEntry(name, "its sparse map holds a line too long");
				continue;
			}
			numbers.push(parseDecimal(line, "sparse map", name));
			line = "";
			if (numbers.length === 1) wanted += 2 * (numbers[0] ?? 0);
			if (wanted > maxExtents * 2 + 1) throw brokenEntry(name, `its sparse map has more than ${maxExtents} extents`);
			if (numbers.length === wanted) return { numbers: numbers.slice(1), bytes };
		}
	}
}
