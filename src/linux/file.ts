// Files by descriptor, without node:fs: what the start of a container reads and writes on the host's side.
// Everything throws a CortenError that names the path; nothing follows a link in its last component unless it says so.

import { CortenError } from "../base/errors.ts";
import { check, cString, syscall, systemError } from "./libc.ts";
import { nr } from "./syscalls.ts";

export const AT_FDCWD = -100;
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_DIRECTORY = 0o200000;
export const O_NOFOLLOW = 0o400000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const RESOLVE_IN_ROOT = 0x10;
export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
const EAGAIN = -11;
const maxAttempts = 1000;

/** An open descriptor that closes at the end of its `using` block. */
export class Fd implements Disposable {
	readonly number: number;
	constructor(number: number) {
		this.number = number;
	}
	[Symbol.dispose](): void {
		syscall(nr.close, this.number);
	}
}

/** Opens a path of the host, close-on-exec. @throws see {@link check} */
export function openFd(path: string, flags: number, mode = 0): Fd {
	return new Fd(check(syscall(nr.openat, AT_FDCWD, cString(path), flags | O_CLOEXEC, mode), `cannot open "${path}"`));
}

/**
 * Opens `path` below the directory `root` as if `root` were /: absolute links and `..` cannot leave it, magic links are refused.
 * @throws `not-found` and its kin, see {@link check}
 */
export function openInRoot(root: Fd, path: string, flags: number): Fd {
	return new Fd(check(resolveInRoot(root, cString(path), flags), `cannot open "${path}" in the root filesystem`));
}

/**
 * As {@link openInRoot}.
 * @param path with a NUL at its end
 * @param resolve further RESOLVE_ flags
 * @returns a descriptor, or the negative errno
 */
export function resolveInRoot(root: Fd, path: Uint8Array, flags: number, resolve = 0): number {
	const how = new BigUint64Array([BigInt(flags | O_CLOEXEC), 0n, BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve)]);
	let opened = EAGAIN;
	// The kernel gives up on a ".." when anything of the machine is renamed or mounted just then.
	for (let attempt = 0; opened === EAGAIN && attempt < maxAttempts; attempt++)
		opened = syscall(nr.openat2, root.number, path, how, how.byteLength);
	return opened;
}

/**
 * Reads to the end of an open file.
 * @param maxBytes more than this is an error, so that a hostile file cannot fill memory
 * @throws `invalid-argument` beyond maxBytes; else see {@link check}
 */
export function readFd(fd: Fd, what: string, maxBytes = 64 << 20): Uint8Array {
	let buffer = new Uint8Array(16 << 10);
	let length = 0;
	for (;;) {
		if (length === buffer.length) {
			const larger = new Uint8Array(buffer.length * 4);
			larger.set(buffer);
			buffer = larger;
		}
		const got = check(syscall(nr.read, fd.number, buffer.subarray(length), buffer.length - length), `cannot read "${what}"`);
		if (got === 0) return buffer.subarray(0, length);
		length += got;
		if (length > maxBytes) throw new CortenError("invalid-argument", `cannot read "${what}": it is larger than ${maxBytes} bytes`);
	}
}

/** The bytes of a host file. @see readFd */
export function readFile(path: string, maxBytes?: number): Uint8Array {
	using fd = openFd(path, O_RDONLY);
	return readFd(fd, path, maxBytes);
}

/** The text of a host file, or undefined when there is none. @see readFd */
export function readTextIfPresent(path: string, maxBytes?: number): string | undefined {
	const opened = syscall(nr.openat, AT_FDCWD, cString(path), O_RDONLY | O_CLOEXEC, 0);
	if (opened === -2) return undefined;
	using fd = new Fd(check(opened, `cannot open "${path}"`));
	return new TextDecoder().decode(readFd(fd, path, maxBytes));
}

/** The text of a host file. @throws `not-found` and its kin */
export function readText(path: string, maxBytes?: number): string {
	return new TextDecoder().decode(readFile(path, maxBytes));
}

/** Writes all of `data` to an open file. */
export function writeFd(fd: Fd, data: Uint8Array, what: string): void {
	for (let done = 0; done < data.length; ) {
		done += check(syscall(nr.write, fd.number, data.subarray(done), data.length - done), `cannot write "${what}"`);
	}
}

/** Creates or replaces the content of a file in place; not atomic, not synced: for files nobody else reads yet. */
export function writeFile(path: string, data: string | Uint8Array, mode = 0o600, flags = O_CREAT | O_TRUNC): void {
	using fd = openFd(path, O_WRONLY | O_NOFOLLOW | flags, mode);
	writeFd(fd, typeof data === "string" ? new TextEncoder().encode(data) : data, path);
}

let durable = true;

/** From here on nothing waits for the disk (`--no-sync`): what is written may be gone, or damaged, after a power cut. */
export function leaveUnsynced(): void {
	durable = false;
}

/** Whether what is written is to outlive a power cut: always, but for `--no-sync`. */
export function isDurable(): boolean {
	return durable;
}

/** fsync(2), but for `--no-sync`. @param path for the message */
export function syncFd(fd: Fd, path: string): void {
	if (durable) check(syscall(nr.fsync, fd.number), `cannot sync "${path}"`);
}

/**
 * Replaces a file atomically and durably: temp file in the same folder, fsync, rename, fsync of the folder.
 * A reader sees the old bytes or the new ones, also after a power cut. Costs two fsyncs.
 * @param sync false leaves the two fsyncs out: for state that need not outlive the machine's next boot
 */
export function replaceFile(path: string, data: string | Uint8Array, mode = 0o600, sync = true): void {
	const temporary = `${path}.${process.pid}.tmp`;
	const folder = path.slice(0, path.lastIndexOf("/")) || "/";
	try {
		using fd = openFd(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode);
		writeFd(fd, typeof data === "string" ? new TextEncoder().encode(data) : data, path);
		if (sync) syncFd(fd, path);
		rename(temporary, path);
	} catch (error) {
		unlink(temporary);
		throw error;
	}
	if (!sync) return;
	using folderFd = openFd(folder, O_RDONLY | O_DIRECTORY);
	syncFd(folderFd, folder);
}

/** rename(2) within the host. */
export function rename(from: string, to: string): void {
	check(syscall(nr.renameat2, AT_FDCWD, cString(from), AT_FDCWD, cString(to), 0), `cannot rename "${from}" to "${to}"`);
}

/** Removes a file or link. @returns false when there was none */
export function unlink(path: string): boolean {
	const result = syscall(nr.unlinkat, AT_FDCWD, cString(path), 0);
	if (result === -2) return false;
	check(result, `cannot remove "${path}"`);
	return true;
}

/** Makes one folder. @returns false when something of that name was there already */
export function makeFolder(path: string, mode = 0o700): boolean {
	const result = syscall(nr.mkdirat, AT_FDCWD, cString(path), mode);
	if (result === -17) return false;
	check(result, `cannot make folder "${path}"`);
	return true;
}

/** Makes a folder and those above it that are missing; those that exist keep their modes. */
export function makeFolders(path: string, mode = 0o700): void {
	const result = syscall(nr.mkdirat, AT_FDCWD, cString(path), mode);
	if (result === -2) {
		const cut = path.lastIndexOf("/");
		if (cut <= 0) throw systemError(2, `cannot make folder "${path}"`);
		makeFolders(path.slice(0, cut), mode);
		makeFolder(path, mode);
	} else if (result !== -17) check(result, `cannot make folder "${path}"`);
}

/** Makes a symbolic link. @returns false when the name is taken */
export function makeLink(target: string, path: string): boolean {
	const result = syscall(nr.symlinkat, cString(target), AT_FDCWD, cString(path));
	if (result === -17) return false;
	check(result, `cannot make link "${path}"`);
	return true;
}

/** Where a symbolic link points, or undefined when there is no such link. */
export function readLink(path: string): string | undefined {
	const buffer = new Uint8Array(4096);
	const length = syscall(nr.readlinkat, AT_FDCWD, cString(path), buffer, buffer.length);
	if (length === -2 || length === -22) return undefined;
	return new TextDecoder().decode(buffer.subarray(0, check(length, `cannot read link "${path}"`)));
}

/** Whether anything has this name; a dangling link counts. */
export function exists(path: string): boolean {
	const buffer = new Uint8Array(256);
	const result = syscall(nr.newfstatat, AT_FDCWD, cString(path), buffer, 0x100);
	if (result === -2 || result === -20) return false;
	check(result, `cannot look at "${path}"`);
	return true;
}

/** Names in a folder, without . and .., in the kernel's order; none when there is no such folder. */
export function listFolder(path: string): string[] {
	const opened = syscall(nr.openat, AT_FDCWD, cString(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (opened === -2) return [];
	using fd = new Fd(check(opened, `cannot open folder "${path}"`));
	const names: string[] = [];
	const buffer = new Uint8Array(32 << 10);
	const view = new DataView(buffer.buffer);
	for (;;) {
		const read = syscall(nr.getdents64, fd.number, buffer, buffer.length);
		// ENOENT: somebody has removed it since it was opened, as systemd does a cgroup whose last process has ended.
		if (read === -2) return [];
		const length = check(read, `cannot list "${path}"`);
		if (length === 0) return names;
		for (let at = 0; at < length; at += view.getUint16(at + 16, true)) {
			const end = buffer.indexOf(0, at + 19);
			const name = new TextDecoder().decode(buffer.subarray(at + 19, end));
			if (name !== "." && name !== "..") names.push(name);
		}
	}
}

/**
 * Takes an flock on an open file or folder. The lock belongs to the open file: it lasts until every copy of the descriptor is
 * closed, also by a kill, and it passes through execve and fork when the descriptor does.
 * @param operation LOCK_SH or LOCK_EX, with LOCK_NB to not wait
 * @returns false when LOCK_NB was given and another holds it
 */
export function lock(fd: Fd, operation: number, what: string): boolean {
	const result = syscall(nr.flock, fd.number, operation);
	if (result === -11) return false;
	check(result, `cannot lock "${what}"`);
	return true;
}
