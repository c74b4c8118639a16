// The last step of corten: become launch. The program and the plan go into sealed memfds, so that neither can be changed any more, not
// even by a container that gets hold of launch's own executable (CVE-2019-5736), and nothing is left in a file system.

import { CortenError } from "../base/errors.ts";
import { AT_FDCWD, Fd, O_CLOEXEC, O_RDONLY, readFd, writeFd } from "../linux/file.ts";
import { check, cString, syscall } from "../linux/libc.ts";
import { addressOf } from "../linux/native.ts";
import { nr } from "../linux/syscalls.ts";

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_EXEC = 0x10;
const F_ADD_SEALS = 1033;
const F_SEAL_ALL = 0x0f; // SEAL, SHRINK, GROW, WRITE
const AT_EMPTY_PATH = 0x1000;
const EINVAL = -22;

/** A memfd that holds `data` and refuses every change from now on. */
export function sealedMemory(name: string, data: Uint8Array, flags: number): Fd {
	let made = syscall(nr.memfd_create, cString(name), flags | MFD_ALLOW_SEALING);
	if (made === EINVAL) made = syscall(nr.memfd_create, cString(name), (flags & ~MFD_EXEC) | MFD_ALLOW_SEALING); // before Linux 6.3
	const fd = new Fd(check(made, `cannot create memory file "${name}"`));
	writeFd(fd, data, name);
	check(syscall(nr.fcntl, fd.number, F_ADD_SEALS, F_SEAL_ALL), `cannot seal memory file "${name}"`);
	return fd;
}

/** launch lies beside corten after `make build`, in ../libexec/corten after `make install`. */
export function launchPaths(): readonly string[] {
	const folder = process.execPath.slice(0, process.execPath.lastIndexOf("/"));
	return [`${folder}/launch`, `${folder}/../libexec/corten/launch`];
}

/** The program of launch, from the first of {@link launchPaths} that is there. @throws `not-found` */
export function readLaunch(): Uint8Array {
	for (const path of launchPaths()) {
		const opened = syscall(nr.openat, AT_FDCWD, cString(path), O_RDONLY | O_CLOEXEC, 0);
		if (opened < 0) continue;
		using fd = new Fd(opened);
		return readFd(fd, path);
	}
	throw new CortenError("not-found", `cannot find "launch" beside "${process.execPath}"`, {
		hint: "corten needs its launcher in the same folder or in ../libexec/corten",
	});
}

/** A NULL-terminated array of pointers to texts; `keep` must live as long as it is used. */
function pointers(texts: readonly string[]): { readonly array: BigUint64Array; readonly keep: readonly Uint8Array[] } {
	const keep = texts.map(cString);
	return { array: new BigUint64Array([...keep.map((text) => BigInt(addressOf(text))), 0n]), keep };
}

/**
 * Replaces this process by launch, which executes the plan. The process keeps its pid, its standard descriptors and every descriptor
 * that is not close-on-exec (the container folder's lock among them).
 * @param plan what encodePlan made
 * @throws `not-found` when launch is not installed, `system` when the kernel refuses
 */
export function becomeLaunch(plan: Uint8Array): never {
	using launch = sealedMemory("corten-launch", readLaunch(), MFD_CLOEXEC | MFD_EXEC);
	using planFd = sealedMemory("corten-plan", plan, 0);
	const argv = pointers(["corten-launch", String(planFd.number)]);
	const envp = pointers([]);
	const result = syscall(nr.execveat, launch.number, cString(""), argv.array, envp.array, AT_EMPTY_PATH);
	check(result, "cannot start launch");
	throw new CortenError("bug", "execveat returned");
}
