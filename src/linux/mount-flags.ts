// The option words of a mount, as fstab and the runtime specification spell them, and what the kernel's mount API makes of them.
// @see runtime-spec config.md#linux-mount-options, mount_setattr(2), include/uapi/linux/mount.h

import { lookUp } from "../base/look-up.ts";

export const MOUNT_ATTR_RDONLY = 0x01;
export const MOUNT_ATTR_NOSUID = 0x02;
export const MOUNT_ATTR_NODEV = 0x04;
export const MOUNT_ATTR_NOEXEC = 0x08;
/** The mask of the three access time modes; relatime is 0. */
export const MOUNT_ATTR__ATIME = 0x70;
export const MOUNT_ATTR_NOATIME = 0x10;
export const MOUNT_ATTR_STRICTATIME = 0x20;
export const MOUNT_ATTR_NODIRATIME = 0x80;
export const MOUNT_ATTR_NOSYMFOLLOW = 0x20_0000;

export const MS_RDONLY = 0x01;
export const MS_NOSUID = 0x02;
export const MS_NODEV = 0x04;
export const MS_NOEXEC = 0x08;
export const MS_REMOUNT = 0x20;
export const MS_REC = 0x4000;
export const MS_UNBINDABLE = 0x2_0000;
export const MS_PRIVATE = 0x4_0000;
export const MS_SLAVE = 0x8_0000;
export const MS_SHARED = 0x10_0000;

export const OPEN_TREE_CLONE = 1;
export const AT_RECURSIVE = 0x8000;

/** attribute word -> [bits to set, bits to clear]; with an `r` in front it holds for the whole tree. */
function attribute(word: string): readonly [set: number, clear: number] | undefined {
	switch (word) {
		case "ro":
			return [MOUNT_ATTR_RDONLY, 0];
		case "rw":
			return [0, MOUNT_ATTR_RDONLY];
		case "nosuid":
			return [MOUNT_ATTR_NOSUID, 0];
		case "suid":
			return [0, MOUNT_ATTR_NOSUID];
		case "nodev":
			return [MOUNT_ATTR_NODEV, 0];
		case "dev":
			return [0, MOUNT_ATTR_NODEV];
		case "noexec":
			return [MOUNT_ATTR_NOEXEC, 0];
		case "exec":
			return [0, MOUNT_ATTR_NOEXEC];
		case "nodiratime":
			return [MOUNT_ATTR_NODIRATIME, 0];
		case "diratime":
			return [0, MOUNT_ATTR_NODIRATIME];
		case "nosymfollow":
			return [MOUNT_ATTR_NOSYMFOLLOW, 0];
		case "symfollow":
			return [0, MOUNT_ATTR_NOSYMFOLLOW];
		case "noatime":
			return [MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME];
		case "strictatime":
			return [MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME];
		case "relatime":
		case "atime":
		case "norelatime":
		case "nostrictatime":
			return [0, MOUNT_ATTR__ATIME];
		default:
			return undefined;
	}
}

/** A propagation word as its MS_* bit; with an `r` in front it holds for the whole tree. */
export function propagationBit(word: string): number | undefined {
	switch (word) {
		case "private":
			return MS_PRIVATE;
		case "slave":
			return MS_SLAVE;
		case "shared":
			return MS_SHARED;
		case "unbindable":
			return MS_UNBINDABLE;
		default:
			return undefined;
	}
}

/** Bits of one mount_setattr call. */
export type MountAttributes = { readonly set: number; readonly clear: number };

/** One propagation word: MS_PRIVATE, MS_SLAVE, MS_SHARED or MS_UNBINDABLE, and whether it holds for the whole tree. */
export type Propagation = { readonly bit: number; readonly recursive: boolean };

/** The options of a mount, taken apart. */
export type MountOptions = {
	/** `bind` the mount alone, `rbind` with all below it; undefined: a new mount of the type. */
	readonly bind: "bind" | "rbind" | undefined;
	readonly attributes: MountAttributes;
	readonly recursiveAttributes: MountAttributes;
	/** In their order: a mount can be made a slave and then shared. */
	readonly propagation: readonly Propagation[];
	/** Words of the superblock: `sync`, `lazytime`. A bind mount has no superblock of its own, there they mean nothing. */
	readonly superblock: readonly string[];
	/** What is the filesystem's own: `size=64k`, `newinstance`. */
	readonly data: readonly string[];
	/** Changes the mount that is there. */
	readonly remount: boolean;
	/** Copies what is at the destination into the new tmpfs. */
	readonly copyUp: boolean;
	/** The mount's owners are mapped, of the mount alone or with all below it. */
	readonly idmap: "idmap" | "ridmap" | undefined;
};

function merged(sum: MountAttributes, [set, clear]: readonly [number, number]): MountAttributes {
	// The last word wins: what an earlier one set and this one clears is gone, and the other way round.
	return { set: (sum.set & ~clear) | set, clear: (sum.clear & ~set) | clear };
}

/** Words of the superblock -> MS_* bits to set and to clear. */
const superblockWords: Readonly<Record<string, readonly [set: number, clear: number]>> = {
	sync: [0x10, 0],
	async: [0, 0x10],
	mand: [0x40, 0],
	nomand: [0, 0x40],
	dirsync: [0x80, 0],
	silent: [0x8000, 0],
	loud: [0, 0x8000],
	acl: [0x1_0000, 0],
	noacl: [0, 0x1_0000],
	iversion: [0x80_0000, 0],
	noiversion: [0, 0x80_0000],
	lazytime: [0x200_0000, 0],
	nolazytime: [0, 0x200_0000],
};
/** Of these fsconfig knows nothing; filesystems in memory have what they ask for anyway. */
const onlyMount = ["silent", "loud", "acl", "noacl", "iversion", "noiversion"];

/** Which of the words of {@link MountOptions}.superblock fsconfig takes. */
export function fsconfigWords(words: readonly string[]): readonly string[] {
	return words.filter((word) => !onlyMount.includes(word));
}

/** The attributes and superblock words of a mount as mount(2) takes them: an or of MS_*. */
export function mountFlags({ set }: MountAttributes, words: readonly string[]): number {
	let flags = set & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
	if ((set & MOUNT_ATTR__ATIME) === MOUNT_ATTR_NOATIME) flags |= 0x400;
	if ((set & MOUNT_ATTR__ATIME) === MOUNT_ATTR_STRICTATIME) flags |= 0x100_0000;
	if ((set & MOUNT_ATTR_NODIRATIME) !== 0) flags |= 0x800;
	if ((set & MOUNT_ATTR_NOSYMFOLLOW) !== 0) flags |= 0x100;
	for (const word of words) {
		const [more, less] = lookUp(superblockWords, word) ?? [0, 0];
		flags = (flags & ~less) | more;
	}
	return flags;
}

/**
 * Takes the option words of a mount apart; later words win over earlier ones. Words that are no mount option are the filesystem's.
 * @see runtime-spec config.md#linux-mount-options
 */
export function parseMountOptions(words: readonly string[]): MountOptions {
	let bind: MountOptions["bind"];
	let idmap: MountOptions["idmap"];
	let attributes: MountAttributes = { set: 0, clear: 0 };
	let recursiveAttributes = attributes;
	const propagation: Propagation[] = [];
	const superblock: string[] = [];
	const data: string[] = [];
	for (const word of words) {
		const plain = attribute(word);
		const recursive = plain === undefined && word.charCodeAt(0) === 114 ? word.slice(1) : undefined;
		const deep = recursive === undefined ? undefined : attribute(recursive);
		const bit = propagationBit(recursive ?? word);
		if (plain !== undefined) attributes = merged(attributes, plain);
		else if (deep !== undefined) recursiveAttributes = merged(recursiveAttributes, deep);
		else if (word === "bind" || word === "rbind") bind = word;
		else if (word === "idmap" || word === "ridmap") idmap = word;
		else if (bit !== undefined) propagation.push({ bit, recursive: recursive !== undefined });
		else if (word in superblockWords) superblock.push(word);
		else if (word !== "" && word !== "defaults" && word !== "remount" && word !== "tmpcopyup") data.push(word);
	}
	const remount = words.includes("remount");
	const copyUp = words.includes("tmpcopyup");
	return { bind, attributes, recursiveAttributes, propagation, superblock, data, remount, copyUp, idmap };
}
