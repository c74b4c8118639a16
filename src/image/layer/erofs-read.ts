// Looks into an EROFS layer without mounting it. It reads what erofs.ts writes, and trusts nothing it reads: every offset and length is
// checked against the file, and what does not fit is an integrity error, never a wild read.
// @see Linux Documentation/filesystems/erofs.rst; fs/erofs/erofs_fs.h

import { CortenError } from "../../base/errors.ts";
import { type Fd, O_RDONLY, openFd } from "../../linux/file.ts";
import { check, syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";
import { blockBytes } from "./block-file.ts";
import { decodeBytes } from "./bytes.ts";
import { direntBytes, inodeBytes, kinds, layouts, magic, nullBlock, slotBytes, superOffset, xattrPrefixes } from "./erofs-format.ts";
import type { LayerMeta, LayerNode, LayerView } from "./layer-view.ts";
import { opaqueXattr, type Xattrs } from "./xattrs.ts";

/** No folder or link of ours is larger, and nothing larger is read at once. */
const maxReadBytes = 256 << 20;

/** An open image: its file, and where its inodes are. */
type Image = { readonly fd: Fd; readonly path: string; readonly metaStart: number };

/** The fields of an inode that reading needs. */
type RawInode = {
	readonly mode: number;
	readonly layout: number;
	readonly size: number;
	readonly union: number;
	readonly offset: number;
	readonly xattrBytes: number;
};

function damaged({ path }: { readonly path: string }, why: string): CortenError {
	return new CortenError("integrity", `cannot read layer file "${path}": ${why}`);
}

function readAt(image: Image, offset: number, length: number): Uint8Array {
	if (!Number.isSafeInteger(offset) || offset < 0 || length > maxReadBytes) throw damaged(image, "an offset in it is out of range");
	const bytes = new Uint8Array(length);
	for (let done = 0; done < length; ) {
		const got = check(
			syscall(nr.pread64, image.fd.number, bytes.subarray(done), length - done, offset + done),
			`cannot read "${image.path}"`,
		);
		if (got === 0) throw damaged(image, "it ends too early");
		done += got;
	}
	return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function readInode(image: Image, nid: number): RawInode {
	const offset = image.metaStart + nid * slotBytes;
	const view = viewOf(readAt(image, offset, inodeBytes));
	const format = view.getUint16(0, true);
	if ((format & 1) !== 1 || format >> 1 > layouts.chunks) throw damaged(image, `inode ${nid} is of an unknown format`);
	const xattrs = view.getUint16(2, true);
	const size = Number(view.getBigUint64(8, true));
	return {
		mode: view.getUint16(4, true),
		layout: format >> 1,
		size,
		union: view.getUint32(16, true),
		offset,
		xattrBytes: xattrs === 0 ? 0 : 12 + (xattrs - 1) * 4,
	};
}

function readChunks(image: Image, inode: RawInode, mapOffset: number): Uint8Array {
	const chunkBytes = blockBytes * 2 ** (inode.union & 0x1f);
	const content = new Uint8Array(inode.size);
	const map = viewOf(readAt(image, mapOffset, Math.ceil(inode.size / chunkBytes) * 4));
	for (let at = 0; at < inode.size; at += chunkBytes) {
		const block = map.getUint32((at / chunkBytes) * 4, true);
		if (block !== nullBlock) content.set(readAt(image, block * blockBytes, Math.min(chunkBytes, inode.size - at)), at);
	}
	return content;
}

/** All of an inode's content. */
function readContent(image: Image, inode: RawInode): Uint8Array {
	if (inode.size > maxReadBytes) throw damaged(image, "a folder, link or file in it is too large to read");
	const behind = inode.offset + inodeBytes + inode.xattrBytes;
	if (inode.layout === layouts.inline) {
		if (inode.size > blockBytes) throw damaged(image, "an inline content in it is too large");
		return readAt(image, behind, inode.size);
	}
	if (inode.layout === layouts.plain) return readAt(image, inode.union * blockBytes, inode.size);
	if (inode.layout === layouts.chunks) return readChunks(image, inode, behind);
	throw damaged(image, "an inode in it is of an unknown layout");
}

function readXattrs(image: Image, inode: RawInode): Xattrs {
	const xattrs = new Map<string, string>();
	if (inode.xattrBytes === 0) return xattrs;
	const bytes = readAt(image, inode.offset + inodeBytes, inode.xattrBytes);
	for (let at = 12; at + 4 <= bytes.length; ) {
		const nameLength = bytes[at] ?? 0;
		const valueLength = (bytes[at + 2] ?? 0) | ((bytes[at + 3] ?? 0) << 8);
		const prefix = xattrPrefixes.find(({ index }) => index === bytes[at + 1])?.prefix ?? "";
		const value = at + 4 + nameLength;
		// What follows the last one is padding.
		if (nameLength > 0 || valueLength > 0)
			xattrs.set(prefix + decodeBytes(bytes, at + 4, value), decodeBytes(bytes, value, value + valueLength));
		at += (4 + nameLength + valueLength + 3) & ~3;
	}
	return xattrs;
}

/** Whether trusted.overlay.opaque is "y". */
function isOpaque(image: Image, inode: RawInode): boolean {
	return readXattrs(image, inode).get(opaqueXattr.name) === opaqueXattr.value;
}

function readMeta(image: Image, inode: RawInode): LayerMeta {
	const view = viewOf(readAt(image, inode.offset, inodeBytes));
	const xattrs = new Map([...readXattrs(image, inode)].filter(([name]) => name !== opaqueXattr.name));
	return {
		mode: inode.mode & 0o7777,
		uid: view.getUint32(24, true),
		gid: view.getUint32(28, true),
		seconds: Number(view.getBigInt64(32, true)),
		nanoseconds: view.getUint32(40, true),
		xattrs,
		links: view.getUint32(44, true),
		identity: String(inode.offset),
	};
}

const pieceBytes = 512 << 10;

/** The content of a file, a piece at a time. */
function* streamContent(image: Image, inode: RawInode): Generator<Uint8Array, void, undefined> {
	if (inode.layout === layouts.inline) {
		yield readContent(image, inode);
		return;
	}
	if (inode.layout === layouts.plain) {
		for (let at = 0; at < inode.size; at += pieceBytes)
			yield readAt(image, inode.union * blockBytes + at, Math.min(pieceBytes, inode.size - at));
		return;
	}
	const chunkBytes = blockBytes * 2 ** (inode.union & 0x1f);
	const mapOffset = inode.offset + inodeBytes + inode.xattrBytes;
	const zeros = new Uint8Array(pieceBytes);
	for (let at = 0; at < inode.size; ) {
		const block = viewOf(readAt(image, mapOffset + Math.floor(at / chunkBytes) * 4, 4)).getUint32(0, true);
		const within = at % chunkBytes;
		const length = Math.min(pieceBytes, chunkBytes - within, inode.size - at);
		yield block === nullBlock ? zeros.subarray(0, length) : readAt(image, block * blockBytes + within, length);
		at += length;
	}
}

/** The names of a folder's content with their inode numbers, in order. */
function* namesIn(image: Image, content: Uint8Array): Generator<readonly [name: string, nid: number], void, undefined> {
	for (let from = 0; from < content.length; from += blockBytes) {
		const block = content.subarray(from, from + blockBytes);
		const view = viewOf(block);
		if (block.length < direntBytes) throw damaged(image, "a folder in it is malformed");
		const first = view.getUint16(8, true);
		if (first < direntBytes || first > block.length || first % direntBytes !== 0) throw damaged(image, "a folder in it is malformed");
		for (let at = 0; at < first; at += direntBytes) {
			const start = view.getUint16(at + 8, true);
			let end = at + direntBytes < first ? view.getUint16(at + direntBytes + 8, true) : block.length;
			if (start < first || end < start || end > block.length) throw damaged(image, "a folder in it is malformed");
			while (end > start && block[end - 1] === 0) end--;
			yield [decodeBytes(block, start, end), Number(view.getBigUint64(at, true))];
		}
	}
}

/** The inode number of a name in a folder's content. Linear: a reader looks up a handful of names, and a walk asks for each once, in order. */
function findName(image: Image, content: Uint8Array, wanted: string): number | undefined {
	for (const [name, nid] of namesIn(image, content)) if (name === wanted) return nid;
	return undefined;
}

function openNode(image: Image, nid: number): LayerNode {
	const inode = readInode(image, nid);
	const type = inode.mode & 0o170000;
	const meta = () => readMeta(image, inode);
	if (type === kinds.directory.mode) {
		let content: Uint8Array | undefined;
		let all: Map<string, number> | undefined;
		return {
			kind: "directory",
			opaque: isOpaque(image, inode),
			lookup(name) {
				content ??= readContent(image, inode);
				const found = all === undefined ? findName(image, content, name) : all.get(name);
				return found === undefined ? undefined : openNode(image, found);
			},
			names() {
				content ??= readContent(image, inode);
				all ??= new Map(namesIn(image, content));
				return [...all.keys()].filter((name) => name !== "." && name !== "..");
			},
			meta,
			[Symbol.dispose]: () => undefined,
		};
	}
	if (type === kinds.file.mode)
		return { kind: "file", size: inode.size, read: () => readContent(image, inode), chunks: () => streamContent(image, inode), meta };
	if (type === kinds.symlink.mode) return { kind: "symlink", target: decodeBytes(readContent(image, inode)), meta };
	if (type === kinds.fifo.mode) return { kind: "fifo", meta };
	if (type === kinds.char.mode && inode.union === 0) return { kind: "whiteout" };
	if (type !== kinds.char.mode && type !== kinds.block.mode) throw damaged(image, `inode ${nid} is of an unknown kind`);
	// The kernel's new_decode_dev.
	const device = { major: (inode.union & 0xfff00) >>> 8, minor: ((inode.union & 0xff) | ((inode.union >>> 12) & 0xfff00)) >>> 0 };
	return { kind: type === kinds.char.mode ? "char" : "block", ...device, meta };
}

/** Opens an EROFS layer file. @throws `not-found`, or `integrity` when it is none */
export function openErofsLayer(path: string): LayerView {
	const fd = openFd(path, O_RDONLY);
	try {
		const view = viewOf(readAt({ fd, path, metaStart: 0 }, superOffset, 128));
		if (view.getUint32(0, true) !== magic || view.getUint8(12) !== 12) throw damaged({ path }, "it is no EROFS image of 4 KiB blocks");
		const image = { fd, path, metaStart: view.getUint32(40, true) * blockBytes };
		return { root: openNode(image, view.getUint16(14, true)), [Symbol.dispose]: () => fd[Symbol.dispose]() };
	} catch (error) {
		fd[Symbol.dispose]();
		throw error;
	}
}
