// File contents on their way into an EROFS layer: small ones wait in a scratch file to lie beside their inode, large ones go straight into
// blocks, sparse ones into chunks of which only those with data exist.

import { CortenError } from "../../base/errors.ts";
import type { Fd } from "../../linux/file.ts";
import { check, syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";
import { type BlockFile, blockBytes, openNameless } from "./block-file.ts";
import { inodeBytes, nullBlock, xattrBytes } from "./erofs-format.ts";
import type { Extents } from "./sparse.ts";
import type { FileData, FileInode } from "./tree.ts";

/** Up to here a file shares its inode's block: one read fetches both, and it saves half a block. Larger ones would waste metadata. */
const inlineMaxBytes = 2048;
/** The scratch file is written in pieces of this size. */
const scratchBytes = 256 << 10;
/** A chunk map's length; a file with more 4 KiB chunks gets larger chunks (lastlog: 1 TB of hole in 16 KB of tar). */
const chunksMax = 1 << 14;

const whole: Extents = [];

type Chunks = Extract<FileData, { kind: "chunks" }>;
const inline: FileData = { kind: "inline" };

/** The content being written. */
type Open = {
	readonly inode: FileInode;
	readonly data: FileData;
	/** Stored bytes taken so far. */
	done: number;
	readonly extents: Extents;
	/** Of a sparse file: the index of the extent, the bytes of it taken, and where the last chunk's blocks end in the layer file. */
	extent: number;
	within: number;
	end: number;
};

/** Takes one content after another. @see LayerWriter */
export class ErofsData implements Disposable {
	readonly #file: BlockFile;
	/** What waits: nameless, and mostly in the page cache until it is read back. */
	readonly #scratch: Fd;
	/** On the way into it, and at the end a piece that was read back. */
	readonly #pending = Buffer.allocUnsafeSlow(scratchBytes);
	#pendingBytes = 0;
	#windowAt = 0;
	#windowBytes = 0;
	#scratchEnd = 0;
	#open: Open | undefined;

	/** @param folder where the scratch file may lie */
	constructor(file: BlockFile, folder: string) {
		this.#file = file;
		this.#scratch = openNameless(folder);
	}

	[Symbol.dispose](): void {
		this.#scratch[Symbol.dispose]();
	}

	/** Writes what waits for an inode. Mostly asked for in the order it came, so a piece of the scratch file is held. @throws `system` */
	writeInline({ scratchAt: at, size }: FileInode): void {
		this.#flush();
		if (at < this.#windowAt || at + size > this.#windowAt + this.#windowBytes) {
			this.#windowAt = at;
			this.#windowBytes = check(syscall(nr.pread64, this.#scratch.number, this.#pending, scratchBytes, at), "cannot read scratch file");
			if (this.#windowBytes < size) throw new CortenError("bug", "a layer's scratch file is too short");
		}
		this.#file.writePart(this.#pending, at - this.#windowAt, at - this.#windowAt + size);
	}

	#flush(): void {
		const { number } = this.#scratch;
		for (let done = 0; done < this.#pendingBytes; ) {
			const part = this.#pending.subarray(done, this.#pendingBytes);
			done += check(
				syscall(nr.pwrite64, number, part, part.length, this.#scratchEnd - this.#pendingBytes + done),
				"cannot write scratch file",
			);
		}
		this.#pendingBytes = 0;
	}

	#keep(bytes: Uint8Array): void {
		this.#windowBytes = 0;
		for (let done = 0; done < bytes.length; ) {
			if (this.#pendingBytes === scratchBytes) this.#flush();
			const fits = done === 0 && bytes.length <= scratchBytes - this.#pendingBytes;
			const part = fits ? bytes : bytes.subarray(done, done + scratchBytes - this.#pendingBytes);
			this.#pending.set(part, this.#pendingBytes);
			this.#pendingBytes += part.length;
			this.#scratchEnd += part.length;
			done += part.length;
		}
	}

	open(inode: FileInode, extents: Extents | undefined): void {
		this.#open = { inode, data: this.#place(inode, extents), done: 0, extents: extents ?? whole, extent: 0, within: 0, end: 0 };
	}

	#place(inode: FileInode, extents: Extents | undefined): FileData {
		const { size } = inode;
		if (size === 0) return { kind: "empty" };
		if (extents !== undefined) {
			let bits = 0;
			while (size > blockBytes * 2 ** bits * chunksMax && bits < 31) bits++;
			const chunks = Math.ceil(size / (blockBytes * 2 ** bits));
			if (chunks > chunksMax) throw new CortenError("invalid-spec", `cannot write layer: a sparse file of ${size} bytes is too large`);
			return { kind: "chunks", bits, map: new Uint32Array(chunks).fill(nullBlock) };
		}
		if (size <= inlineMaxBytes && inodeBytes + xattrBytes(inode.xattrs) + size <= blockBytes) {
			inode.scratchAt = this.#scratchEnd;
			return inline;
		}
		return { kind: "plain", block: this.#nextBlock() };
	}

	/** Block addresses have 32 bits, and the last is the hole's. */
	#nextBlock(): number {
		const block = this.#file.align();
		if (block >= nullBlock) throw new CortenError("invalid-spec", "cannot write layer: it is larger than 16 TiB");
		return block;
	}

	write(bytes: Uint8Array): void {
		const open = this.#open;
		if (open === undefined) throw new CortenError("bug", "a layer's data has no file");
		if (open.data.kind === "chunks") this.#writeChunks(open.data, open, bytes);
		else if (open.data.kind === "inline") this.#keep(bytes);
		else this.#file.write(bytes);
		open.done += bytes.length;
	}

	/** Lays stored bytes where the extents say; a chunk gets its blocks when its first byte comes. */
	#writeChunks({ bits, map }: Chunks, open: Open, bytes: Uint8Array): void {
		const chunkBytes = blockBytes * 2 ** bits;
		const { extents } = open;
		for (let taken = 0; taken < bytes.length; ) {
			const left = (extents[open.extent + 1] ?? 0) - open.within;
			if (left === 0) {
				open.extent += 2;
				open.within = 0;
				continue;
			}
			const offset = (extents[open.extent] ?? 0) + open.within;
			const chunk = Math.floor(offset / chunkBytes);
			const inChunk = offset - chunk * chunkBytes;
			if (map[chunk] === nullBlock) {
				this.#file.seek(Math.max(this.#file.position, open.end));
				map[chunk] = this.#nextBlock();
				// All of a chunk's blocks must exist, also behind its last byte.
				open.end = this.#file.position + Math.min(chunkBytes, open.inode.size - chunk * chunkBytes);
			}
			const part = bytes.subarray(taken, taken + Math.min(left, chunkBytes - inChunk));
			this.#file.seek((map[chunk] ?? 0) * blockBytes + inChunk);
			this.#file.write(part);
			taken += part.length;
			open.within += part.length;
		}
	}

	close(): void {
		const open = this.#open;
		if (open === undefined) return;
		open.inode.data = open.data;
		this.#file.seek(Math.max(this.#file.position, open.end));
		this.#file.align();
		this.#open = undefined;
	}
}
