// All layers of an image as one tree, as overlayfs shows them: each layer is placed as its layer file would be (layer/tree.ts), then
// one is laid over the other.
// @see Linux Documentation/filesystems/overlayfs.rst; image-spec layer.md#whiteouts

import { CortenError } from "../../base/errors.ts";
import type { TarEntry } from "../layer/tar-entry.ts";
import { encodeTarHeader, tarPadding } from "../layer/tar-write.ts";
import { createTree, type FolderInode, type Inode, isWhiteout, placeEntry } from "../layer/tree.ts";
import { type Member, type Members, openRead, type Reader, readAt } from "./members.ts";

/** Where a file's content is. */
type Place = { readonly layer: Members; readonly member: Member };

/** A merged tree; folders are its own, all other inodes the layers'. */
export type Squashed = { readonly root: FolderInode; readonly places: ReadonlyMap<Inode, Place>; readonly hidden: boolean };

/** Lays layers over each other, lowest first. @throws `invalid-spec` for an entry that no layer can hold */
export function squash(layers: readonly Members[]): Squashed {
	const places = new Map<Inode, Place>();
	let hidden = false;
	let root = createTree();
	for (const [index, layer] of layers.entries()) {
		const tree = createTree();
		for (const member of layer.members) {
			const inode = placeEntry(tree, member.entry);
			if (inode !== undefined) places.set(inode, { layer, member });
		}
		const hides = merge(index === 0 ? createTree() : root, tree);
		hidden ||= hides.hidden;
		root = hides.merged;
	}
	return { root, places, hidden };
}

function merge(lower: FolderInode, upper: FolderInode): { readonly merged: FolderInode; readonly hidden: boolean } {
	const children = upper.opaque ? new Map<string, Inode>() : new Map(lower.children);
	let hidden = upper.opaque;
	for (const [name, inode] of upper.children) {
		const below = children.get(name);
		if (isWhiteout(inode)) {
			hidden = true;
			children.delete(name);
		} else if (inode.kind !== "directory") children.set(name, inode);
		else {
			// An empty folder below: whiteouts without a counterpart fall away in the same way.
			const { merged, hidden: deeper } = merge(below?.kind === "directory" ? below : createTree(), inode);
			hidden ||= deeper;
			children.set(name, merged);
		}
	}
	return { merged: { ...upper, children, opaque: false }, hidden };
}

/** What lies at a path. */
export function findInode({ root }: Squashed, path: string): Inode | undefined {
	let inode: Inode | undefined = root;
	for (const part of path.split("/")) inode = inode?.kind === "directory" ? inode.children.get(part) : undefined;
	return inode;
}

/** All paths below the root, as byte strings; folders before what is in them, names sorted by bytes. */
export function* pathsOf(root: FolderInode, above = ""): Generator<{ readonly path: string; readonly inode: Inode }, void, undefined> {
	for (const name of [...root.children.keys()].sort()) {
		const inode = root.children.get(name);
		if (inode === undefined) continue;
		yield { path: above + name, inode };
		if (inode.kind === "directory") yield* pathsOf(inode, `${above}${name}/`);
	}
}

function memberOf(name: string, inode: Inode): Omit<TarEntry, "extents"> {
	const { kind, mode, uid, gid, seconds, nanoseconds, xattrs } = inode;
	const { major, minor } = "major" in inode ? inode : { major: 0, minor: 0 };
	const target = kind === "symlink" ? inode.target : "";
	return { name, kind, mode, uid, gid, seconds, nanoseconds, major, minor, size: kind === "file" ? inode.size : 0, target, xattrs };
}

/** The members of a squashed tar, below `rootfs/`; without an end mark. */
export function* squashedTar({ root, places }: Squashed): Generator<Uint8Array, void, undefined> {
	using readers = createReaders();
	yield encodeTarHeader(memberOf("rootfs/", root));
	const first = new Map<Inode, string>();
	for (const { path, inode } of pathsOf(root)) {
		const name = `rootfs/${path}`;
		const before = first.get(inode);
		if (inode.kind === "directory") yield encodeTarHeader(memberOf(`${name}/`, inode));
		else if (before !== undefined) yield encodeTarHeader({ ...memberOf(name, inode), kind: "link", target: before });
		else {
			first.set(inode, name);
			yield encodeTarHeader(memberOf(name, inode));
			if (inode.kind === "file") yield* contentOf(readers, places.get(inode), inode.size);
		}
	}
}

/** The layers' files, each opened once. */
function createReaders(): { readonly of: (layer: Members) => Reader } & Disposable {
	const readers = new Map<Members, Reader>();
	return {
		of(layer) {
			const reader = readers.get(layer) ?? openRead(layer.file);
			readers.set(layer, reader);
			return reader;
		},
		[Symbol.dispose]() {
			for (const reader of readers.values()) reader[Symbol.dispose]();
		},
	};
}

/** A file's content with its padding; holes are written as zeros. */
function* contentOf(
	readers: ReturnType<typeof createReaders>,
	place: Place | undefined,
	size: number,
): Generator<Uint8Array, void, undefined> {
	if (place === undefined) throw new CortenError("bug", "a file has no content");
	const { entry, data, end } = place.member;
	const file = readers.of(place.layer);
	// A sparse map of its own, in front of the data, has been taken off already for what the extents say; stored bytes end the member.
	const extents = entry.extents ?? [0, size];
	let stored = 0;
	for (let i = 0; i < extents.length; i += 2) stored += extents[i + 1] ?? 0;
	let at = entry.extents === undefined ? data : end - Math.ceil(stored / 512) * 512;
	let done = 0;
	for (let i = 0; i < extents.length; i += 2) {
		const offset = extents[i] ?? 0;
		yield* zeros(offset - done);
		const length = extents[i + 1] ?? 0;
		for (let left = length; left > 0; ) {
			const piece = Math.min(left, 1 << 20);
			yield readAt(file, at, at + piece);
			at += piece;
			left -= piece;
		}
		done = offset + length;
	}
	yield* zeros(size - done);
	yield tarPadding(size);
}

function* zeros(length: number): Generator<Uint8Array, void, undefined> {
	const block = new Uint8Array(Math.min(length, 1 << 20));
	for (let left = length; left > 0; left -= block.length) yield block.subarray(0, Math.min(left, block.length));
}

/** The first megabyte of a file of the tree, as text; "" when it is no file. */
export function readSmall(squashed: Squashed, path: string): string {
	const inode = findInode(squashed, path);
	if (inode?.kind !== "file" || inode.size > 1 << 20) return "";
	using readers = createReaders();
	const chunks = [...contentOf(readers, squashed.places.get(inode), inode.size)];
	return Buffer.concat(chunks).subarray(0, inode.size).toString("utf8");
}
