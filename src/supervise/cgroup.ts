// The container's own cgroup folders at its end: kill who is left in them, then remove them. Only for what a killed launch left; launch
// removes them itself. @see Documentation/admin-guide/cgroup-v2.rst, cgroup.kill

import { CortenError, isError } from "../base/errors.ts";
import { AT_FDCWD, Fd, listFolder, O_CLOEXEC, O_WRONLY, readTextIfPresent } from "../linux/file.ts";
import { check, cString, syscall } from "../linux/libc.ts";
import { statPath } from "../linux/stat.ts";
import { nr } from "../linux/syscalls.ts";
import { openProcess, sendSignal, waitReadable } from "./process.ts";

const SIGKILL = 9;
const EBUSY = -16;
const ENOENT = -2;

/**
 * Kills what is in these cgroup folders and below, and removes them. Idempotent.
 * @param timeoutMs how long the processes may take to end
 * @throws `busy` when some do not; `wrong-state` when we are in one of them ourselves: then it is not the container's own
 */
export function removeCgroups(folders: readonly string[], timeoutMs = 5000): void {
	const deadline = performance.now() + timeoutMs;
	for (const folder of folders) {
		for (;;) {
			const result = removeFolders(folder);
			if (result === 0 || result === ENOENT) break;
			if (result !== EBUSY || performance.now() > deadline) check(result, `cannot remove cgroup "${folder}"`);
			killTree(folder, deadline);
			// A zombie nobody has reaped yet keeps its cgroup busy without being listed: its parent gets a moment.
			Bun.sleepSync(1);
		}
	}
}

/** The folder and all below it, the deepest first. One rmdir takes a cgroup's files with it. @returns a negative error number */
function removeFolders(folder: string): number {
	const result = syscall(nr.unlinkat, AT_FDCWD, cString(folder), 0x200);
	if (result !== EBUSY) return result;
	for (const child of childrenOf(folder)) removeFolders(child);
	return syscall(nr.unlinkat, AT_FDCWD, cString(folder), 0x200);
}

function killTree(folder: string, deadline: number): void {
	const members = membersOf(folder);
	if (members.includes(process.pid)) throw new CortenError("wrong-state", `cannot remove cgroup "${folder}": corten itself runs in it`);
	for (const child of childrenOf(folder)) killTree(child, deadline);
	if (killAtOnce(folder)) return;
	for (const pid of members) {
		using opened = openProcess(pid);
		// The pid may have changed hands between reading and opening; a pidfd's process that is still a member is the one meant.
		if (opened === undefined || !membersOf(folder).includes(pid)) continue;
		sendSignal(opened, SIGKILL);
		waitReadable([opened], Math.max(0, deadline - performance.now()));
	}
}

function childrenOf(folder: string): string[] {
	return listFolder(folder)
		.map((name) => `${folder}/${name}`)
		.filter((path) => statPath(path, false)?.kind === "dir");
}

/** None for a folder of a threaded v2 subtree, which may not be asked (EOPNOTSUPP); {@link killAtOnce} reaches those. */
function membersOf(folder: string): number[] {
	try {
		return (readTextIfPresent(`${folder}/cgroup.procs`) ?? "").split("\n").filter(Boolean).map(Number);
	} catch (error) {
		if (isError(error, "system")) return [];
		throw error;
	}
}

/** Ends all processes of a cgroup v2 folder, also those forked meanwhile. @returns false before Linux 5.14 and on cgroup v1 */
function killAtOnce(folder: string): boolean {
	const opened = syscall(nr.openat, AT_FDCWD, cString(`${folder}/cgroup.kill`), O_WRONLY | O_CLOEXEC, 0);
	if (opened < 0) return false;
	using fd = new Fd(opened);
	return syscall(nr.write, fd.number, new Uint8Array([49]), 1) === 1;
}

/** Sends a signal to every process in these cgroup folders and below; a process is told once. */
export function signalCgroups(folders: readonly string[], signal: number): void {
	const told = new Set<number>();
	for (const folder of folders) signalTree(folder, signal, told);
}

function signalTree(folder: string, signal: number, told: Set<number>): void {
	for (const pid of membersOf(folder)) {
		if (told.has(pid)) continue;
		told.add(pid);
		using opened = openProcess(pid);
		if (opened !== undefined && membersOf(folder).includes(pid)) sendSignal(opened, signal);
	}
	for (const child of childrenOf(folder)) signalTree(child, signal, told);
}
