// Writes a layer as one EROFS image: block 0 for the superblock, file contents as they stream in, then, when the tree is complete, the
// metadata: inodes folder by folder, each with its attributes and small contents, then what did not fit beside its inode.
// The same tree gives the same bytes: no clock, no random identifier.
// @see Linux Documentation/filesystems/erofs.rst; fs/erofs/erofs_fs.h

import { CortenError } from "../../base/errors.ts";
import { BlockFile, blockBytes } from "./block-file.ts";
import { encodeBytes } from "./bytes.ts";
import { ErofsData } from "./erofs-data.ts";
import { direntBlocks, direntsBytes } from "./erofs-dirents.ts";
import {
	encodeDevice,
	encodeInode,
	encodeSuperBlock,
	encodeXattrs,
	inodeBytes,
	kinds,
	layouts,
	nullBlock,
	slotBytes,
	xattrBytes,
} from "./erofs-format.ts";
import type { LayerWriter } from "./layer-writer.ts";
import type { Extents } from "./sparse.ts";
import type { FileInode, FolderInode, Inode } from "./tree.ts";
import { opaqueXattr, type Xattrs } from "./xattrs.ts";

/** Where the inodes come to lie: lists by an inode's number less one, since an object an inode would be a third of what a pull holds. */
type Area = {
	readonly inodes: Inode[];
	/** Bytes from the start of the metadata area; always a multiple of a slot. */
	readonly offsets: number[];
	readonly links: number[];
	readonly folders: Map<FolderInode, Folder>;
	/** Block addresses of the folders and links whose content lies behind the inodes. */
	readonly outside: Map<Inode, number>;
	end: number;
};

/** What only a folder has. */
type Folder = {
	readonly parent: FolderInode;
	/** All its names, sorted as bytes, with . and .. in their order. */
	readonly names: readonly string[];
	readonly size: number;
};

// Nothing lies at number 0, so that no inode has it: the root follows.
const firstOffset = inodeBytes;

function withOpaque(inode: Inode): Xattrs {
	return inode.kind === "directory" && inode.opaque ? new Map([...inode.xattrs, [opaqueXattr.name, opaqueXattr.value]]) : inode.xattrs;
}

function sizeOf(area: Area, inode: Inode): number {
	if (inode.kind === "directory") return area.folders.get(inode)?.size ?? 0;
	// Bytes: a target is a byte string.
	return inode.kind === "file" ? inode.size : inode.kind === "symlink" ? inode.target.length : 0;
}

/** Whether it has a content that may lie beside it or behind all inodes. */
function isMovable({ kind }: Inode): boolean {
	return kind === "directory" || kind === "symlink";
}

/** The block addresses of a sparse file. */
function mapOf(inode: Inode): Uint32Array | undefined {
	return inode.kind === "file" && inode.data.kind === "chunks" ? inode.data.map : undefined;
}

/** What fits in a block never crosses one: Linux 6.1 refuses links and contents that do. */
function layoutOf(inode: Inode, size: number, head: number): number {
	if (inode.kind === "file")
		return inode.data.kind === "inline" ? layouts.inline : inode.data.kind === "chunks" ? layouts.chunks : layouts.plain;
	return isMovable(inode) && head + size <= blockBytes ? layouts.inline : layouts.plain;
}

/** Gives an inode its place. */
function addPlace(area: Area, inode: Inode, parent: FolderInode): void {
	const head = inodeBytes + xattrBytes(withOpaque(inode));
	if (inode.kind === "directory") {
		const names = [".", "..", ...inode.children.keys()].sort();
		area.folders.set(inode, { parent, names, size: direntsBytes(names) });
	}
	const size = sizeOf(area, inode);
	const layout = layoutOf(inode, size, head);
	const bytes = head + (layout === layouts.inline ? size : (mapOf(inode)?.byteLength ?? 0));
	let offset = area.end;
	const room = blockBytes - (offset % blockBytes);
	if (bytes > room) offset += room === blockBytes ? 0 : room;
	area.end = Math.ceil((offset + bytes) / slotBytes) * slotBytes;
	inode.number = area.inodes.push(inode);
	area.offsets.push(offset);
	area.links.push(inode.kind === "directory" ? 2 : 1);
	if (layout === layouts.plain && isMovable(inode)) area.outside.set(inode, 0);
}

function addLink(area: Area, inode: Inode): void {
	area.links[inode.number - 1] = (area.links[inode.number - 1] ?? 0) + 1;
}

/** Places every inode: those of one folder side by side, since who lists a folder looks at them next. */
function placeAll(root: FolderInode): Area {
	const area: Area = { inodes: [], offsets: [], links: [], folders: new Map(), outside: new Map(), end: firstOffset };
	addPlace(area, root, root);
	const folders = [root];
	for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
		const within: FolderInode[] = [];
		for (const name of area.folders.get(folder)?.names ?? []) {
			const child = folder.children.get(name);
			if (child === undefined) continue; // . and ..
			if (child.number > 0) {
				addLink(area, child);
				continue;
			}
			addPlace(area, child, folder);
			if (child.kind !== "directory") continue;
			addLink(area, folder);
			within.push(child);
		}
		for (const child of within.reverse()) folders.push(child);
	}
	return area;
}

/** The bytes a folder or link has as its content. */
function* contentOf(inode: Inode, area: Area): Iterable<Uint8Array> {
	if (inode.kind === "symlink") yield encodeBytes(inode.target);
	if (inode.kind !== "directory") return;
	const folder = area.folders.get(inode);
	if (folder === undefined) throw new CortenError("bug", "a layer's folder has no place");
	yield* direntBlocks(folder.names, (name) => {
		const target: Inode | undefined = name === "." ? inode : name === ".." ? folder.parent : inode.children.get(name);
		const offset = area.offsets[(target?.number ?? 0) - 1];
		if (target === undefined || offset === undefined) throw new CortenError("bug", "a layer's inode has no place");
		return { nid: offset / slotBytes, type: kinds[target.kind].dirent };
	});
}

/** The inode's field that means something else for each kind. */
function unionOf(inode: Inode, area: Area): number {
	if (inode.kind === "char" || inode.kind === "block") return encodeDevice(inode.major, inode.minor);
	if (inode.kind === "file") return inode.data.kind === "chunks" ? inode.data.bits : inode.data.kind === "plain" ? inode.data.block : 0;
	return area.outside.get(inode) ?? 0;
}

/** Writes the metadata behind the contents. @returns block 0 */
function writeMetadata(file: BlockFile, data: ErofsData, root: FolderInode, id: Uint8Array): Uint8Array {
	const area = placeAll(root);
	const metaBlock = file.align();
	const start = file.position;
	// fsck.erofs 1.5 reads behind the last inode whether it has attributes or not, and calls a file corrupt that ends there.
	if (area.outside.size === 0 && area.end % blockBytes === 0) area.end += slotBytes;
	let block = metaBlock + Math.ceil(area.end / blockBytes);
	for (const inode of area.outside.keys()) {
		area.outside.set(inode, block);
		block += Math.ceil(sizeOf(area, inode) / blockBytes);
	}
	if (block >= nullBlock) throw new CortenError("invalid-spec", "cannot write layer: it is larger than 16 TiB");
	const encodedBytes = new Uint8Array(inodeBytes);
	const encoded = new DataView(encodedBytes.buffer);
	let chunked = false;
	for (const inode of area.inodes) {
		const xattrs = withOpaque(inode);
		const attributeBytes = xattrBytes(xattrs);
		const size = sizeOf(area, inode);
		const layout = layoutOf(inode, size, inodeBytes + attributeBytes);
		const links = area.links[inode.number - 1] ?? 1;
		file.seek(start + (area.offsets[inode.number - 1] ?? 0));
		encodeInode(inode, { size, layout, links, union: unionOf(inode, area), xattrBytes: attributeBytes }, encoded);
		file.write(encodedBytes);
		if (xattrs.size > 0) file.write(encodeXattrs(xattrs));
		if (layout === layouts.inline) {
			if (inode.kind === "file") data.writeInline(inode);
			else for (const part of contentOf(inode, area)) file.write(part);
		}
		const map = mapOf(inode);
		if (map === undefined) continue;
		chunked = true;
		const encodedMap = new DataView(new ArrayBuffer(map.length * 4));
		for (const [i, address] of map.entries()) encodedMap.setUint32(i * 4, address, true);
		file.write(new Uint8Array(encodedMap.buffer));
	}
	file.seek(start + area.end);
	for (const inode of area.outside.keys()) {
		file.align();
		for (const part of contentOf(inode, area)) file.write(part);
	}
	const blocks = file.align();
	return encodeSuperBlock({ rootNid: firstOffset / slotBytes, inodes: area.inodes.length, blocks, metaBlock, id, chunked });
}

/** A writer of one EROFS layer file at `path`, in a folder that exists. @see LayerWriter */
export function createErofsWriter(path: string): LayerWriter {
	const folder = path.slice(0, path.lastIndexOf("/")) || "/";
	const file = new BlockFile(folder);
	file.seek(blockBytes);
	const data = new ErofsData(file, folder);
	return {
		open: (inode: FileInode, extents: Extents | undefined) => data.open(inode, extents),
		write: (bytes) => data.write(bytes),
		close: () => data.close(),
		commit: (root, id) => file.commit(path, writeMetadata(file, data, root, id)),
		[Symbol.dispose]: () => {
			data[Symbol.dispose]();
			file[Symbol.dispose]();
		},
	};
}
