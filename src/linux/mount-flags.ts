// The option words of a mount, as fstab and the runtime specification spell them, and what the kernel's mount API makes of them.
// @see runtime-spec config.md#linux-mount-options, mount_setattr(2), include/uapi/linux/mount.h

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

/** The options of a mount, taken apart. */
export type MountOptions = {
	/** `bind` the mount alone, `rbind` with all below it; undefined: a new mount of the type. */
	readonly bind: "bind" | "rbind" | undefined;
	readonly attributes: MountAttributes;
	readonly recursiveAttributes: MountAttributes;
	/** MS_PRIVATE, MS_SLAVE, MS_SHARED or MS_UNBINDABLE; 0 when no word was given. */
	readonly propagation: number;
	readonly propagationRecursive: boolean;
	/** What is the filesystem's own: `size=64k`, `newinstance`, and the words that belong to the superblock (`sync`). */
	readonly data: readonly string[];
	/** Words that are known and cannot be had: remount, tmpcopyup, idmap. */
	readonly unsupported: readonly string[];
};

function merged(sum: MountAttributes, [set, clear]: readonly [number, number]): MountAttributes {
	// The last word wins: what an earlier one set and this one clears is gone, and the other way round.
	return { set: (sum.set & ~clear) | set, clear: (sum.clear & ~set) | clear };
}

/**
 * Takes the option words of a mount apart; later words win over earlier ones. Words that are no mount option are the filesystem's.
 * @see runtime-spec config.md#linux-mount-options
 */
export function parseMountOptions(words: readonly string[]): MountOptions {
	let bind: MountOptions["bind"];
	let attributes: MountAttributes = { set: 0, clear: 0 };
	let recursiveAttributes = attributes;
	let propagation = 0;
	let propagationRecursive = false;
	const data: string[] = [];
	const unsupported: string[] = [];
	for (const word of words) {
		const plain = attribute(word);
		const recursive = plain === undefined && word.charCodeAt(0) === 114 ? word.slice(1) : undefined;
		const deep = recursive === undefined ? undefined : attribute(recursive);
		if (plain !== undefined) attributes = merged(attributes, plain);
		else if (deep !== undefined) recursiveAttributes = merged(recursiveAttributes, deep);
		else if (word === "bind" || word === "rbind") bind = word;
		else if (propagationBit(recursive ?? word) !== undefined) {
			propagation = propagationBit(recursive ?? word) ?? 0;
			propagationRecursive = recursive !== undefined;
		} else if (word === "remount" || word === "tmpcopyup" || word === "idmap" || word === "ridmap") unsupported.push(word);
		else if (!isDefault(word)) data.push(word);
	}
	return { bind, attributes, recursiveAttributes, propagation, propagationRecursive, data, unsupported };
}

/** Words that ask for what a new superblock is anyway; the kernel's mount API has no name for them. */
function isDefault(word: string): boolean {
	switch (word) {
		case "":
		case "defaults":
		case "loud":
		case "silent":
		case "noiversion":
		case "iversion": // the kernel keeps i_version where the filesystem has it; the word does nothing since Linux 5.17
			return true;
		default:
			return false;
	}
}
