// What lies at a path of the host. statx(2) and not stat(2): its structure is the same on every architecture.

import { AT_FDCWD, type Fd } from "./file.ts";
import { check, cString, syscall } from "./libc.ts";
import { nr } from "./syscalls.ts";

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const STATX_ATTR_MOUNT_ROOT = 0x2000n;
const kinds: Readonly<Record<number, FileStat["kind"]>> = {
	1: "fifo",
	2: "char",
	4: "dir",
	6: "block",
	8: "file",
	10: "link",
	12: "socket",
};

/** What a file is. */
export type FileStat = {
	readonly kind: "file" | "dir" | "link" | "char" | "block" | "fifo" | "socket";
	/** Permission bits, with set-id and sticky. */
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	readonly inode: bigint;
	/** Bytes. */
	readonly size: number;
	/** Something is mounted there (Linux 5.8). */
	readonly mountRoot: boolean;
	/** Of the device a char or block node stands for. */
	readonly major: number;
	readonly minor: number;
};

function decode(view: DataView, what: string): FileStat {
	const mode = view.getUint16(28, true);
	const kind = kinds[mode >> 12];
	if (kind === undefined) check(-22, what);
	return {
		kind: kind ?? "file",
		mode: mode & 0o7777,
		uid: view.getUint32(20, true),
		gid: view.getUint32(24, true),
		inode: view.getBigUint64(32, true),
		size: Number(view.getBigUint64(40, true)),
		mountRoot: (view.getBigUint64(8, true) & STATX_ATTR_MOUNT_ROOT) !== 0n,
		major: view.getUint32(128, true),
		minor: view.getUint32(132, true),
	};
}

/**
 * Looks at a path.
 * @param follow false: a symbolic link itself
 * @returns undefined when nothing is there (ENOENT, ENOTDIR)
 * @throws see {@link check}
 */
export function statPath(path: string, follow = true): FileStat | undefined {
	const buffer = new Uint8Array(256);
	const flags = follow ? 0 : AT_SYMLINK_NOFOLLOW;
	const result = syscall(nr.statx, AT_FDCWD, cString(path), flags, STATX_BASIC_STATS, buffer);
	if (result === -2 || result === -20) return undefined;
	check(result, `cannot look at "${path}"`);
	return decode(new DataView(buffer.buffer), `cannot look at "${path}"`);
}

/** Looks at an open file. @throws see {@link check} */
export function statFd(fd: Fd, what: string): FileStat {
	const buffer = new Uint8Array(256);
	check(syscall(nr.statx, fd.number, cString(""), AT_EMPTY_PATH, STATX_BASIC_STATS, buffer), `cannot look at "${what}"`);
	return decode(new DataView(buffer.buffer), `cannot look at "${what}"`);
}

/**
 * Looks at one name in an open folder; a link itself.
 * @param name its bytes, with a NUL
 * @returns undefined when nothing is there
 * @throws see {@link check}
 */
export function statAt(folder: Fd, name: Uint8Array, what: string): FileStat | undefined {
	const buffer = new Uint8Array(256);
	const result = syscall(nr.statx, folder.number, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, buffer);
	if (result === -2) return undefined;
	check(result, `cannot look at ${what}`);
	return decode(new DataView(buffer.buffer), `cannot look at ${what}`);
}
