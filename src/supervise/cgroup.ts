// The container's own cgroup folders at its end: kill who is left in them, then remove them. Only for what a killed launch left; launch
// removes them itself. @see Documentation/admin-guide/cgroup-v2.rst, cgroup.kill

import { CortenError, isError } from "../base/errors.ts";
import { AT_FDCWD, Fd, O_CLOEXEC, O_WRONLY } from "../linux/file.ts";
import { check, cString, syscall } from "../linux/libc.ts";
import { sleep } from "../linux/sleep.ts";
import { nr } from "../linux/syscalls.ts";
import { freeze, thaw } from "./freezer.ts";
import { allMembersOf, childrenOf, membersOf } from "./members.ts";
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
		for (let round = 0; ; round++) {
			const result = removeFolders(folder);
			if (result === 0 || result === ENOENT) break;
			if (result !== EBUSY || performance.now() > deadline) check(result, `cannot remove cgroup "${folder}"`);
			if (round === 0) thawAll(folders); // v1's freezer holds also who is killed
			killTree(folder, deadline);
			// A zombie nobody has reaped yet keeps its cgroup busy without being listed: its parent gets a moment.
			sleep(1);
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

function thawAll(folders: readonly string[]): void {
	try {
		thaw(folders);
	} catch (error) {
		if (!isError(error)) throw error; // it is being removed
	}
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

/** Ends all processes of a cgroup v2 folder, also those forked meanwhile. @returns false before Linux 5.14 and on cgroup v1 */
function killAtOnce(folder: string): boolean {
	const opened = syscall(nr.openat, AT_FDCWD, cString(`${folder}/cgroup.kill`), O_WRONLY | O_CLOEXEC, 0);
	if (opened < 0) return false;
	using fd = new Fd(opened);
	return syscall(nr.write, fd.number, new Uint8Array([49]), 1) === 1;
}

/**
 * Sends a signal to every process in these cgroup folders and below; a process is told once. To end them all they are stopped first where
 * the kernel cannot do it at once, so that none is made while others end.
 */
export function signalCgroups(folders: readonly string[], signal: number): void {
	const killed = signal === SIGKILL && folders.filter(killAtOnce).length > 0;
	const stopped = signal === SIGKILL && !killed && tryFreeze(folders);
	for (const pid of allMembersOf(folders)) {
		using opened = openProcess(pid);
		// The pid may have changed hands between reading and opening; a pidfd's process that is still a member is the one meant.
		if (opened !== undefined && allMembersOf(folders).includes(pid)) sendSignal(opened, signal);
	}
	if (stopped || killed) thaw(folders); // v1's freezer holds also who is being killed
}

function tryFreeze(folders: readonly string[]): boolean {
	try {
		freeze(folders, 500);
		return true;
	} catch (error) {
		if (isError(error)) return false; // without: who is made meanwhile is met by the next round
		throw error;
	}
}
