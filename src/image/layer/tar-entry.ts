// One entry of a tar: its header block with long names and pax records laid over it, checked, in the terms the tree needs.
// @see POSIX.1-2024 pax "pax Extended Header Keyword Precedence"; image-spec layer.md#file-attributes

import { brokenEntry, decodeBytes } from "./bytes.ts";
import { type PaxRecords, parseDecimal } from "./pax.ts";
import type { Extents } from "./sparse.ts";
import type { TarHeader } from "./tar-header.ts";

const kinds = {
	"0": "file",
	"1": "link",
	"2": "symlink",
	"3": "char",
	"4": "block",
	"5": "directory",
	"6": "fifo",
	"7": "file", // contiguous file
	S: "file", // old GNU sparse
} as const;

/** What an entry makes. */
export type EntryKind = (typeof kinds)[keyof typeof kinds];

/** A decoded entry; name, target and extended attributes are byte strings. */
export type TarEntry = {
	readonly name: string;
	readonly kind: EntryKind;
	/** Of a hard or symbolic link. */
	readonly target: string;
	/** Permission bits with set-user-ID, set-group-ID and sticky. */
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	readonly seconds: number;
	readonly nanoseconds: number;
	readonly major: number;
	readonly minor: number;
	/** Bytes of the file, holes included. */
	readonly size: number;
	/** Where the data of a sparse file lies; undefined when all of it is stored. */
	readonly extents: Extents | undefined;
	readonly xattrs: ReadonlyMap<string, string>;
};

/** Whether data blocks follow: a size in any other entry is noise, and every reader of images skips nothing for it. */
export function hasData(type: string): boolean {
	return type === "0" || type === "7" || type === "S";
}

const pathMax = 4096;

function checkedPath(path: string, what: string, name: string): string {
	if (path.includes("\0")) throw brokenEntry(name, `its ${what} holds a NUL byte`);
	if (path.length >= pathMax) throw brokenEntry(name, `its ${what} is longer than ${pathMax - 1} bytes`);
	return path;
}

function parseTime(text: string, name: string): { seconds: number; nanoseconds: number } {
	const match = /^(-?)([0-9]{1,16})(?:\.([0-9]*))?$/.exec(text);
	if (match === null) throw brokenEntry(name, "its mtime is not a number");
	const seconds = Number(match[2]);
	const nanoseconds = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
	if (match[1] !== "-") return { seconds, nanoseconds };
	return nanoseconds === 0 ? { seconds: 0 - seconds, nanoseconds } : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

const noXattrs: ReadonlyMap<string, string> = new Map();

/** The extended attributes: star's records hold raw bytes, libarchive's base64; star's win, as bsdtar itself writes both. */
function decodeXattrs(values: ReadonlyMap<string, string>, name: string): ReadonlyMap<string, string> {
	let xattrs: Map<string, string> | undefined;
	for (const [key, value] of values) {
		if (key.startsWith("SCHILY.xattr.")) {
			xattrs ??= new Map();
			xattrs.set(key.slice(13), value);
		} else if (key.startsWith("LIBARCHIVE.xattr.")) {
			const plain = key.slice(17).replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
			if (values.has(`SCHILY.xattr.${plain}`)) continue;
			if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value)) throw brokenEntry(name, "its extended attribute is not base64");
			xattrs ??= new Map();
			xattrs.set(plain, decodeBytes(Buffer.from(value, "base64")));
		}
	}
	return xattrs ?? noXattrs;
}

/** What precedes an entry's header and belongs to it. */
export type EntryPrefix = {
	readonly pax: PaxRecords;
	readonly globals: PaxRecords;
	readonly longName: string | undefined;
	readonly longLink: string | undefined;
};

/** Two ways to say one thing must agree: where they differ, two readers see two archives. */
function oneOf(long: string | undefined, pax: string | undefined, header: string, name: string): string {
	if (long !== undefined && pax !== undefined && long !== pax) throw brokenEntry(name, "its GNU long name and its pax path differ");
	return long ?? pax ?? header;
}

/** The name an entry has after its prefix: needed first, for messages. */
export function entryName(header: TarHeader, prefix: EntryPrefix): string {
	const pax = prefix.pax.values.get("GNU.sparse.name") || prefix.pax.values.get("path") || undefined;
	return oneOf(prefix.longName, pax, header.name, header.name);
}

/** Bytes stored after the header, padding not counted. A pax size is only the entry's, never that of the headers before it (CVE-2025-62518). */
export function storedSize(header: TarHeader, prefix: EntryPrefix, name: string): number {
	if (!hasData(header.type)) return 0;
	const pax = prefix.pax.values.get("size");
	const size = pax ? parseDecimal(pax, "size", name) : header.size;
	if (size < 0) throw brokenEntry(name, "its size is negative");
	return size;
}

/**
 * Puts an entry together.
 * @param size and extents as the sparse map says
 * @throws `invalid-spec` for an unknown type, a name or number out of range
 */
export function createEntry(header: TarHeader, prefix: EntryPrefix, name: string, size: number, extents: Extents | undefined): TarEntry {
	const kind = (kinds as Readonly<Record<string, EntryKind>>)[header.type];
	if (kind === undefined) throw brokenEntry(name, `its type ${JSON.stringify(header.type)} is unknown`);
	const record = (key: string) => prefix.pax.values.get(key) ?? prefix.globals.values.get(key) ?? "";
	const id = (key: "uid" | "gid") => {
		const text = record(key);
		const value = text === "" ? header[key] : parseDecimal(text, key, name);
		if (value < 0 || value > 0xfffffffe) throw brokenEntry(name, `its ${key} is out of range`);
		return value;
	};
	const time = record("mtime");
	// Old archives have no type for folders, only a slash at the end.
	const directory = kind === "file" && name.endsWith("/");
	return {
		name: checkedPath(name, "name", name),
		kind: directory ? "directory" : kind,
		target: checkedPath(oneOf(prefix.longLink, prefix.pax.values.get("linkpath") || undefined, header.linkname, name), "link target", name),
		mode: header.mode & 0o7777,
		uid: id("uid"),
		gid: id("gid"),
		...(time === "" ? { seconds: header.mtime, nanoseconds: 0 } : parseTime(time, name)),
		major: header.major,
		minor: header.minor,
		size,
		extents,
		xattrs:
			prefix.pax.values.size + prefix.globals.values.size === 0
				? noXattrs
				: decodeXattrs(new Map([...prefix.globals.values, ...prefix.pax.values]), name),
	};
}
