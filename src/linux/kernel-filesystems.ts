// The filesystems that are no files but the kernel's own doors: /proc, /sys, cgroups. Who copies files must not read or write them with the
// privilege of the host, whatever link of a container's led there.
// @see statfs(2), include/uapi/linux/magic.h

import type { Fd } from "./file.ts";
import { check, syscall } from "./libc.ts";
import { nr } from "./syscalls.ts";

const magics: ReadonlySet<number> = new Set([
	0x9fa0, // proc
	0x62656572, // sysfs
	0x27e0eb, // cgroup
	0x63677270, // cgroup2
	0x7655821, // resctrl
	0x1cd1, // devpts
	0x64626720, // debugfs
	0x74726163, // tracefs
	0x73636673, // securityfs
	0xf97cff8c, // selinux
	0x43415d53, // smack
	0xcafe4a11, // bpf
	0x62656570, // configfs
	0x65735543, // fusectl
	0x6165676c, // pstore
	0xde5e81e4, // efivarfs
	0x42494e4d, // binfmt_misc
	0x6e736673, // nsfs
]);

/** Whether an open file, also one opened with O_PATH, lies on one of them. @throws see {@link check} */
export function isKernelFilesystem(fd: Fd): boolean {
	const buffer = new BigUint64Array(16);
	check(syscall(nr.fstatfs, fd.number, buffer), "cannot look at a filesystem");
	return magics.has(Number((buffer[0] ?? 0n) & 0xffffffffn));
}
