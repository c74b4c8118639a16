// The root filesystem of a container that runs, with all that is mounted in it, as an open folder. The pid is the container's word: what is
// opened is /proc/PID of this very process, and the rest goes through that descriptor, which never becomes another process's.
// @see proc_pid_root(5), mount_namespaces(7)

import { CortenError } from "../base/errors.ts";
import { Fd, O_CLOEXEC, O_DIRECTORY, O_PATH, O_RDONLY, readFd, readLink } from "../linux/file.ts";
import { check, cString, syscall } from "../linux/libc.ts";
import { nr } from "../linux/syscalls.ts";
import { type ProcessIdentity, parseStat } from "./process.ts";

/** An open root. Its mounts stay as they are until it is disposed, also when the container ends. */
export type RunningRoot = Disposable & { readonly folder: Fd; readonly namespace: Fd };

const decoder = new TextDecoder();

function openIn(folder: Fd, path: string, flags: number): Fd | undefined {
	const opened = syscall(nr.openat, folder.number, cString(path), flags | O_CLOEXEC, 0);
	if (opened === -2 || opened === -3) return undefined;
	return new Fd(check(opened, `cannot open "${path}" of the container's process`));
}

function isThis(proc: Fd, startTime: bigint): boolean {
	try {
		using stat = openIn(proc, "stat", O_RDONLY);
		const found = stat === undefined ? undefined : parseStat(decoder.decode(readFd(stat, "stat", 1 << 16)));
		return found?.startTime === startTime && found.state !== "Z" && found.state !== "X";
	} catch {
		return false; // ESRCH: it has ended since
	}
}

/**
 * Opens the root of a container's first process.
 * @returns undefined when that process has ended
 * @throws `unsupported` when it is in another user namespace: its ids are not ours; `permission-denied`
 */
export function openRunningRoot({ pid, startTime }: ProcessIdentity): RunningRoot | undefined {
	const open = new DisposableStack();
	try {
		const opened = syscall(nr.openat, -100, cString(`/proc/${pid}`), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
		if (opened === -2) return undefined;
		const proc = open.use(new Fd(check(opened, `cannot open process ${pid}`)));
		// Holds the mounts: a volume must not give way to what lies below it while something is copied into it.
		const namespace = openIn(proc, "ns/mnt", O_RDONLY);
		if (namespace !== undefined) open.use(namespace);
		const folder = openIn(proc, "root", O_PATH | O_DIRECTORY);
		if (folder !== undefined) open.use(folder);
		if (namespace === undefined || folder === undefined || !isThis(proc, startTime)) {
			open.dispose();
			return undefined;
		}
		const user = new Uint8Array(64);
		const length = check(syscall(nr.readlinkat, proc.number, cString("ns/user"), user, user.length), "cannot look at a user namespace");
		if (decoder.decode(user.subarray(0, length)) !== readLink("/proc/self/ns/user"))
			throw new CortenError("unsupported", "cannot copy files of a container in another user namespace: its users are not the caller's");
		return { folder, namespace, [Symbol.dispose]: () => open.dispose() };
	} catch (error) {
		open.dispose();
		throw error;
	}
}
