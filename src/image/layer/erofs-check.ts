// Whether a layer file is whole, by its superblock alone: what a power cut leaves of a file is zeros or too few bytes.

import { statSync } from "node:fs";
import { isError } from "../../base/errors.ts";
import { O_RDONLY, openFd } from "../../linux/file.ts";
import { check, syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";
import { blockBytes } from "./block-file.ts";
import { crc32c, magic, superOffset } from "./erofs-format.ts";

/** The superblock's magic number and checksum are right, and the file has the blocks it speaks of. */
export function isSoundErofs(path: string): boolean {
	try {
		using file = openFd(path, O_RDONLY);
		const block = new Uint8Array(blockBytes);
		if (check(syscall(nr.pread64, file.number, block, blockBytes, 0), `cannot read "${path}"`) !== blockBytes) return false;
		const view = new DataView(block.buffer, superOffset);
		const stored = view.getUint32(4, true);
		view.setUint32(4, 0, true);
		if (view.getUint32(0, true) !== magic || crc32c(block.subarray(superOffset)) !== stored) return false;
		return statSync(path).size === view.getUint32(36, true) * blockBytes;
	} catch (error) {
		if (isError(error)) return false;
		throw error;
	}
}
