// Owner, mode, attributes and times of a file that was just made, by its descriptor: a name could be a link to the host's files by now
// (CVE-2019-10152).

import { AT_FDCWD, type Fd } from "../../linux/file.ts";
import { check, syscall } from "../../linux/libc.ts";
import { statFd } from "../../linux/stat.ts";
import { nr } from "../../linux/syscalls.ts";
import { cBytes, encodeBytes, formatBytes } from "../layer/bytes.ts";
import type { Caller } from "../layer/folder.ts";
import type { TarEntry } from "../layer/tar-entry.ts";
import { checkXattrs } from "../layer/xattrs.ts";

const AT_EMPTY_PATH = 0x1000;
const EINVAL = -22;
const ENOTSUP = -95;

/** Whose a copied file is. */
export type Ownership =
	/** As the entry says, with set-id bits and attributes. */
	| { readonly kind: "kept" }
	/** Somebody else's: then bits and attributes that give a privilege to whoever owns it are left out, as cp(1) does. */
	| { readonly kind: "given"; readonly uid: number; readonly gid: number };

/** The descriptor as a path. The magic link leads to the inode itself, also of a descriptor with O_PATH alone and of a link. */
function pathOf(fd: Fd): Uint8Array {
	return cBytes(`/proc/self/fd/${fd.number}`);
}

/** Sets the time of the last change of its content. @throws see {@link check} */
export function setTime(fd: Fd, { seconds, nanoseconds }: Pick<TarEntry, "seconds" | "nanoseconds">, name: string): void {
	const time = [BigInt(seconds), BigInt(nanoseconds)] as const;
	const times = new BigInt64Array([...time, ...time]);
	check(syscall(nr.utimensat, AT_FDCWD, pathOf(fd), times, 0), `cannot set the time of ${formatBytes(name)}`);
}

/**
 * Gives a new file what its entry says. Owner first, then mode (a chown clears set-user-ID), then attributes (it clears capabilities, too),
 * then times. Attributes of overlayfs and of security modules are not taken over, nor is what the filesystem cannot hold.
 * @throws `permission-denied` and its kin
 */
export function setAttributes(fd: Fd, entry: TarEntry, ownership: Ownership, caller: Caller): void {
	const { kind, mode, name } = entry;
	const what = `cannot set the attributes of ${formatBytes(name)}`;
	const kept = ownership.kind === "kept";
	const { uid, gid } = kept ? entry : ownership;
	const found = statFd(fd, what);
	// Not where it is so already: some filesystems know no owners, and refuse.
	if (found.uid !== uid || found.gid !== gid) {
		const owned = syscall(nr.fchownat, fd.number, cBytes(""), uid, gid, AT_EMPTY_PATH);
		// In a user namespace that maps one user all is theirs.
		if (owned !== EINVAL || !caller.alone) check(owned, what);
	}
	const allowed = kind === "directory" ? 0o7777 : kept && kind === "file" ? 0o7777 : 0o1777;
	if (kind !== "symlink") check(syscall(nr.fchmodat, AT_FDCWD, pathOf(fd), mode & allowed), what);
	if (kept && (kind === "file" || kind === "directory"))
		for (const [key, value] of checkXattrs(entry.xattrs, kind, name)) {
			const taken = key.startsWith("user.") || key.startsWith("system.") || key === "security.capability";
			if (!taken) continue;
			const set = syscall(nr.setxattr, pathOf(fd), cBytes(key), encodeBytes(value), value.length, 0);
			if (set !== ENOTSUP) check(set, what);
		}
	setTime(fd, entry, name);
}
