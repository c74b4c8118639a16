// rm -r of a tree a container wrote: by descriptors, through no link and into no other file system. A tree may be deeper than PATH_MAX
// and than the limit of open files: what is deeper than a few levels is moved up to the top first.

import {
	AT_FDCWD,
	Fd,
	O_CLOEXEC,
	O_DIRECTORY,
	O_NOFOLLOW,
	O_RDONLY,
	RESOLVE_BENEATH,
	RESOLVE_NO_SYMLINKS,
	RESOLVE_NO_XDEV,
} from "../linux/file.ts";
import { check, cString, syscall } from "../linux/libc.ts";
import { nr } from "../linux/syscalls.ts";

const ENOENT = -2;
const EISDIR = -21;
const AT_REMOVEDIR = 0x200;
const maxDepth = 32;

/** The folder at the top, and how many folders were moved up to it. */
type Walk = { readonly top: Fd; moved: number };

/**
 * Removes a folder and all that is in it. Absent: nothing to do.
 * @throws `permission-denied` (an immutable file), `busy` (a mount) or `system`; what could be removed before is gone then
 */
export function removeTree(path: string): void {
	const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	const opened = syscall(nr.openat, AT_FDCWD, cString(path), flags, 0);
	if (opened === ENOENT) return;
	using top = new Fd(check(opened, `cannot open folder "${path}"`));
	empty({ top, moved: 0 }, top, path, 0);
	removeEmptyFolder(path);
}

/** Removes a folder that holds nothing, or only what goes with it (resctrl). Absent: nothing to do. @throws see {@link removeTree} */
export function removeEmptyFolder(path: string): void {
	const result = syscall(nr.unlinkat, AT_FDCWD, cString(path), AT_REMOVEDIR);
	if (result !== ENOENT) check(result, `cannot remove folder "${path}"`);
}

/** Removes what is in a folder, also what is moved into it meanwhile. */
function empty(walk: Walk, folder: Fd, path: string, depth: number): void {
	for (;;) {
		const names = firstNames(folder, path);
		if (names.length === 0) return;
		for (const name of names) removeEntry(walk, folder, name, `${path}/${shown(name)}`, depth);
	}
}

function removeEntry(walk: Walk, folder: Fd, name: Uint8Array, path: string, depth: number): void {
	const unlinked = syscall(nr.unlinkat, folder.number, name, 0);
	if (unlinked === 0 || unlinked === ENOENT) return;
	if (unlinked !== EISDIR) check(unlinked, `cannot remove "${path}"`);
	if (syscall(nr.unlinkat, folder.number, name, AT_REMOVEDIR) === 0) return;
	if (depth >= maxDepth) {
		// renameat2 across folders of one file system; the number never repeats within this walk, and NOREPLACE (1) guards the rest.
		for (;;) {
			const moved = syscall(nr.renameat2, folder.number, name, walk.top.number, cString(`.deep-${walk.moved++}`), 1);
			if (moved === -17) continue;
			check(moved, `cannot move "${path}"`);
			return;
		}
	}
	const how = new BigUint64Array([
		BigInt(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
		0n,
		BigInt(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV),
	]);
	const opened = syscall(nr.openat2, folder.number, name, how, how.byteLength);
	using fd = new Fd(check(opened, `cannot open folder "${path}"`));
	empty(walk, fd, path, depth + 1);
	check(syscall(nr.unlinkat, folder.number, name, AT_REMOVEDIR), `cannot remove folder "${path}"`);
}

/** Some names of a folder, each with its NUL; as bytes, for a container may write names that are not UTF-8. None: the folder is empty. */
function firstNames(folder: Fd, path: string): Uint8Array[] {
	check(syscall(nr.lseek, folder.number, 0, 0), `cannot read folder "${path}"`);
	const names: Uint8Array[] = [];
	const buffer = new Uint8Array(32 << 10);
	const view = new DataView(buffer.buffer);
	while (names.length === 0) {
		const length = check(syscall(nr.getdents64, folder.number, buffer, buffer.length), `cannot list "${path}"`);
		if (length === 0) break;
		for (let at = 0; at < length; at += view.getUint16(at + 16, true)) {
			const name = buffer.slice(at + 19, buffer.indexOf(0, at + 19) + 1);
			const dots = name[0] === 46 && (name[1] === 0 || (name[1] === 46 && name[2] === 0));
			if (!dots) names.push(name);
		}
	}
	return names;
}

function shown(name: Uint8Array): string {
	return new TextDecoder().decode(name.subarray(0, -1));
}
