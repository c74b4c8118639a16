// The on-disk structures of EROFS that a layer uses: 4 KiB blocks, extended inodes, inline attributes, no compression; nothing newer
// than Linux 5.15. All little-endian. Writer and reader share this file.
// @see Linux fs/erofs/erofs_fs.h, Documentation/filesystems/erofs.rst

import { encodeBytes } from "./bytes.ts";
import type { Inode } from "./tree.ts";
import type { Xattrs } from "./xattrs.ts";

/** Where the superblock begins, in bytes. */
export const superOffset = 1024;
/** The superblock's first word. */
export const magic = 0xe0f5e1e2;
/** An extended inode. */
export const inodeBytes = 64;
/** The unit of inode numbers: an inode's number is its offset in the metadata area in slots. */
export const slotBytes = 32;
/** A folder entry, its name apart. */
export const direntBytes = 12;
/** The block address of a hole. */
export const nullBlock = 0xffffffff;

/** How an inode's data lies. */
export const layouts = { plain: 0, inline: 2, chunks: 4 } as const;

/** S_IFMT bits and the dirent's type of each kind. @see inode(7) */
export const kinds = {
	file: { mode: 0o100000, dirent: 1 },
	directory: { mode: 0o040000, dirent: 2 },
	char: { mode: 0o020000, dirent: 3 },
	block: { mode: 0o060000, dirent: 4 },
	fifo: { mode: 0o010000, dirent: 5 },
	symlink: { mode: 0o120000, dirent: 7 },
} as const satisfies Record<Inode["kind"], { mode: number; dirent: number }>;

const compatChecksum = 0x1;
const compatMtime = 0x2;
const incompatChunked = 0x4;

/** Name prefixes that are stored as a number; an attribute of no prefix here cannot be stored. */
export const xattrPrefixes = [
	{ index: 1, prefix: "user." },
	{ index: 2, prefix: "system.posix_acl_access" },
	{ index: 3, prefix: "system.posix_acl_default" },
	{ index: 4, prefix: "trusted." },
	{ index: 6, prefix: "security." },
] as const;

function align4(size: number): number {
	return (size + 3) & ~3;
}

function splitXattr(name: string): { index: number; rest: string } {
	const found = xattrPrefixes.find(({ prefix }) => name.startsWith(prefix));
	return { index: found?.index ?? 0, rest: name.slice(found?.prefix.length ?? 0) };
}

/** Bytes the attributes take behind an inode. */
export function xattrBytes(xattrs: Xattrs): number {
	if (xattrs.size === 0) return 0;
	let size = 12;
	for (const [name, value] of xattrs) size += align4(4 + splitXattr(name).rest.length + value.length);
	return size;
}

/** The attributes as they lie behind the inode; {@link xattrBytes} long. */
export function encodeXattrs(xattrs: Xattrs): Uint8Array {
	const bytes = new Uint8Array(xattrBytes(xattrs));
	let at = 12;
	for (const [name, value] of xattrs) {
		const { index, rest } = splitXattr(name);
		bytes[at] = rest.length;
		bytes[at + 1] = index;
		bytes[at + 2] = value.length & 0xff;
		bytes[at + 3] = value.length >> 8;
		bytes.set(encodeBytes(rest + value), at + 4);
		at += align4(4 + rest.length + value.length);
	}
	return bytes;
}

/** What an inode holds beside its {@link Inode} fields. */
export type InodePlace = {
	readonly layout: number;
	readonly size: number;
	/** Block address, device number or chunk format, by kind and layout. */
	readonly union: number;
	readonly links: number;
	readonly xattrBytes: number;
};

/** A 64-bit number, negative ones too. Without BigInt, each of which is an object. */
export function putInt64(view: DataView, at: number, value: number): void {
	view.setUint32(at, value, true); // modulo 2^32
	view.setInt32(at + 4, Math.floor(value / 2 ** 32), true);
}

/** Writes an extended inode into 64 bytes the caller uses again and again: an object an inode would be most of a layer's garbage. */
export function encodeInode(inode: Inode, place: InodePlace, view: DataView): void {
	view.setUint16(0, 1 | (place.layout << 1), true);
	view.setUint16(2, place.xattrBytes === 0 ? 0 : (place.xattrBytes - 12) / 4 + 1, true);
	view.setUint16(4, kinds[inode.kind].mode | inode.mode, true);
	putInt64(view, 8, place.size);
	view.setUint32(16, place.union, true);
	view.setUint32(20, inode.number, true);
	view.setUint32(24, inode.uid, true);
	view.setUint32(28, inode.gid, true);
	putInt64(view, 32, inode.seconds);
	view.setUint32(40, inode.nanoseconds, true);
	view.setUint32(44, place.links, true);
}

/** A device number as stored: the kernel's new_encode_dev. */
export function encodeDevice(major: number, minor: number): number {
	return ((minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}

/** CRC-32C without the final inversion, from all ones, as the superblock wants it. */
export function crc32c(bytes: Uint8Array): number {
	let crc = 0xffffffff;
	for (const byte of bytes) {
		crc ^= byte;
		for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc >>> 0;
}

/** What the superblock says of the whole. */
export type SuperBlock = {
	readonly rootNid: number;
	readonly inodes: number;
	readonly blocks: number;
	readonly metaBlock: number;
	readonly id: Uint8Array;
	readonly chunked: boolean;
};

/** Block 0: the superblock at 1024, its checksum over the rest of the block. */
export function encodeSuperBlock(fields: SuperBlock): Uint8Array {
	const bytes = new Uint8Array(4096);
	const view = new DataView(bytes.buffer, superOffset);
	view.setUint32(0, magic, true);
	view.setUint32(8, compatChecksum | compatMtime, true);
	view.setUint8(12, 12);
	view.setUint16(14, fields.rootNid, true);
	view.setBigUint64(16, BigInt(fields.inodes), true);
	view.setUint32(36, fields.blocks, true);
	view.setUint32(40, fields.metaBlock, true);
	bytes.set(fields.id.subarray(0, 16), superOffset + 48);
	view.setUint32(80, fields.chunked ? incompatChunked : 0, true);
	view.setUint32(4, crc32c(bytes.subarray(superOffset)), true);
	return bytes;
}
