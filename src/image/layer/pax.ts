// Extended header records of a pax archive: "LENGTH KEY=VALUE\n". Keys and values are byte strings; what they mean is tar-entry.ts' part.
// @see POSIX.1-2024 pax "pax Extended Header"

import { brokenEntry, decodeBytes } from "./bytes.ts";

/** The records of one extended header. */
export type PaxRecords = {
	/** The last value of each key; "" asks for the header block's own value. */
	readonly values: ReadonlyMap<string, string>;
	/** GNU.sparse.offset and .numbytes in their order: sparse format 0.0 repeats them once an extent. */
	readonly sparse: readonly string[];
};

/** No extended header. */
export const noRecords: PaxRecords = { values: new Map(), sparse: [] };

/** A decimal as pax and GNU write it: digits only, up to 2^53. @throws `invalid-spec` */
export function parseDecimal(text: string, what: string, name: string): number {
	const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
	if (!Number.isSafeInteger(value)) throw brokenEntry(name, `its ${what} is not a number in range`);
	return value;
}

/**
 * Splits an extended header into records.
 * @param name of the header's entry, for messages
 * @throws `invalid-spec` for a record whose length, separator or end is wrong
 */
export function decodePax(bytes: Uint8Array, name: string): PaxRecords {
	const values = new Map<string, string>();
	const sparse: string[] = [];
	for (let at = 0; at < bytes.length; ) {
		const space = bytes.indexOf(0x20, at);
		const digits = space < 0 || space - at > 8 ? "" : decodeBytes(bytes, at, space);
		const length = /^[0-9]+$/.test(digits) ? Number(digits) : 0;
		const end = at + length;
		const equals = bytes.indexOf(0x3d, space);
		if (length === 0 || end > bytes.length || bytes[end - 1] !== 0x0a || equals <= space + 1 || equals >= end) {
			throw brokenEntry(name, `its pax record at byte ${at} is malformed`);
		}
		const key = decodeBytes(bytes, space + 1, equals);
		const value = decodeBytes(bytes, equals + 1, end - 1);
		if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") {
			// The two alternate; anything else would pair an offset with another extent's length.
			if ((key === "GNU.sparse.offset") !== (sparse.length % 2 === 0)) throw brokenEntry(name, "its sparse records do not alternate");
			sparse.push(value);
		} else values.set(key, value);
		at = end;
	}
	return { values, sparse };
}

// What says where or how much, and not how: as a global header it would give every entry that follows the same name or size.
const perEntryOnly = ["path", "linkpath", "size"];

/** Lays a global header over the globals so far. @throws `invalid-spec` for keys that can only belong to one entry */
export function mergeGlobals(globals: PaxRecords, added: PaxRecords, name: string): PaxRecords {
	for (const key of added.values.keys()) {
		if (perEntryOnly.includes(key) || key.startsWith("GNU.sparse.")) throw brokenEntry(name, `its global pax header sets ${key}`);
	}
	if (added.sparse.length > 0) throw brokenEntry(name, "its global pax header sets GNU.sparse.offset");
	return { values: new Map([...globals.values, ...added.values]), sparse: [] };
}
