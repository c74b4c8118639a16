// Looks into a layer folder, or a container's writable layer, one component at a time below a descriptor: links are read, never followed by
// the kernel, whatever somebody puts in a name's place meanwhile (CVE-2018-15664).

import { Fd, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY, openFd } from "../../linux/file.ts";
import { isKernelFilesystem } from "../../linux/kernel-filesystems.ts";
import { check, syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";
import { cBytes, decodeBytes, formatBytes } from "./bytes.ts";
import { kinds } from "./erofs-format.ts";
import type { LayerDirectory, LayerMeta, LayerNode, LayerView } from "./layer-view.ts";
import { opaqueXattr, type Xattrs } from "./xattrs.ts";

const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const ENOENT = 2;
const ENAMETOOLONG = 36;
const ENOTSUP = 95;
const S_IFSOCK = 0o140000;
const pieceBytes = 512 << 10;

type Stat = Omit<LayerMeta, "xattrs"> & { readonly type: number; readonly major: number; readonly minor: number; readonly size: number };

/** @see statx(2) */
function statOf(fd: Fd): Stat {
	const view = new DataView(new ArrayBuffer(256));
	const bytes = new Uint8Array(view.buffer);
	check(syscall(nr.statx, fd.number, cBytes(""), AT_EMPTY_PATH, STATX_BASIC_STATS, bytes), "cannot look at layer entry");
	const mode = view.getUint16(28, true);
	return {
		type: mode & 0o170000,
		mode: mode & 0o7777,
		links: view.getUint32(16, true),
		uid: view.getUint32(20, true),
		gid: view.getUint32(24, true),
		// With its device: a container's root has mounts in it.
		identity: `${view.getUint32(136, true)}:${view.getUint32(140, true)}:${view.getBigUint64(32, true)}`,
		size: Number(view.getBigUint64(40, true)),
		seconds: Number(view.getBigInt64(112, true)),
		nanoseconds: view.getUint32(120, true),
		major: view.getUint32(128, true),
		minor: view.getUint32(132, true),
	};
}

/** Through /proc, since descriptors with O_PATH alone have no attributes; the link leads to the inode itself, also to a link's. */
function readXattrs(fd: Fd): Xattrs {
	const path = cBytes(`/proc/self/fd/${fd.number}`);
	const list = new Uint8Array(65_536);
	const length = syscall(nr.listxattr, path, list, list.length);
	if (length === -ENOTSUP) return new Map();
	check(length, "cannot list a layer entry's attributes");
	const xattrs = new Map<string, string>();
	const value = new Uint8Array(65_536);
	for (const name of decodeBytes(list, 0, length).split("\0").sort()) {
		if (name === "") continue;
		const size = syscall(nr.getxattr, path, cBytes(name), value, value.length);
		if (size >= 0) xattrs.set(name, decodeBytes(value, 0, size));
	}
	return xattrs;
}

function isOverlays(name: string): boolean {
	return name.startsWith("trusted.overlay.") || name.startsWith("user.overlay.");
}

function isOpaque(fd: Fd): boolean {
	const value = new Uint8Array(4);
	return [opaqueXattr.name, opaqueXattr.userName].some((name) => {
		const length = syscall(nr.fgetxattr, fd.number, cBytes(name), value, value.length);
		return length === 1 && decodeBytes(value, 0, 1) === opaqueXattr.value;
	});
}

function openAt(folder: Fd, name: string, flags: number): Fd | undefined {
	const opened = syscall(nr.openat, folder.number, cBytes(name), flags | O_NOFOLLOW | O_CLOEXEC, 0);
	if (opened === -ENOENT || opened === -ENAMETOOLONG) return undefined;
	return new Fd(check(opened, `cannot open layer entry ${formatBytes(name)}`));
}

/** Opens a file for reading: what O_PATH found may have gone, and something else have come; then it is empty. */
function openFile(folder: Fd, name: string): Fd | undefined {
	const fd = openAt(folder, name, O_PATH);
	if (fd === undefined) return undefined;
	using found = fd;
	if (statOf(found).type !== kinds.file.mode) return undefined;
	const flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
	return new Fd(check(syscall(nr.openat, -100, cBytes(`/proc/self/fd/${found.number}`), flags, 0), "cannot open layer entry"));
}

function* streamFile(folder: Fd, name: string, size: number): Generator<Uint8Array, void, undefined> {
	using file = openFile(folder, name);
	const buffer = new Uint8Array(Math.min(pieceBytes, Math.max(size, 1)));
	for (let done = 0; done < size; ) {
		const wanted = Math.min(buffer.length, size - done);
		let got = 0;
		if (file !== undefined)
			got = check(syscall(nr.pread64, file.number, buffer, wanted, done), `cannot read layer file ${formatBytes(name)}`);
		// It has become shorter since it was looked at: its header is written already.
		if (got === 0) buffer.fill(0, 0, wanted);
		yield buffer.subarray(0, got || wanted);
		done += got || wanted;
	}
}

function readTarget(fd: Fd): string {
	const buffer = new Uint8Array(4096);
	return decodeBytes(buffer, 0, check(syscall(nr.readlinkat, fd.number, cBytes(""), buffer, buffer.length), "cannot read layer link"));
}

function listNames(fd: Fd): readonly string[] {
	const names: string[] = [];
	const buffer = new Uint8Array(64 << 10);
	const view = new DataView(buffer.buffer);
	check(syscall(nr.lseek, fd.number, 0, 0), "cannot list layer folder");
	for (;;) {
		const length = check(syscall(nr.getdents64, fd.number, buffer, buffer.length), "cannot list layer folder");
		if (length === 0) return names.sort();
		for (let at = 0; at < length; at += view.getUint16(at + 16, true)) {
			const name = decodeBytes(buffer, at + 19, buffer.indexOf(0, at + 19));
			if (name !== "." && name !== "..") names.push(name);
		}
	}
}

/**
 * Opens one name in a folder; a link itself. The folder must stay open for as long as what is opened is read.
 * @param held gets the descriptors of folders; whoever owns it closes what is left in it
 * @returns undefined when nothing is there
 */
export function openEntry(folder: Fd, name: string, held: Set<Fd>): LayerNode | undefined {
	const fd = openAt(folder, name, O_PATH);
	if (fd === undefined) return undefined;
	using found = fd;
	const stat = statOf(found);
	const xattrs = () => new Map([...readXattrs(found)].filter(([key]) => !isOverlays(key)));
	if (stat.type === kinds.directory.mode) {
		const opened = openAt(folder, name, O_RDONLY | O_DIRECTORY);
		return opened === undefined ? undefined : openDirectory(opened, held);
	}
	if (stat.type === S_IFSOCK) return { kind: "socket" };
	if (stat.type === kinds.char.mode && stat.major === 0 && stat.minor === 0) return { kind: "whiteout" };
	// Looked at now, since the descriptor goes; few have any.
	const meta: LayerMeta = { ...stat, xattrs: xattrs() };
	switch (stat.type) {
		case kinds.symlink.mode:
			return { kind: "symlink", target: readTarget(found), meta: () => meta };
		case kinds.fifo.mode:
			return { kind: "fifo", meta: () => meta };
		case kinds.char.mode:
			return { kind: "char", major: stat.major, minor: stat.minor, meta: () => meta };
		case kinds.block.mode:
			return { kind: "block", major: stat.major, minor: stat.minor, meta: () => meta };
	}
	return {
		kind: "file",
		size: stat.size,
		read: () => Buffer.concat([...streamFile(folder, name, stat.size)].map((piece) => Uint8Array.from(piece))),
		chunks: () => streamFile(folder, name, stat.size),
		meta: () => meta,
	};
}

function openDirectory(fd: Fd, held: Set<Fd>): LayerDirectory {
	held.add(fd);
	return {
		kind: "directory",
		opaque: isOpaque(fd),
		lookup: (name) => openEntry(fd, name, held),
		// A root that is in use has /proc and /sys in it: mount points, and no files.
		names: () => (isKernelFilesystem(fd) ? [] : listNames(fd)),
		meta: () => ({ ...statOf(fd), xattrs: new Map([...readXattrs(fd)].filter(([key]) => !isOverlays(key))) }),
		[Symbol.dispose]: () => {
			if (held.delete(fd)) fd[Symbol.dispose]();
		},
	};
}

/** Opens a layer folder. @throws `not-found` and its kin */
export function openFolderLayer(path: string): LayerView {
	const held = new Set<Fd>();
	const root = openDirectory(openFd(path, O_RDONLY | O_DIRECTORY), held);
	return {
		root,
		[Symbol.dispose]() {
			for (const fd of held) fd[Symbol.dispose]();
			held.clear();
		},
	};
}
