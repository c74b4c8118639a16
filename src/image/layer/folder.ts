// Writes a layer as a folder, for kernels and users that cannot mount EROFS. Contents arrive in a staging folder under numbers; when
// the tree is complete, everything is made in it once, with its owner and attributes, and linked to its names. The kernel never
// resolves a path of the layer: each name is one component below a descriptor of a folder made here (CVE-2019-14271 and its kin).
// @see openat(2), linkat(2); Linux Documentation/filesystems/overlayfs.rst

import { CortenError } from "../../base/errors.ts";
import {
	AT_FDCWD,
	Fd,
	isDurable,
	O_CLOEXEC,
	O_CREAT,
	O_DIRECTORY,
	O_EXCL,
	O_NOFOLLOW,
	O_RDONLY,
	O_WRONLY,
	openFd,
	readText,
	syncFd,
} from "../../linux/file.ts";
import { isFirstUserNamespace } from "../../linux/host.ts";
import { check, cString, syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";
import { cBytes, encodeBytes, formatBytes } from "./bytes.ts";
import { encodeDevice, kinds } from "./erofs-format.ts";
import { removeTree } from "./folder-remove.ts";
import type { LayerWriter } from "./layer-writer.ts";
import type { Extents } from "./sparse.ts";
import type { FileInode, FolderInode, Inode } from "./tree.ts";
import { opaqueXattr } from "./xattrs.ts";

const AT_SYMLINK_NOFOLLOW = 0x100;
const RENAME_NOREPLACE = 1;
const EPERM = -1;
const EINVAL = -22;

function openFolderAt(folder: Fd, name: string): Fd {
	const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	return new Fd(check(syscall(nr.openat, folder.number, cBytes(name), flags, 0), `cannot open layer folder ${formatBytes(name)}`));
}

function makeFolderAt(folder: Fd, name: string): Fd {
	check(syscall(nr.mkdirat, folder.number, cBytes(name), 0o700), `cannot make layer folder ${formatBytes(name)}`);
	return openFolderAt(folder, name);
}

/** What the caller may set. */
type Caller = {
	/** Root of the machine, not of a user namespace. */
	readonly root: boolean;
	/** The user namespace maps one user alone: everything is theirs. */
	readonly alone: boolean;
};

function readCaller(): Caller {
	const maps = readText("/proc/self/uid_map").trim().split("\n");
	return { root: isFirstUserNamespace(), alone: maps.length === 1 && / 1$/.test(maps[0] ?? "") };
}

/** Owner, then mode (a chown clears set-user-ID), then attributes (a chown clears capabilities, too), then times. */
function setAttributes(folder: Fd, name: string, inode: Inode, caller: Caller): void {
	const what = `cannot set the attributes of layer entry ${formatBytes(name)}`;
	const path = cBytes(name);
	const owned = syscall(nr.fchownat, folder.number, path, inode.uid, inode.gid, AT_SYMLINK_NOFOLLOW);
	// In a user namespace that maps one user all is theirs; in one that maps some, an id beyond them is an error.
	if (owned !== EINVAL || !caller.alone) check(owned, what);
	if (inode.kind !== "symlink") check(syscall(nr.fchmodat, folder.number, path, inode.mode), what);
	const opaque = [caller.root ? opaqueXattr.name : opaqueXattr.userName, opaqueXattr.value] as const;
	const kept = caller.root ? [...inode.xattrs] : [...inode.xattrs].filter(([key]) => !key.startsWith("trusted."));
	const xattrs = inode.kind === "directory" && inode.opaque ? [...kept, opaque] : kept;
	for (const [key, value] of xattrs) {
		// The magic link is the descriptor itself; only the last component is the layer's, and it is not followed.
		const full = cBytes(`/proc/self/fd/${folder.number}/${name}`);
		check(syscall(nr.lsetxattr, full, cBytes(key), encodeBytes(value), value.length, 0), what);
	}
	const time = [BigInt(inode.seconds), BigInt(inode.nanoseconds)] as const;
	check(syscall(nr.utimensat, folder.number, path, new BigInt64Array([...time, ...time]), AT_SYMLINK_NOFOLLOW), what);
}

/** Makes everything but folders, under a number in the staging folder. @returns false for a device that only root of the machine may make */
function makeStaged(staging: Fd, name: string, inode: Exclude<Inode, FolderInode>, caller: Caller): boolean {
	const path = cBytes(name);
	const what = `cannot make layer ${inode.kind}`;
	if (inode.kind === "symlink") check(syscall(nr.symlinkat, cBytes(inode.target), staging.number, path), what);
	else if (inode.kind !== "file") {
		const made = syscall(nr.mknodat, staging.number, path, kinds[inode.kind].mode | 0o600, encodeDevice(inode.major, inode.minor));
		if (made === EPERM && !caller.root) return false;
		check(made, what);
	}
	setAttributes(staging, name, inode, caller);
	return true;
}

/** Links the tree together below `root`: folders outward in, their attributes on the way back since filling them changes times. */
function makeTree(tree: FolderInode, root: Fd, staging: Fd, caller: Caller): void {
	let count = 0;
	const stack = [{ inode: tree, fd: root, name: ".", children: tree.children.entries() }];
	try {
		for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
			const next = top.children.next();
			if (next.done === true) {
				stack.pop();
				const parent = stack.at(-1);
				if (parent !== undefined) top.fd[Symbol.dispose]();
				setAttributes(parent?.fd ?? root, top.name, top.inode, caller);
				continue;
			}
			const [name, inode] = next.value;
			if (inode.kind === "directory") {
				stack.push({ inode, fd: makeFolderAt(top.fd, name), name, children: inode.children.entries() });
				continue;
			}
			const made = inode.number > 0;
			if (!made) inode.number = ++count;
			const number = inode.kind === "file" && inode.data.kind === "staged" ? inode.data.name : `n${inode.number}`;
			if (!made && !makeStaged(staging, number, inode, caller)) continue;
			check(
				syscall(nr.linkat, staging.number, cBytes(number), top.fd.number, cBytes(name), 0),
				`cannot make layer entry ${formatBytes(name)}`,
			);
		}
	} finally {
		for (const { fd } of stack.slice(1)) fd[Symbol.dispose]();
	}
}

/** One content in the staging folder, its holes left out. */
class StagedFile {
	readonly #fd: Fd;
	readonly #extents: Extents;
	#extent = 0;
	#left: number;

	constructor(fd: Fd, inode: FileInode, extents: Extents | undefined) {
		this.#fd = fd;
		this.#extents = extents ?? [0, inode.size];
		this.#left = this.#extents[1] ?? 0;
		if (extents !== undefined) check(syscall(nr.ftruncate, fd.number, inode.size), "cannot write layer file");
	}

	write(bytes: Uint8Array): void {
		for (let done = 0; done < bytes.length; ) {
			if (this.#left === 0) {
				this.#extent += 2;
				this.#left = this.#extents[this.#extent + 1] ?? 0;
				if (this.#left === 0) throw new CortenError("bug", "a layer's file is longer than its map");
			}
			const part = bytes.subarray(done, done + this.#left);
			const offset = (this.#extents[this.#extent] ?? 0) + (this.#extents[this.#extent + 1] ?? 0) - this.#left;
			const written = check(syscall(nr.pwrite64, this.#fd.number, part, part.length, offset), "cannot write layer file");
			this.#left -= written;
			done += written;
		}
	}

	close(): void {
		this.#fd[Symbol.dispose]();
	}
}

/**
 * A writer of one layer folder at `path`, in a folder that exists. Owners, devices and trusted.* attributes are set as the layer has them by
 * root; in a user namespace there are no devices and no trusted attributes. A kill leaves `<folder>/.<pid>-<uuid>.tmp/`. @see LayerWriter
 */
export function createFolderWriter(path: string): LayerWriter {
	const folder = path.slice(0, path.lastIndexOf("/")) || "/";
	const temporary = `.${process.pid}-${crypto.randomUUID()}.tmp`;
	const layers = openFd(folder, O_RDONLY | O_DIRECTORY);
	const held = [layers];
	const hold = (fd: Fd) => {
		held.push(fd);
		return fd;
	};
	let current: StagedFile | undefined;
	let count = 0;
	const dispose = () => {
		current?.close();
		current = undefined;
		removeTree(layers, temporary);
		for (const fd of held.splice(0)) fd[Symbol.dispose]();
	};
	try {
		const stage = hold(makeFolderAt(layers, temporary));
		const staging = hold(makeFolderAt(stage, "staged"));
		const root = hold(makeFolderAt(stage, "root"));
		return {
			open(inode, extents) {
				const name = `f${count++}`;
				const opened = syscall(nr.openat, staging.number, cBytes(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600);
				current = new StagedFile(new Fd(check(opened, "cannot make layer file")), inode, extents);
				inode.data = { kind: "staged", name };
			},
			write: (bytes) => current?.write(bytes),
			close() {
				current?.close();
				current = undefined;
			},
			commit(tree) {
				makeTree(tree, root, staging, readCaller());
				if (isDurable()) check(syscall(nr.syncfs, layers.number), `cannot sync "${folder}"`);
				const renamed = syscall(nr.renameat2, stage.number, cBytes("root"), AT_FDCWD, cString(path), RENAME_NOREPLACE);
				if (renamed !== -17) check(renamed, `cannot rename layer to "${path}"`);
				syncFd(layers, folder);
			},
			[Symbol.dispose]: dispose,
		};
	} catch (error) {
		dispose();
		throw error;
	}
}
