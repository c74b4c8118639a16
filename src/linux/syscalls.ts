// System call numbers of the calls corten makes itself. One architecture so far: the others differ in open flags too. (seccomp has its own, complete table.)
// @see arch/x86/entry/syscalls/syscall_64.tbl

import { CortenError } from "../base/errors.ts";

const x64 = {
	read: 0,
	socket: 41,
	connect: 42,
	write: 1,
	close: 3,
	ioctl: 16,
	getpid: 39,
	execve: 59,
	wait4: 61,
	kill: 62,
	fcntl: 72,
	flock: 73,
	fsync: 74,
	ftruncate: 77,
	sched_getaffinity: 204,
	getdents64: 217,
	openat: 257,
	mkdirat: 258,
	newfstatat: 262,
	unlinkat: 263,
	symlinkat: 266,
	readlinkat: 267,
	fchmodat: 268,
	ppoll: 271,
	utimensat: 280,
	pwritev: 296,
	renameat2: 316,
	pipe2: 293,
	memfd_create: 319,
	execveat: 322,
	statx: 332,
	pidfd_send_signal: 424,
	pidfd_open: 434,
	openat2: 437,
	faccessat: 269,
	socketpair: 53,
	eventfd2: 290,
	mknodat: 259,
	fchownat: 260,
	linkat: 265,
	setxattr: 188,
	lsetxattr: 189,
	fsetxattr: 190,
	fgetxattr: 193,
	pread64: 17,
	pwrite64: 18,
	sync_file_range: 277,
	syncfs: 306,
	statfs: 137,
	fstatfs: 138,
	getrandom: 318,
	fsopen: 430,
	fallocate: 285,
	lseek: 8,
	inotify_add_watch: 254,
	inotify_init1: 294,
	uname: 63,
	geteuid: 107,
	getegid: 108,
	getppid: 110,
	capget: 125,
	prctl: 157,
	prlimit64: 302,
	recvmsg: 47,
} as const;

function forThisMachine(): typeof x64 {
	if (process.arch === "x64") return x64;
	throw new CortenError("unsupported", `cannot run on architecture "${process.arch}"`);
}

/** name -> number on this machine */
export const nr = forThisMachine();
