// The layer file while it is written: no name, so that a kill at any moment leaves nothing behind, a large buffer, and holes where
// the data is zero (a bomb of zeros costs no disk). Writeback starts early so that the fsync at the end finds little left to do.
// @see open(2) O_TMPFILE, sync_file_range(2)

import { CortenError } from "../../base/errors.ts";
import { AT_FDCWD, Fd, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_RDWR, openFd, syncFd, unlink } from "../../linux/file.ts";
import { check, cString, syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";

/** A block of EROFS, and the unit of holes. */
export const blockBytes = 4096;
const bufferBytes = 1 << 20;
const writebackBytes = 16 << 20;
/** A shorter run of zero blocks is written: a hole of its own would cost the host's file system an extent. */
const holeBlocks = 8;
const O_TMPFILE = 0o20000000 | O_DIRECTORY;
const AT_SYMLINK_FOLLOW = 0x400;
const SYNC_FILE_RANGE_WRITE = 2;
const EEXIST = 17;
const zeros = Buffer.alloc(blockBytes);

/** A file without a name, or one that loses it at once where there is no such thing: nobody finds it, and it goes with its descriptor. */
export function openNameless(folder: string): Fd {
	const opened = syscall(nr.openat, AT_FDCWD, cString(folder), O_TMPFILE | O_RDWR | O_CLOEXEC, 0o600);
	if (opened !== -95 && opened !== -21) return new Fd(check(opened, `cannot make a file in "${folder}"`));
	const path = `${folder}/.${process.pid}-${crypto.randomUUID()}.tmp`;
	const file = openFd(path, O_RDWR | O_CREAT | O_EXCL, 0o600);
	unlink(path);
	return file;
}

/** A nameless file of 4 KiB blocks, written front to back. */
export class BlockFile implements Disposable {
	readonly #folder: string;
	readonly #fd: Fd;
	/** The name it has after all, where O_TMPFILE is unknown (overlayfs before Linux 6.1, some network file systems). */
	readonly #temporary: string | undefined;
	readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes);
	readonly #words = new Uint32Array(this.#buffer.buffer);
	/** Bytes in the buffer, and the file offset of its first. */
	#used = 0;
	#base = 0;
	#started = 0;

	/** @throws `not-found` and its kin when the folder cannot take a file */
	constructor(folder: string) {
		this.#folder = folder;
		const opened = syscall(nr.openat, AT_FDCWD, cString(folder), O_TMPFILE | O_RDWR | O_CLOEXEC, 0o600);
		this.#temporary = opened === -95 || opened === -21 ? `${folder}/.${process.pid}-${crypto.randomUUID()}.tmp` : undefined;
		this.#fd =
			this.#temporary === undefined
				? new Fd(check(opened, `cannot make a file in "${folder}"`))
				: openFd(this.#temporary, O_RDWR | O_CREAT | O_EXCL, 0o600);
	}

	/** The offset of the next byte. */
	get position(): number {
		return this.#base + this.#used;
	}

	/** Appends bytes. */
	write(bytes: Uint8Array): void {
		if (bytes.length <= bufferBytes - this.#used) {
			this.#buffer.set(bytes, this.#used);
			this.#used += bytes.length;
			return;
		}
		for (let done = 0; done < bytes.length; ) {
			if (this.#used === bufferBytes) this.#flush();
			const part = bytes.subarray(done, done + bufferBytes - this.#used);
			this.#buffer.set(part, this.#used);
			this.#used += part.length;
			done += part.length;
		}
	}

	/** Appends a part of a buffer: as `write`, without a view of it. */
	writePart(bytes: Buffer, from: number, to: number): void {
		if (to - from > bufferBytes - this.#used) {
			this.write(bytes.subarray(from, to));
			return;
		}
		bytes.copy(this.#buffer, this.#used, from, to);
		this.#used += to - from;
	}

	/** Goes forward to an offset; what is skipped is zero. */
	seek(position: number): void {
		let gap = position - this.position;
		if (gap > bufferBytes) {
			// Whole buffers of zeros need not pass through the buffer.
			this.#zero(bufferBytes - this.#used);
			this.#flush();
			this.#base = position - (position % blockBytes);
			gap = position - this.#base;
		} else if (gap > bufferBytes - this.#used) {
			gap -= bufferBytes - this.#used;
			this.#zero(bufferBytes - this.#used);
			this.#flush();
		}
		this.#zero(gap);
	}

	/** Fills up the last block. @returns the number of the block that comes next */
	align(): number {
		const over = this.position % blockBytes;
		if (over > 0) this.seek(this.position + blockBytes - over);
		return this.position / blockBytes;
	}

	#zero(length: number): void {
		if (length === 0) return;
		this.#buffer.fill(0, this.#used, this.#used + length);
		this.#used += length;
	}

	#isZero(block: number): boolean {
		if (this.#words[(block * blockBytes) / 4] !== 0) return false;
		return zeros.equals(this.#buffer.subarray(block * blockBytes, (block + 1) * blockBytes));
	}

	/** Writes the buffer but for its long runs of zero blocks. The base is always a multiple of a block. */
	#flush(): void {
		const blocks = Math.floor(this.#used / blockBytes);
		let from = 0;
		for (let block = 0; block < blocks; ) {
			let end = block;
			while (end < blocks && this.#isZero(end)) end++;
			if (end - block >= holeBlocks) {
				this.#pwrite(from * blockBytes, block * blockBytes);
				from = end;
			}
			block = Math.max(end, block + 1);
		}
		this.#pwrite(from * blockBytes, this.#used);
		this.#base += this.#used;
		this.#used = 0;
		if (this.#base - this.#started < writebackBytes) return;
		syscall(nr.sync_file_range, this.#fd.number, this.#started, this.#base - this.#started, SYNC_FILE_RANGE_WRITE);
		this.#started = this.#base;
	}

	#pwrite(from: number, to: number): void {
		writeAt(this.#fd, this.#buffer.subarray(from, to), this.#base + from, this.#folder);
	}

	/**
	 * Writes what is left and the first block, syncs, and links the file under its name, durably. One of that name stays.
	 * @param first block 0, which is only known at the end
	 */
	commit(path: string, first: Uint8Array): void {
		this.align();
		this.#flush();
		writeAt(this.#fd, first, 0, path);
		check(syscall(nr.ftruncate, this.#fd.number, this.#base), `cannot write "${path}"`);
		syncFd(this.#fd, path);
		const from = this.#temporary ?? `/proc/self/fd/${this.#fd.number}`;
		const linked = syscall(nr.linkat, AT_FDCWD, cString(from), AT_FDCWD, cString(path), AT_SYMLINK_FOLLOW);
		if (linked !== -EEXIST) check(linked, `cannot link "${path}"`);
		using folder = openFd(this.#folder, O_RDONLY | O_DIRECTORY);
		syncFd(folder, this.#folder);
	}

	[Symbol.dispose](): void {
		this.#fd[Symbol.dispose]();
		if (this.#temporary !== undefined) unlink(this.#temporary);
	}
}

function writeAt(fd: Fd, bytes: Uint8Array, position: number, what: string): void {
	for (let done = 0; done < bytes.length; ) {
		const written = check(
			syscall(nr.pwrite64, fd.number, bytes.subarray(done), bytes.length - done, position + done),
			`cannot write to "${what}"`,
		);
		if (written === 0) throw new CortenError("system", `cannot write to "${what}": nothing was written`);
		done += written;
	}
}
