// The inode tree of one layer, built in memory from its entries; the writers (erofs.ts, folder.ts) turn it into files. Names are only
// ever keys of Maps here: no entry can reach outside, because there is no outside. What an entry means follows what untarring it into
// a folder that is the root would do (as docker, podman and containerd do), so that a layer looks the same under every engine:
// - a name is cleaned (`a/../b` is b); one that climbs above the root is refused; missing parents are made, 0755 and root's
// - a symbolic link among the parents is followed within this layer, / being its root; what it points at is made if missing
// - a later entry replaces an earlier one, except that a folder over a folder keeps what is in it
// - a whiteout hides lower layers only: beside an entry of the same layer the entry wins, and a folder becomes opaque
// @see image-spec layer.md; Linux Documentation/filesystems/overlayfs.rst "whiteouts and opaque directories"

import { brokenEntry, ownBytes } from "./bytes.ts";
import type { TarEntry } from "./tar-entry.ts";
import { checkXattrs, type Xattrs } from "./xattrs.ts";

/** Where a file's content lies; made by a writer, only understood by it. */
export type FileData =
	| { readonly kind: "empty" }
	/** In the writer's scratch file, to be put beside the inode; the inode says where, so that one object does for all. */
	| { readonly kind: "inline" }
	/** Contiguous blocks of the layer file. */
	| { readonly kind: "plain"; readonly block: number }
	/** One block address a chunk of `4096 << bits` bytes; 0xffffffff is a hole. */
	| { readonly kind: "chunks"; readonly bits: number; readonly map: Uint32Array }
	/** A file of this name in the folder writer's staging folder. */
	| { readonly kind: "staged"; readonly name: string };

/** What every inode has. */
type Attributes = {
	mode: number;
	uid: number;
	gid: number;
	seconds: number;
	nanoseconds: number;
	xattrs: Xattrs;
	/** Which inode it is of the finished tree, 1 upwards, as its writer counts; 0 before. A field, since a Map of a million is 50 MB. */
	number: number;
};

/** A regular file. */
export type FileInode = Attributes & {
	readonly kind: "file";
	/** Bytes, holes included. */
	readonly size: number;
	data: FileData;
	/** Where inline data begins in the scratch file. */
	scratchAt: number;
};

/** A folder. */
export type FolderInode = Attributes & {
	readonly kind: "directory";
	/** By byte string. */
	readonly children: Map<string, Inode>;
	/** Nothing of the same folder in lower layers shows through. */
	opaque: boolean;
};

/** A symbolic link. */
export type LinkInode = Attributes & { readonly kind: "symlink"; readonly target: string };

/** A device or a pipe. */
export type DeviceInode = Attributes & { readonly kind: "char" | "block" | "fifo"; readonly major: number; readonly minor: number };

/**
 * One inode; a hard link is the same object under two names. Mutable while the layer is read. Each kind has its own fields and no others:
 * a pull holds one of these for every file.
 */
export type Inode = FileInode | FolderInode | LinkInode | DeviceInode;

const empty: FileData = { kind: "empty" };
const noXattrs: Xattrs = new Map();
const nameMax = 255;
const depthMax = 512;
const followMax = 40;
const whiteoutPrefix = ".wh.";

const rootsOwn = { mode: 0o755, uid: 0, gid: 0, seconds: 0, nanoseconds: 0 };

function createFolder(seconds: number, nanoseconds: number, opaque: boolean): FolderInode {
	return { kind: "directory", ...rootsOwn, seconds, nanoseconds, xattrs: noXattrs, number: 0, children: new Map(), opaque };
}

/** A layer with nothing but its root. */
export function createTree(): FolderInode {
	return createFolder(0, 0, false);
}

/** overlayfs' whiteout: a character device 0/0. A tar may hold one as such, made from an upper folder; it means the same. */
export function isWhiteout(inode: Inode): boolean {
	return inode.kind === "char" && inode.major === 0 && inode.minor === 0;
}

/** The parts of a name, cleaned of `.`, `..` and empty ones. @throws `invalid-spec` when it climbs above the root */
function cleanName(name: string, entry: string): string[] {
	const parts: string[] = [];
	for (const part of name.split("/")) {
		if (part === "" || part === ".") continue;
		if (part !== "..") parts.push(part);
		else if (parts.pop() === undefined) throw brokenEntry(entry, "it leaves the root");
	}
	return parts;
}

function checkPart(part: string, entry: string): void {
	if (part.length > nameMax) throw brokenEntry(entry, `a part of its name is longer than ${nameMax} bytes`);
}

/** Puts a folder where there is none; over a whiteout it must stay hidden what the whiteout hid. */
function makeDirectory(parent: FolderInode, part: string, entry: TarEntry): FolderInode {
	const before = parent.children.get(part);
	const made = createFolder(entry.seconds, entry.nanoseconds, before !== undefined && isWhiteout(before));
	parent.children.set(ownBytes(part), made);
	return made;
}

/**
 * Walks to the folder of these parts as the kernel would with the layer's root as /: links followed, `..` of the root is the root.
 * @param make whether missing folders are made; else undefined is returned for them
 * @throws `invalid-spec` when a part is no folder, links form a loop or the tree gets too deep
 */
function walk(root: FolderInode, parts: readonly string[], entry: TarEntry, make: boolean): FolderInode | undefined {
	const stack = [root];
	const left = parts.toReversed();
	let follows = 0;
	for (let part = left.pop(); part !== undefined; part = left.pop()) {
		if (part === "" || part === ".") continue;
		if (part === "..") {
			if (stack.length > 1) stack.pop();
			continue;
		}
		const parent = stack[stack.length - 1] ?? root;
		let child = parent.children.get(part);
		if (child === undefined || isWhiteout(child)) {
			if (!make) return undefined;
			checkPart(part, entry.name);
			child = makeDirectory(parent, part, entry);
		}
		if (child.kind === "symlink") {
			if (++follows > followMax) throw brokenEntry(entry.name, "too many symbolic links lead to it");
			if (child.target.startsWith("/")) stack.length = 1;
			for (const step of child.target.split("/").reverse()) left.push(step);
			continue;
		}
		if (child.kind !== "directory") throw brokenEntry(entry.name, "its parent is not a folder");
		if (stack.push(child) > depthMax) throw brokenEntry(entry.name, `it lies deeper than ${depthMax} folders`);
	}
	return stack[stack.length - 1];
}

function placeWhiteout(parent: FolderInode, last: string, entry: TarEntry): void {
	if (last === ".wh..wh..opq") {
		parent.opaque = true;
		return;
	}
	const hidden = last.slice(whiteoutPrefix.length);
	// ".wh.", ".wh.." and ".wh..." would name the folder itself or its parent.
	if (hidden === "" || hidden === "." || hidden === "..") throw brokenEntry(entry.name, "it is a whiteout of nothing");
	const existing = parent.children.get(hidden);
	if (existing === undefined)
		parent.children.set(ownBytes(hidden), { kind: "char", ...rootsOwn, mode: 0, xattrs: noXattrs, number: 0, major: 0, minor: 0 });
	else if (existing.kind === "directory") existing.opaque = true;
}

function placeLink(root: FolderInode, parent: FolderInode, last: string, entry: TarEntry): void {
	const parts = cleanName(entry.target, entry.name);
	const linked = parts.pop();
	const target = linked === undefined ? root : walk(root, parts, entry, false)?.children.get(linked);
	if (target === undefined) throw brokenEntry(entry.name, "the target of its hard link is not in this layer");
	if (target.kind === "directory") throw brokenEntry(entry.name, "the target of its hard link is a folder");
	parent.children.set(last, target);
}

function placeDirectory(root: FolderInode, parent: FolderInode | undefined, last: string, entry: TarEntry, xattrs: Xattrs): void {
	const existing = parent === undefined ? root : parent.children.get(last);
	const directory = existing?.kind === "directory" ? existing : parent === undefined ? root : makeDirectory(parent, last, entry);
	directory.mode = entry.mode;
	directory.uid = entry.uid;
	directory.gid = entry.gid;
	directory.seconds = entry.seconds;
	directory.nanoseconds = entry.nanoseconds;
	directory.xattrs = xattrs;
}

/**
 * Puts one entry into the tree.
 * @param root from {@link createTree}
 * @returns the inode when it is a file whose data is wanted; undefined for everything else
 * @throws `invalid-spec` naming the entry
 */
export function placeEntry(root: FolderInode, entry: TarEntry): FileInode | undefined {
	const parts = cleanName(entry.name, entry.name);
	// aufs kept its own matters in .wh..wh.*; images made on it still hold them, and nobody looks.
	if (parts.some((part) => part.startsWith(".wh..wh.") && part !== ".wh..wh..opq")) return undefined;
	const cut = parts.pop();
	if (parts.some((part) => part.startsWith(whiteoutPrefix))) throw brokenEntry(entry.name, "it lies below a whiteout");
	const xattrs = entry.xattrs.size === 0 ? noXattrs : checkXattrs(entry.xattrs, entry.kind, entry.name);
	if (cut === undefined) {
		if (entry.kind !== "directory") throw brokenEntry(entry.name, "the root is not a folder");
		placeDirectory(root, undefined, "", entry, xattrs);
		return undefined;
	}
	const parent = walk(root, parts, entry, true) ?? root;
	const last = ownBytes(cut);
	checkPart(last, entry.name);
	if (last.startsWith(whiteoutPrefix)) {
		placeWhiteout(parent, last, entry);
		return undefined;
	}
	if (entry.kind === "link") placeLink(root, parent, last, entry);
	else if (entry.kind === "directory") placeDirectory(root, parent, last, entry, xattrs);
	else {
		const inode = createInode(entry.kind, entry, xattrs);
		parent.children.set(last, inode);
		if (inode.kind === "file") return inode;
	}
	return undefined;
}

function createInode(kind: Exclude<Inode["kind"], "directory">, entry: TarEntry, xattrs: Xattrs): Inode {
	// Written out: one object and no other, a hundred thousand times.
	const { mode, uid, gid, seconds, nanoseconds } = entry;
	if (kind === "file")
		return { kind, mode, uid, gid, seconds, nanoseconds, xattrs, number: 0, size: entry.size, data: empty, scratchAt: 0 };
	if (kind === "symlink") {
		if (entry.target === "") throw brokenEntry(entry.name, "its symbolic link points nowhere");
		return { kind, mode, uid, gid, seconds, nanoseconds, xattrs, number: 0, target: entry.target };
	}
	// The kernel's dev_t in a file system: 12 bits of major, 20 of minor.
	const { major, minor } = entry;
	if (major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff) throw brokenEntry(entry.name, "its device number is out of range");
	return { kind, mode, uid, gid, seconds, nanoseconds, xattrs, number: 0, major, minor };
}
