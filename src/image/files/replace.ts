// A name is freed, and something made of it. Folders are given by descriptor, names are not followed, and what was just made is looked at
// again before anything is done to it: it may have been exchanged.

import { CortenError } from "../../base/errors.ts";
import { AT_FDCWD, Fd, O_CLOEXEC, O_NOFOLLOW, O_PATH } from "../../linux/file.ts";
import { check, syscall } from "../../linux/libc.ts";
import { type FileStat, statAt, statFd } from "../../linux/stat.ts";
import { nr } from "../../linux/syscalls.ts";
import { cBytes, formatBytes } from "../layer/bytes.ts";

const AT_SYMLINK_FOLLOW = 0x400;
const ENOENT = -2;
/** As a result of a system call. */
export const EEXIST = -17;
/** How often a name may be taken again by somebody else between our removing and making it. */
const maxAttempts = 100;

/** What has a name in a folder. @param path for messages, a byte string */
export function kindAt(folder: Fd, name: string, path: string): FileStat["kind"] | undefined {
	return statAt(folder, cBytes(name), formatBytes(path))?.kind;
}

/** @returns whether something is there that can go. @throws `already-exists` for what is not replaced: folders, devices, pipes, sockets; `busy` for a mount */
export function checkReplaceable(folder: Fd, name: string, path: string): boolean {
	const stat = statAt(folder, cBytes(name), formatBytes(path));
	if (stat === undefined) return false;
	// The kernel protects only mounts of the caller's own namespace: of a container it would take the mount away with the name.
	if (stat.mountRoot)
		throw new CortenError("busy", `cannot copy to ${formatBytes(path)}: EBUSY: something is mounted there`, { errno: 16 });
	const found = stat.kind;
	if (found === "file" || found === "link") return true;
	const what = found === "dir" ? "a folder is not replaced by a file" : `a ${words[found]} is not replaced`;
	throw new CortenError("already-exists", `cannot copy to ${formatBytes(path)}: ${what}`);
}

const words = { fifo: "pipe", socket: "socket", char: "device", block: "device" } as const;

/**
 * Frees the name and makes something of it, again when somebody else is quicker.
 * @param make the system call
 * @returns its result, which may be negative only if it is `allowed`
 * @throws as {@link checkReplaceable}; what the call says
 */
export function replace(folder: Fd, name: string, path: string, make: () => number, allowed = 0): number {
	for (let attempt = 0; ; attempt++) {
		if (checkReplaceable(folder, name, path)) {
			const removed = syscall(nr.unlinkat, folder.number, cBytes(name), 0);
			if (removed !== ENOENT) check(removed, `cannot replace ${formatBytes(path)}`);
		}
		const made = make();
		if (made === EEXIST && attempt < maxAttempts) continue;
		return made === allowed ? made : check(made, `cannot make ${formatBytes(path)}`);
	}
}

/** Opens what was just made, with O_PATH. @throws `busy` when something else has come in its place */
export function openMade(folder: Fd, name: string, kind: FileStat["kind"], path: string): Fd {
	const opened = syscall(nr.openat, folder.number, cBytes(name), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	const fd = new Fd(check(opened, `cannot open ${formatBytes(path)}`));
	// Looked at by its descriptor.
	if (statFd(fd, path).kind === kind) return fd;
	fd[Symbol.dispose]();
	throw new CortenError("busy", `cannot copy to ${formatBytes(path)}: somebody else changes it`);
}

/** A further name for an open file, by its inode. @returns as linkat(2) */
export function linkFd(fd: Fd, folder: Fd, name: string): number {
	return syscall(nr.linkat, AT_FDCWD, cBytes(`/proc/self/fd/${fd.number}`), folder.number, cBytes(name), AT_SYMLINK_FOLLOW);
}
