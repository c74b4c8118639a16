// Looks into a layer folder, one component at a time below a descriptor: links are read, never followed by the kernel.

import { Fd, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY, openFd } from "../../linux/file.ts";
import { check, syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";
import { cBytes, decodeBytes, formatBytes } from "./bytes.ts";
import { kinds } from "./erofs-format.ts";
import type { LayerNode, LayerView } from "./layer-view.ts";
import { opaqueXattr } from "./xattrs.ts";

const AT_EMPTY_PATH = 0x1000;
const ENOENT = 2;
const ENAMETOOLONG = 36;

/** Type and device of an open entry. @see stat(2), struct stat of x86-64 */
function statOf(fd: Fd): { readonly type: number; readonly device: bigint; readonly size: number } {
	const bytes = new Uint8Array(144);
	check(syscall(nr.newfstatat, fd.number, cBytes(""), bytes, AT_EMPTY_PATH), "cannot look at layer entry");
	const view = new DataView(bytes.buffer);
	return { type: view.getUint32(24, true) & 0o170000, device: view.getBigUint64(40, true), size: Number(view.getBigInt64(48, true)) };
}

function isOpaque(fd: Fd): boolean {
	const value = new Uint8Array(4);
	return [opaqueXattr.name, opaqueXattr.userName].some((name) => {
		const length = syscall(nr.fgetxattr, fd.number, cBytes(name), value, value.length);
		return length === 1 && decodeBytes(value, 0, 1) === opaqueXattr.value;
	});
}

/** Opens again what O_PATH found to be safe to open; the type is checked again, since another inode cannot have come in its place. */
function reopen(fd: Fd, flags: number): Fd {
	return new Fd(check(syscall(nr.openat, -100, cBytes(`/proc/self/fd/${fd.number}`), flags | O_CLOEXEC, 0), "cannot open layer entry"));
}

function readAll(fd: Fd, size: number): Uint8Array {
	const bytes = new Uint8Array(size);
	let done = 0;
	while (done < size) {
		const got = check(syscall(nr.pread64, fd.number, bytes.subarray(done), size - done, done), "cannot read layer file");
		if (got === 0) break;
		done += got;
	}
	return bytes.subarray(0, done);
}

function readTarget(fd: Fd): string {
	const buffer = new Uint8Array(4096);
	return decodeBytes(buffer, 0, check(syscall(nr.readlinkat, fd.number, cBytes(""), buffer, buffer.length), "cannot read layer link"));
}

function openNode(folder: Fd, name: string, held: Fd[]): LayerNode | undefined {
	const opened = syscall(nr.openat, folder.number, cBytes(name), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	if (opened === -ENOENT || opened === -ENAMETOOLONG) return undefined;
	const fd = new Fd(check(opened, `cannot open layer entry ${formatBytes(name)}`));
	held.push(fd);
	const { type, device, size } = statOf(fd);
	if (type === kinds.directory.mode) return openDirectory(reopen(fd, O_RDONLY | O_DIRECTORY), held);
	if (type === kinds.symlink.mode) return { kind: "symlink", target: readTarget(fd) };
	if (type !== kinds.file.mode) return { kind: type === kinds.char.mode && device === 0n ? "whiteout" : "other" };
	return {
		kind: "file",
		size,
		read() {
			using file = reopen(fd, O_RDONLY | O_NONBLOCK);
			return readAll(file, size);
		},
	};
}

function openDirectory(fd: Fd, held: Fd[]): LayerNode {
	held.push(fd);
	return { kind: "directory", opaque: isOpaque(fd), lookup: (name) => openNode(fd, name, held) };
}

/** Opens a layer folder. @throws `not-found` and its kin */
export function openFolderLayer(path: string): LayerView {
	const held: Fd[] = [];
	const root = openDirectory(openFd(path, O_RDONLY | O_DIRECTORY), held);
	return {
		root,
		[Symbol.dispose]() {
			for (const fd of held.splice(0)) fd[Symbol.dispose]();
		},
	};
}
