// Removes a folder with all that is in it, by descriptors and with names as bytes: what a layer left half made is as hostile as the layer.

import { Fd, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../../linux/file.ts";
import { check, syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";
import { cBytes, decodeBytes, formatBytes } from "./bytes.ts";

const AT_REMOVEDIR = 0x200;
const ENOENT = 2;
const EISDIR = 21;

/** Names in an open folder without . and .., as byte strings. */
function listNames(folder: Fd): string[] {
	const names: string[] = [];
	const buffer = new Uint8Array(32 << 10);
	const view = new DataView(buffer.buffer);
	for (;;) {
		const length = check(syscall(nr.getdents64, folder.number, buffer, buffer.length), "cannot list layer folder");
		if (length === 0) return names;
		for (let at = 0; at < length; at += view.getUint16(at + 16, true)) {
			const name = decodeBytes(buffer, at + 19, buffer.indexOf(0, at + 19));
			if (name !== "." && name !== "..") names.push(name);
		}
	}
}

/** Removes `name` below `folder`, whatever it is; links are not followed. Nothing happens when there is none. */
export function removeTree(folder: Fd, name: string): void {
	const what = `cannot remove layer entry ${formatBytes(name)}`;
	const unlinked = syscall(nr.unlinkat, folder.number, cBytes(name), 0);
	if (unlinked === -ENOENT) return;
	if (unlinked !== -EISDIR) {
		check(unlinked, what);
		return;
	}
	{
		const opened = syscall(nr.openat, folder.number, cBytes(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
		using inner = new Fd(check(opened, what));
		for (const entry of listNames(inner)) removeTree(inner, entry);
	}
	check(syscall(nr.unlinkat, folder.number, cBytes(name), AT_REMOVEDIR), what);
}
