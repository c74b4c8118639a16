// Processes by pidfd: a pid alone may be somebody else's by now, so a process is the pid and the time it started, checked after the
// descriptor is open, when neither can change any more. @see pidfd_open(2), pidfd_send_signal(2), proc_pid_stat(5)

import { Fd, readTextIfPresent } from "../linux/file.ts";
import { check, syscall } from "../linux/libc.ts";
import { nr } from "../linux/syscalls.ts";

/** A process as launch writes it down. */
export type ProcessIdentity = {
	readonly pid: number;
	/** Clock ticks after boot, field 22 of /proc/PID/stat. */
	readonly startTime: bigint;
};

/** The start time and state letter of a process, or undefined when there is none. */
export function readProcess(pid: number): { readonly startTime: bigint; readonly state: string } | undefined {
	let stat: string | undefined;
	try {
		stat = readTextIfPresent(`/proc/${pid}/stat`);
	} catch {
		return undefined; // ESRCH: it ended between open and read
	}
	return stat === undefined ? undefined : parseStat(stat);
}

/** The content of /proc/PID/stat. */
export function parseStat(stat: string): { readonly startTime: bigint; readonly state: string } | undefined {
	// The name in parentheses may hold anything, also parentheses: what follows the last one counts. Its first word is field 3.
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	const [state, startTime] = [fields[0], fields[19]];
	return state === undefined || startTime === undefined ? undefined : { startTime: BigInt(startTime), state };
}

/** Whether this very process still runs; a zombie does not. */
export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
	const found = readProcess(pid);
	return found !== undefined && found.startTime === startTime && found.state !== "Z" && found.state !== "X";
}

/**
 * Opens this very process.
 * @param startTime undefined: whoever has the pid now, for pids read from a cgroup that are checked there again
 * @returns undefined when it has ended
 */
export function openProcess(pid: number, startTime?: bigint): Fd | undefined {
	const opened = syscall(nr.pidfd_open, pid, 0);
	if (opened === -3 || opened === -22) return undefined;
	const fd = new Fd(check(opened, `cannot open process ${pid}`));
	if (startTime === undefined || readProcess(pid)?.startTime === startTime) return fd;
	fd[Symbol.dispose]();
	return undefined;
}

/** Sends a signal. @returns false when the process has ended @throws `permission-denied` */
export function sendSignal(process: Fd, signal: number): boolean {
	const result = syscall(nr.pidfd_send_signal, process.number, signal, null, 0);
	if (result === -3) return false;
	check(result, `cannot send signal ${signal}`);
	return true;
}

/**
 * Waits until one of the descriptors is readable; a pidfd is when its process has ended.
 * @param timeoutMs Infinity waits for ever
 * @returns the index of the first that is, or -1 after the time
 */
export function waitReadable(fds: readonly Fd[], timeoutMs: number): number {
	const POLLIN = 1;
	const polled = new Int32Array(fds.flatMap((fd) => [fd.number, POLLIN]));
	const deadline = performance.now() + timeoutMs;
	for (;;) {
		const leftMs = Math.max(0, deadline - performance.now());
		const time = Number.isFinite(leftMs)
			? new BigInt64Array([BigInt(Math.floor(leftMs / 1000)), BigInt(Math.floor((leftMs % 1000) * 1e6))])
			: null;
		const ready = syscall(nr.ppoll, polled, fds.length, time, null, 8);
		if (ready === -4) continue;
		if (check(ready, "cannot wait for a process") === 0) return -1;
		return fds.findIndex((_, index) => (polled[index * 2 + 1] ?? 0) >> 16 !== 0);
	}
}
