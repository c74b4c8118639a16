// Writes tar members, the inverse of tar-entry.ts: ustar where ustar can say it, a pax header before it where it cannot. The same entry
// gives the same bytes: no clock, no process number.
// @see POSIX.1-2024 pax "ustar Interchange Format", "pax Extended Header Keyword Precedence"

import { encodeBytes } from "./bytes.ts";
import type { TarEntry } from "./tar-entry.ts";

/** What a member says of itself; names, target and attributes are byte strings. Sparse files are written whole. */
export type TarMember = Omit<TarEntry, "extents">;

const blockBytes = 512;
const typeflags = { file: "0", link: "1", symlink: "2", char: "3", block: "4", directory: "5", fifo: "6" } as const;
/** The largest number of an octal field of 7 and of 11 digits. */
const octal7 = 0o7777777;
const octal11 = 0o77777777777;
const deviceMax = octal7;

/** The end mark of an archive. */
export const tarEnd: Uint8Array = new Uint8Array(2 * blockBytes);

/** The zeros after `size` bytes of content, up to the next block. */
export function tarPadding(size: number): Uint8Array {
	return new Uint8Array((blockBytes - (size % blockBytes)) % blockBytes);
}

/** A name in ustar's two fields: `prefix/name`, the name up to 100 bytes, the prefix up to 155. @returns undefined when it does not fit */
function splitName(name: string): { readonly prefix: string; readonly name: string } | undefined {
	if (name.length <= 100) return { prefix: "", name };
	for (let at = name.indexOf("/", name.length - 101); at > 0 && at <= 155; at = name.indexOf("/", at + 1))
		if (at < name.length - 1) return { prefix: name.slice(0, at), name: name.slice(at + 1) };
	return undefined;
}

type Fields = {
	readonly name: string;
	readonly prefix: string;
	readonly linkname: string;
	readonly type: string;
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	readonly size: number;
	readonly mtime: number;
	readonly major: number;
	readonly minor: number;
};

function encodeBlock(fields: Fields): Uint8Array {
	const block = new Uint8Array(blockBytes);
	const put = (at: number, text: string) => block.set(encodeBytes(text), at);
	const octal = (at: number, length: number, value: number) => put(at, value.toString(8).padStart(length - 1, "0"));
	put(0, fields.name);
	octal(100, 8, fields.mode);
	octal(108, 8, fields.uid);
	octal(116, 8, fields.gid);
	octal(124, 12, fields.size);
	octal(136, 12, fields.mtime);
	put(148, "        ");
	put(156, fields.type);
	put(157, fields.linkname);
	put(257, "ustar\u000000");
	octal(329, 8, fields.major);
	octal(337, 8, fields.minor);
	put(345, fields.prefix);
	const sum = block.reduce((total, byte) => total + byte, 0);
	put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
	return block;
}

/** `LENGTH KEY=VALUE\n`, the length counting itself. */
function paxRecord(key: string, value: string): string {
	const rest = ` ${key}=${value}\n`;
	let length = rest.length + 1;
	while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
	return `${length}${rest}`;
}

function paxTime(seconds: number, nanoseconds: number): string {
	if (nanoseconds === 0) return `${seconds}`;
	// A negative time with a fraction counts down from the next second: -1.5 is -2 and half a second.
	const [whole, fraction, sign] = seconds < 0 ? [-seconds - 1, 1e9 - nanoseconds, "-"] : [seconds, nanoseconds, ""];
	return `${sign}${whole}.${`${fraction}`.padStart(9, "0").replace(/0+$/, "")}`;
}

/**
 * The header blocks of a member. Its content, padded ({@link tarPadding}), follows when it is a file.
 * @param member a folder's name should end with a slash
 */
export function encodeTarHeader(member: TarMember): Uint8Array {
	const size = member.kind === "file" ? member.size : 0;
	const target = member.kind === "link" || member.kind === "symlink" ? member.target : "";
	const records: string[] = [];
	const record = (key: string, value: string) => void records.push(paxRecord(key, value));
	const split = splitName(member.name);
	if (split === undefined) record("path", member.name);
	if (target.length > 100) record("linkpath", target);
	if (size > octal11) record("size", `${size}`);
	if (member.uid > octal7) record("uid", `${member.uid}`);
	if (member.gid > octal7) record("gid", `${member.gid}`);
	const plainTime = member.nanoseconds === 0 && member.seconds >= 0 && member.seconds <= octal11;
	if (!plainTime) record("mtime", paxTime(member.seconds, member.nanoseconds));
	for (const [key, value] of [...member.xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) record(`SCHILY.xattr.${key}`, value);
	const device = member.kind === "char" || member.kind === "block";
	const header = encodeBlock({
		...(split ?? { prefix: "", name: member.name.slice(0, 100) }),
		linkname: target.slice(0, 100),
		type: typeflags[member.kind],
		mode: member.mode & 0o7777,
		uid: Math.min(member.uid, octal7),
		gid: Math.min(member.gid, octal7),
		size: size > octal11 ? 0 : size,
		mtime: plainTime ? member.seconds : Math.min(Math.max(member.seconds, 0), octal11),
		major: device ? Math.min(member.major, deviceMax) : 0,
		minor: device ? Math.min(member.minor, deviceMax) : 0,
	});
	if (records.length === 0) return header;
	const data = encodeBytes(records.join(""));
	const none = { uid: 0, gid: 0, mtime: 0, major: 0, minor: 0, linkname: "", prefix: "" };
	const extension = encodeBlock({ ...none, name: "././@PaxHeader", type: "x", mode: 0o644, size: data.length });
	return Buffer.concat([extension, data, tarPadding(data.length), header]);
}
