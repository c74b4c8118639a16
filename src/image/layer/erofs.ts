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
import type { Inode } from "./tree.ts";
import { opaqueXattr, type Xattrs } from "./xattrs.ts";

/** Where an inode comes to lie. */
type Place = {
	readonly inode: Inode;
	readonly parent: Place | undefined;
	readonly xattrs: Xattrs;
	/** Of a folder: all its names, sorted as bytes, with . and .. in their order. */
	readonly names: readonly string[];
	readonly size: number;
	readonly layout: number;
	/** Bytes from the start of the metadata area; always a multiple of a slot. */
	readonly offset: number;
	links: number;
	/** Block address of a folder or link that lies behind the inodes. */
	block: number;
};

/** The metadata area while places are given out. */
type Area = { readonly places: Place[]; end: number };

function placeOf(area: Area, inode: Inode | undefined): Place | undefined {
	return inode === undefined ? undefined : area.places[inode.number - 1];
}

// Nothing lies at number 0, so that no inode has it: the root follows.
const firstOffset = inodeBytes;

const noNames: readonly string[] = [];

function withOpaque(inode: Inode): Xattrs {
	return inode.opaque ? new Map([...inode.xattrs, [opaqueXattr.name, opaqueXattr.value]]) : inode.xattrs;
}

/** Gives an inode its place. What fits in a block never crosses one: Linux 6.1 refuses links and contents that do. */
function addPlace(area: Area, inode: Inode, parent: Place | undefined): Place {
	const xattrs = withOpaque(inode);
	const names = inode.kind === "directory" ? [".", "..", ...inode.children.keys()].sort() : noNames;
	const size = inode.kind === "directory" ? direntsBytes(names) : inode.size;
	const head = inodeBytes + xattrBytes(xattrs);
	const { data } = inode;
	const beside = data.kind === "inline" || ((inode.kind === "directory" || inode.kind === "symlink") && head + size <= blockBytes);
	const bytes = head + (beside ? size : data.kind === "chunks" ? data.map.byteLength : 0);
	let offset = area.end;
	const room = blockBytes - (offset % blockBytes);
	if (bytes > room) offset += room === blockBytes ? 0 : room;
	area.end = Math.ceil((offset + bytes) / slotBytes) * slotBytes;
	const layout = beside ? layouts.inline : data.kind === "chunks" ? layouts.chunks : layouts.plain;
	const links = inode.kind === "directory" ? 2 : 1;
	const place: Place = { inode, parent, xattrs, names, size, layout, offset, links, block: 0 };
	inode.number = area.places.push(place);
	return place;
}

/** Places every inode: those of one folder side by side, since who lists a folder looks at them next. */
function placeAll(root: Inode): Area {
	const area: Area = { places: [], end: firstOffset };
	const folders = [addPlace(area, root, undefined)];
	for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
		const within: Place[] = [];
		for (const name of folder.names) {
			const child = folder.inode.children.get(name);
			if (child === undefined) continue; // . and ..
			const before = placeOf(area, child);
			if (before !== undefined) {
				before.links++;
				continue;
			}
			const place = addPlace(area, child, folder);
			if (child.kind !== "directory") continue;
			folder.links++;
			within.push(place);
		}
		for (const place of within.reverse()) folders.push(place);
	}
	return area;
}

/** The bytes a folder or link has as its content. */
function* contentOf(place: Place, area: Area, data: ErofsData): Iterable<Uint8Array> {
	const { inode } = place;
	if (inode.kind === "symlink") yield encodeBytes(inode.target);
	else if (inode.data.kind === "inline") yield data.readInline(inode.data, inode.size);
	else if (inode.kind === "directory") {
		yield* direntBlocks(place.names, (name) => {
			const target = name === "." ? place : name === ".." ? (place.parent ?? place) : placeOf(area, inode.children.get(name));
			if (target === undefined) throw new CortenError("bug", "a layer's inode has no place");
			return { nid: target.offset / slotBytes, type: kinds[target.inode.kind].dirent };
		});
	}
}

/** The inode's field that means something else for each kind. */
function unionOf({ inode, block, layout }: Place): number {
	if (inode.kind === "char" || inode.kind === "block") return encodeDevice(inode.major, inode.minor);
	if (inode.data.kind === "chunks") return inode.data.bits;
	if (inode.data.kind === "plain") return inode.data.block;
	return layout === layouts.plain ? block : 0;
}

/** Writes the metadata behind the contents. @returns block 0 */
function writeMetadata(file: BlockFile, data: ErofsData, root: Inode, id: Uint8Array): Uint8Array {
	const area = placeAll(root);
	const metaBlock = file.align();
	const start = file.position;
	const outside = area.places.filter(
		({ inode, layout }) => layout === layouts.plain && (inode.kind === "directory" || inode.kind === "symlink"),
	);
	// fsck.erofs 1.5 reads behind the last inode whether it has attributes or not, and calls a file corrupt that ends there.
	if (outside.length === 0 && area.end % blockBytes === 0) area.end += slotBytes;
	let block = metaBlock + Math.ceil(area.end / blockBytes);
	for (const place of outside) {
		place.block = block;
		block += Math.ceil(place.size / blockBytes);
	}
	if (block >= nullBlock) throw new CortenError("invalid-spec", "cannot write layer: it is larger than 16 TiB");
	const encodedBytes = new Uint8Array(inodeBytes);
	const encoded = new DataView(encodedBytes.buffer);
	let chunked = false;
	for (const place of area.places) {
		const { inode, xattrs } = place;
		file.seek(start + place.offset);
		encodeInode(inode, { ...place, union: unionOf(place), xattrBytes: xattrBytes(xattrs), number: inode.number }, encoded);
		file.write(encodedBytes);
		if (xattrs.size > 0) file.write(encodeXattrs(xattrs));
		if (place.layout === layouts.inline) for (const part of contentOf(place, area, data)) file.write(part);
		if (inode.data.kind !== "chunks") continue;
		chunked = true;
		const map = new DataView(new ArrayBuffer(inode.data.map.length * 4));
		for (const [i, address] of inode.data.map.entries()) map.setUint32(i * 4, address, true);
		file.write(new Uint8Array(map.buffer));
	}
	file.seek(start + area.end);
	for (const place of outside) {
		file.align();
		for (const part of contentOf(place, area, data)) file.write(part);
	}
	const blocks = file.align();
	return encodeSuperBlock({ rootNid: firstOffset / slotBytes, inodes: area.places.length, blocks, metaBlock, id, chunked });
}

/** A writer of one EROFS layer file at `path`, in a folder that exists. @see LayerWriter */
export function createErofsWriter(path: string): LayerWriter {
	const folder = path.slice(0, path.lastIndexOf("/")) || "/";
	const file = new BlockFile(folder);
	file.seek(blockBytes);
	const data = new ErofsData(file, folder);
	return {
		open: (inode: Inode, extents: Extents | undefined) => data.open(inode, extents),
		write: (bytes) => data.write(bytes),
		close: () => data.close(),
		commit: (root, id) => file.commit(path, writeMetadata(file, data, root, id)),
		[Symbol.dispose]: () => {
			data[Symbol.dispose]();
			file[Symbol.dispose]();
		},
	};
}
