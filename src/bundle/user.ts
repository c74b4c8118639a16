// Who the payload runs as: `uid[:gid]` or `name[:group]`, resolved by the image's own passwd and group texts. All of it is hostile
// input: the texts come from the image, the words from a person or the image.
// A word of digits is never looked up as a name, whatever passwd says (CVE-2026-46680), and numbers stay below 2^32-1 (CVE-2024-40635).

import { CortenError } from "../base/errors.ts";

/** The largest id: 2^32-1 means "no change" to setresuid(2). */
export const maxId = 0xffff_fffe;
/** Longer lines are refused: useradd writes a few hundred bytes, a group of 1,000 members some 10,000. */
export const maxLineLength = 64 << 10;
/** More groups than this setgroups(2) does not take. */
const maxGroups = 65536;

/** The texts of /etc/passwd and /etc/group in the root filesystem, "" for a missing one. */
export type UserFiles = { readonly passwd: string; readonly group: string };

/** A resolved user. */
export type ResolvedUser = {
	readonly uid: number;
	readonly gid: number;
	/** gid first (CVE-2022-36109), then the groups that name the user, then the added ones; no duplicates. */
	readonly additionalGids: readonly number[];
	/** From passwd; "/" without an entry. */
	readonly home: string;
};

type PasswdEntry = { readonly name: string; readonly uid: number; readonly gid: number; readonly home: string };

const digit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** `0`, `1000`; undefined for what is no id: signs, spaces, leading zeros, 2^32-1 and beyond. */
export function parseId(text: string): number | undefined {
	if (text.length === 0 || text.length > 10 || (text.length > 1 && text[0] === "0")) return undefined;
	// Character by character: a first regular expression costs a start more than the whole file.
	for (let index = 0; index < text.length; index++) if (!digit(text.charCodeAt(index))) return undefined;
	const id = Number(text);
	return id <= maxId ? id : undefined;
}

/** Calls `visit` with the fields of each well-formed line of a passwd or group text, until it returns true. */
function scan(text: string, file: string, fields: number, visit: (parts: readonly string[]) => boolean): void {
	for (let start = 0; start < text.length; ) {
		const newline = text.indexOf("\n", start);
		const end = newline < 0 ? text.length : newline;
		if (end - start > maxLineLength) {
			throw new CortenError("invalid-spec", `cannot read ${file} of the image: a line is longer than ${maxLineLength} characters`);
		}
		const line = text.slice(start, text[end - 1] === "\r" ? end - 1 : end);
		start = end + 1;
		if (line === "" || line.startsWith("#") || line.includes("\0")) continue;
		const parts = line.split(":");
		if (parts.length >= fields && parts[0] !== "" && visit(parts)) return;
	}
}

function findPasswd(text: string, wanted: number | string): PasswdEntry | undefined {
	let found: PasswdEntry | undefined;
	scan(text, "/etc/passwd", 6, ([name = "", , uidText = "", gidText = "", , home = ""]) => {
		const uid = parseId(uidText);
		const gid = parseId(gidText);
		if (uid === undefined || gid === undefined || wanted !== (typeof wanted === "number" ? uid : name)) return false;
		found = { name, uid, gid, home: home.startsWith("/") ? home : "/" };
		return true;
	});
	return found;
}

function findGroup(text: string, wanted: string): number | undefined {
	let found: number | undefined;
	scan(text, "/etc/group", 3, ([name, , gidText = ""]) => {
		if (name === wanted) found = parseId(gidText);
		return found !== undefined;
	});
	return found;
}

function groupsOf(text: string, user: string): number[] {
	const gids: number[] = [];
	scan(text, "/etc/group", 4, ([, , gidText = "", members = ""]) => {
		const gid = members.split(",").includes(user) ? parseId(gidText) : undefined;
		if (gid !== undefined) gids.push(gid);
		return false;
	});
	return gids;
}

/** A word of a user option: an id, or a name that can stand in passwd. */
function parseWord(word: string, noun: "user" | "group", at: string): number | string {
	if (/^\d+$/.test(word)) {
		const id = parseId(word);
		if (id !== undefined) return id;
		throw new CortenError("invalid-argument", `cannot use ${noun} "${shorten(word)}": ids are 0 to ${maxId}, without leading zeros`, {
			at,
		});
	}
	// A sign makes a number for other parsers and a name for this one: refused, as are control characters and overlong words.
	if (word === "" || word.length > 256 || /^[-+]|[\0-\x20:,/\x7f]/.test(word)) {
		throw new CortenError("invalid-argument", `cannot parse ${noun} "${shorten(word)}"`, { at });
	}
	return word;
}

function shorten(text: string): string {
	return JSON.stringify(text.length > 64 ? `${text.slice(0, 61)}...` : text).slice(1, -1);
}

/**
 * Resolves a user.
 * @param text `uid`, `uid:gid`, `name`, `name:group` or a mix; "" is root
 * @param added names or ids of further groups (`--group-add`)
 * @param at where the text was, for errors
 * @throws `invalid-argument` for a text outside the grammar; `not-found` for a name without entry; `invalid-spec` for hostile files
 */
export function resolveUser(text: string, files: UserFiles, added: readonly string[] = [], at = "--user"): ResolvedUser {
	const colon = text.indexOf(":");
	const userWord = text === "" ? 0 : parseWord(colon < 0 ? text : text.slice(0, colon), "user", at);
	const groupWord = colon < 0 ? undefined : parseWord(text.slice(colon + 1), "group", at);
	const entry = findPasswd(files.passwd, userWord);
	const uid = typeof userWord === "number" ? userWord : entry?.uid;
	if (uid === undefined) throw new CortenError("not-found", `cannot find user "${shorten(text)}" in /etc/passwd of the image`, { at });
	const gid = groupWord === undefined ? (entry?.gid ?? 0) : resolveGroup(groupWord, files, at);
	const own = groupWord === undefined && entry !== undefined ? groupsOf(files.group, entry.name) : [];
	const more = added.map((word) => resolveGroup(parseWord(word, "group", "--group-add"), files, "--group-add"));
	const additionalGids = [...new Set([gid, ...own, ...more])];
	if (additionalGids.length > maxGroups)
		throw new CortenError("invalid-spec", `cannot use ${additionalGids.length} groups: the kernel takes ${maxGroups}`);
	return { uid, gid, additionalGids, home: entry?.home ?? "/" };
}

function resolveGroup(word: number | string, files: UserFiles, at: string): number {
	if (typeof word === "number") return word;
	const gid = findGroup(files.group, word);
	if (gid === undefined) throw new CortenError("not-found", `cannot find group "${shorten(word)}" in /etc/group of the image`, { at });
	return gid;
}
