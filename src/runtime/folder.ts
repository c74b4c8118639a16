// The folder of a runtime container comes and goes: made and locked before anything else, removed under its lock. The lock is held while
// somebody creates, starts or deletes; it passes into launch, which gives it up when the container is on its own.

import { CortenError, isError } from "../base/errors.ts";
import { AT_FDCWD, Fd, LOCK_EX, LOCK_NB, lock, makeFolders, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, writeFile } from "../linux/file.ts";
import { check, cString, syscall } from "../linux/libc.ts";
import { sleep } from "../linux/sleep.ts";
import { nr } from "../linux/syscalls.ts";
import { removeTree } from "../supervise/tree.ts";
import { takenId } from "./errors.ts";
import { folderOf, type RuntimeRecord } from "./state.ts";

const ENOENT = -2;
const EEXIST = -17;

/** A locked folder; the lock lives on in launch when the descriptor is not closed. */
export type LockedFolder = { readonly path: string; readonly lockFd: Fd };

/**
 * Makes the folder of a new container and locks it.
 * @throws `already-exists`
 */
export function makeContainerFolder(root: string, id: string): LockedFolder {
	const path = folderOf(root, id);
	let made = syscall(nr.mkdirat, AT_FDCWD, cString(path), 0o700);
	if (made === ENOENT) {
		makeFolders(root);
		made = syscall(nr.mkdirat, AT_FDCWD, cString(path), 0o700);
	}
	if (made === EEXIST) throw takenId(id);
	check(made, `cannot make folder "${path}"`);
	return { path, lockFd: openLocked(path) };
}

/** Without O_CLOEXEC: launch inherits it. */
function openLocked(path: string): Fd {
	const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
	const fd = new Fd(check(syscall(nr.openat, AT_FDCWD, cString(path), flags, 0), `cannot open "${path}"`));
	lock(fd, LOCK_EX, path);
	return fd;
}

/**
 * Locks the folder of a container, waiting for whoever creates, starts or deletes it.
 * @returns undefined when there is no such folder
 * @throws `busy` after `patienceMs`
 */
export function lockContainerFolder(path: string, patienceMs = 10_000): Fd | undefined {
	const opened = syscall(nr.openat, AT_FDCWD, cString(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (opened === ENOENT) return undefined;
	const fd = new Fd(check(opened, `cannot open "${path}"`));
	const deadline = performance.now() + patienceMs;
	while (!lock(fd, LOCK_EX | LOCK_NB, path)) {
		if (performance.now() > deadline) throw new CortenError("busy", `cannot lock "${path}": another command is at work on this container`);
		sleep(2);
	}
	return fd;
}

/** state.json and config.json. */
export function writeRecord(folder: string, record: RuntimeRecord, config: Uint8Array): void {
	writeFile(`${folder}/config.json`, config);
	writeFile(`${folder}/state.json`, JSON.stringify(record));
}

/** Takes a folder back after a failed creation. Best effort. */
export function discardContainerFolder({ path, lockFd }: LockedFolder): void {
	try {
		removeTree(path);
	} catch (error) {
		if (!isError(error)) throw error;
	}
	lockFd[Symbol.dispose]();
}
