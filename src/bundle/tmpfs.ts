// Options of tmpfs mounts: docker starts from rw,noexec,nosuid,nodev, and every word replaces its opposite.
// @see tmpfs(5), docker-run(1) --tmpfs

import { CortenError } from "../base/errors.ts";
import type { MountRequest } from "./request.ts";
import { parseTarget } from "./volume.ts";

/** word -> the word it takes the place of, without `no`. */
const groups: Readonly<Record<string, string>> = {
	rw: "ro",
	ro: "ro",
	exec: "exec",
	noexec: "exec",
	suid: "suid",
	nosuid: "suid",
	dev: "dev",
	nodev: "dev",
	sync: "sync",
	async: "sync",
	atime: "atime",
	noatime: "atime",
	relatime: "atime",
	norelatime: "atime",
	strictatime: "atime",
	nostrictatime: "atime",
	diratime: "diratime",
	nodiratime: "diratime",
	dirsync: "dirsync",
	private: "propagation",
	rprivate: "propagation",
	shared: "propagation",
	rshared: "propagation",
	slave: "propagation",
	rslave: "propagation",
};
const valueKeys = ["size", "nr_blocks", "nr_inodes", "mode", "uid", "gid", "mpol", "huge"];

/**
 * Merges option words with docker's defaults.
 * @param words as the kernel spells them: `size=64m`, `exec`
 * @throws `invalid-argument` for a word that tmpfs does not have
 */
export function composeTmpfsOptions(words: readonly string[], at: string): string[] {
	const byGroup = new Map<string, string>([
		["exec", "noexec"],
		["suid", "nosuid"],
		["dev", "nodev"],
		["propagation", "rprivate"],
	]);
	for (const word of words) {
		const equals = word.indexOf("=");
		const key = equals < 0 ? word : word.slice(0, equals);
		if (word === "tmpcopyup" || word === "notmpcopyup") {
			throw new CortenError("unsupported", `cannot use tmpfs option "${word}": it is not implemented`, { at });
		}
		const group = equals < 0 ? (Object.hasOwn(groups, word) ? groups[word] : undefined) : valueKeys.includes(key) ? key : undefined;
		if (group === undefined || word.includes("\0") || (equals >= 0 && equals === word.length - 1)) {
			throw new CortenError("invalid-argument", `cannot use tmpfs option "${word}"`, { at });
		}
		byGroup.delete(group);
		byGroup.set(group, word);
	}
	return [...byGroup.values()];
}

/** Parses `TARGET[:WORD,...]` of --tmpfs. @throws `invalid-argument` */
export function parseTmpfs(text: string, at = "--tmpfs"): MountRequest {
	const colon = text.indexOf(":");
	const target = parseTarget(colon < 0 ? text : text.slice(0, colon), at);
	const words = colon < 0 ? [] : text.slice(colon + 1).split(",");
	return {
		kind: "tmpfs",
		target,
		options: composeTmpfsOptions(
			words.filter((word) => word !== ""),
			at,
		),
		at,
	};
}
