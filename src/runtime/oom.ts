// Notice of the kernel's out-of-memory killer in a container's memory cgroup: an eventfd on v1, a watched file on v2.
// @see Documentation/admin-guide/cgroup-v1/memory.rst "Memory thresholds", cgroup-v2.rst memory.events

import { AT_FDCWD, exists, Fd, O_CLOEXEC, O_NONBLOCK, O_RDONLY, openFd, writeFile } from "../linux/file.ts";
import { check, cString, syscall } from "../linux/libc.ts";
import { nr } from "../linux/syscalls.ts";
import { readKeys } from "./stats-files.ts";

/** A descriptor that becomes readable, and what it had to say. */
export type OomNotice = Disposable & {
	readonly fd: Fd;
	/** To be called when `fd` is readable. @returns how often the killer has come since the last call */
	readonly read: () => number;
};

const IN_MODIFY = 2;

/** Watches the memory cgroup of a container. @returns undefined when it has none @throws see `check` */
export function watchOom(folders: readonly string[]): OomNotice | undefined {
	for (const folder of folders) {
		if (exists(`${folder}/memory.oom_control`)) return watch1(folder);
		if (exists(`${folder}/memory.events`)) return watch2(folder);
	}
	return undefined;
}

function watch1(folder: string): OomNotice {
	const fd = new Fd(check(syscall(nr.eventfd2, 0, O_CLOEXEC | O_NONBLOCK), "cannot make an eventfd"));
	using control = openFd(`${folder}/memory.oom_control`, O_RDONLY);
	writeFile(`${folder}/cgroup.event_control`, `${fd.number} ${control.number}`, 0, 0);
	const count = new BigUint64Array(1);
	return {
		fd,
		read: () => {
			if (syscall(nr.read, fd.number, count, 8) !== 8) return 0;
			return exists(`${folder}/cgroup.event_control`) ? 1 : 0; // the cgroup's end is told in the same way
		},
		[Symbol.dispose]: () => fd[Symbol.dispose](),
	};
}

function watch2(folder: string): OomNotice {
	const fd = new Fd(check(syscall(nr.inotify_init1, O_CLOEXEC | O_NONBLOCK), "cannot watch files"));
	const file = `${folder}/memory.events`;
	check(syscall(nr.inotify_add_watch, fd.number, cString(file), IN_MODIFY), `cannot watch "${file}"`);
	const buffer = new Uint8Array(4096);
	let before = readKeys(file).oom_kill ?? 0n;
	return {
		fd,
		read: () => {
			syscall(nr.read, fd.number, buffer, buffer.length);
			const now = readKeys(file).oom_kill ?? before;
			const times = Number(now - before);
			before = now;
			return times;
		},
		[Symbol.dispose]: () => fd[Symbol.dispose](),
	};
}

/** Whether the folder of a cgroup is still there. */
export function cgroupExists(folder: string): boolean {
	return syscall(nr.faccessat, AT_FDCWD, cString(folder), 0) === 0;
}
