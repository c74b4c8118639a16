// Makes the entries of a tar, or of another tree, below a folder that is open. What else works in that folder meanwhile, a container with
// every right there, can spoil its own files and reach no others: a parent is resolved with the folder as its root, and what is made is
// made, changed and replaced by descriptors and single names that are not followed.
// @see CVE-2018-15664, CVE-2019-10152, CVE-2023-0778, CVE-2026-42306

import { CortenError, isError } from "../../base/errors.ts";
import { Fd, O_CLOEXEC, O_CREAT, O_EXCL, O_NOFOLLOW, O_PATH, O_WRONLY } from "../../linux/file.ts";
import { isKernelFilesystem } from "../../linux/kernel-filesystems.ts";
import { check, syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";
import { cBytes, formatBytes } from "../layer/bytes.ts";
import { encodeDevice, kinds } from "../layer/erofs-format.ts";
import { FileContent, readCaller } from "../layer/folder.ts";
import type { TarSink } from "../layer/tar.ts";
import type { TarEntry } from "../layer/tar-entry.ts";
import { type Ownership, setAttributes, setTime } from "./attributes.ts";
import { openFolderAt, openFolderInRoot, openPlainFolder } from "./place.ts";
import { checkReplaceable, EEXIST, kindAt, linkFd, openMade, replace } from "./replace.ts";

const O_TMPFILE = 0o20200000;
const EPERM = -1;
/** The filesystem has no files without a name: EISDIR, EOPNOTSUPP; overlayfs before Linux 6.3. */
const noTmpfile: readonly number[] = [-21, -95, -22];

/** What is told of an entry that was left out. */
export type Warn = (message: string) => void;

/** A sink that makes files. `finish` comes after the last entry; disposing it without leaves what is there already. */
export type FileSink = TarSink & Disposable & { finish(): void };

type Parent = { readonly path: string; readonly fd: Fd };
/** A file while it is written: without a name yet, or (`named`) under its own. */
type Current = { readonly fd: Fd; readonly content: FileContent; readonly entry: TarEntry; readonly named: boolean };

/** The names of an entry's path. `..` leads up as far as the folder, as it does in a root. */
function namesOf(path: string): string[] {
	const names: string[] = [];
	for (const name of path.split("/")) {
		if (name === "..") names.pop();
		else if (name !== "" && name !== ".") names.push(name);
	}
	return names;
}

/**
 * Creates the sink. Existing folders are filled, and get what an entry of theirs says; existing files and links are replaced; a folder is
 * never replaced by a file nor a file by a folder, and devices and pipes are not replaced at all. A file has its name when it is whole.
 * A kill leaves what was made until then, and nothing under another name.
 * @param target stays the caller's
 */
export function createFileSink(target: Fd, ownership: Ownership, warn: Warn): FileSink {
	const caller = readCaller();
	const times: { readonly path: string; readonly entry: TarEntry }[] = [];
	let parent: Parent | undefined;
	let current: Current | undefined;

	const owner = (entry: TarEntry, fd: Fd): void => setAttributes(fd, entry, ownership, caller);

	function parentOf(names: readonly string[]): Fd {
		const path = names.slice(0, -1).join("/");
		if (parent?.path === path) return parent.fd;
		const fd = openOrMake(names.slice(0, -1));
		parent?.fd[Symbol.dispose]();
		parent = { path, fd };
		if (isKernelFilesystem(fd))
			throw new CortenError("unsupported", `cannot copy to ${formatBytes(names.join("/"))}: it is the kernel's, and no file`);
		return fd;
	}

	/** Folders that an archive does not mention are made as others' are. */
	function openOrMake(names: readonly string[]): Fd {
		try {
			return openFolderInRoot(target, names.join("/") || ".");
		} catch (error) {
			if (!isError(error, "not-found") || names.length === 0) throw error;
		}
		using above = openOrMake(names.slice(0, -1));
		const name = names.at(-1) ?? ".";
		const made = syscall(nr.mkdirat, above.number, cBytes(name), 0o755);
		if (made !== EEXIST) check(made, `cannot make folder ${formatBytes(names.join("/"))}`);
		return openFolderAt(above, name);
	}

	function makeFolder(folder: Fd, name: string, entry: TarEntry, path: string): void {
		const made = syscall(nr.mkdirat, folder.number, cBytes(name), 0o700);
		if (made !== EEXIST) check(made, `cannot make folder ${formatBytes(path)}`);
		else if (kindAt(folder, name, path) !== "dir")
			throw new CortenError("already-exists", `cannot copy to ${formatBytes(path)}: a file is not replaced by a folder`);
		using fd = openFolderAt(folder, name);
		if (isKernelFilesystem(fd)) return;
		owner(entry, fd);
		times.push({ path, entry });
	}

	function openFile(folder: Fd, name: string, entry: TarEntry, path: string): Current {
		const flags = O_WRONLY | O_CLOEXEC;
		let opened = syscall(nr.openat, folder.number, cBytes("."), flags | O_TMPFILE, 0o600);
		const named = noTmpfile.includes(opened);
		if (named) {
			const exclusive = flags | O_CREAT | O_EXCL | O_NOFOLLOW;
			opened = replace(folder, name, path, () => syscall(nr.openat, folder.number, cBytes(name), exclusive, 0o600));
		} else checkReplaceable(folder, name, path); // said before its content is copied
		const fd = new Fd(check(opened, `cannot make ${formatBytes(path)}`));
		return { fd, content: new FileContent(fd, entry.size, entry.extents), entry: { ...entry, name: path }, named };
	}

	function makeLink(folder: Fd, name: string, entry: TarEntry, path: string): void {
		const names = namesOf(entry.target);
		const last = names.at(-1);
		if (last === undefined) throw new CortenError("invalid-spec", `cannot link ${formatBytes(path)} to a folder`);
		using from = openFolderInRoot(target, names.slice(0, -1).join("/") || ".");
		const what = `cannot link ${formatBytes(path)} to ${formatBytes(entry.target)}`;
		// A link to itself, which removing would break.
		if (names.join("/") === path) return;
		using original = new Fd(check(syscall(nr.openat, from.number, cBytes(last), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0), what));
		replace(folder, name, path, () => linkFd(original, folder, name));
	}

	function makeOther(folder: Fd, name: string, entry: TarEntry, path: string): void {
		const { kind } = entry;
		if (kind === "symlink") {
			replace(folder, name, path, () => syscall(nr.symlinkat, cBytes(entry.target), folder.number, cBytes(name)));
			using fd = openMade(folder, name, "link", path);
			owner(entry, fd);
			return;
		}
		if (kind !== "fifo" && kind !== "char" && kind !== "block") return;
		// A device that a container made would be one of the host's when it is copied out: only who asks for all of it gets it.
		if (kind !== "fifo" && ownership.kind !== "kept") {
			warn(`cannot copy ${formatBytes(path)}: a device is left out without --archive`);
			return;
		}
		const device = encodeDevice(entry.major, entry.minor);
		const { mode } = kinds[kind];
		const made = replace(folder, name, path, () => syscall(nr.mknodat, folder.number, cBytes(name), mode | 0o600, device), EPERM);
		if (made === EPERM) {
			warn(`cannot copy ${formatBytes(path)}: a device cannot be made here`);
			return;
		}
		using fd = openMade(folder, name, kind, path);
		owner(entry, fd);
	}

	function close(): void {
		current?.content.close();
		current = undefined;
		parent?.fd[Symbol.dispose]();
		parent = undefined;
	}

	return {
		begin(entry) {
			const names = namesOf(entry.name);
			const name = names.at(-1);
			const path = names.join("/");
			if (name === undefined) {
				// The folder itself: it is somebody else's, and stays as it is.
				if (entry.kind === "directory") return;
				throw new CortenError("invalid-spec", `cannot copy ${formatBytes(entry.name)}: it has no name`);
			}
			const folder = parentOf(names);
			if (entry.kind === "file") current = openFile(folder, name, entry, path);
			else if (entry.kind === "directory") makeFolder(folder, name, entry, path);
			else if (entry.kind === "link") makeLink(folder, name, entry, path);
			else makeOther(folder, name, entry, path);
		},
		data: (bytes) => current?.content.write(bytes),
		end() {
			if (current === undefined || parent === undefined) return;
			const { fd, content, entry, named } = current;
			owner(entry, fd);
			const name = entry.name.slice(entry.name.lastIndexOf("/") + 1);
			const { fd: folder } = parent;
			if (!named) replace(folder, name, entry.name, () => linkFd(fd, folder, name));
			current = undefined;
			content.close();
		},
		finish() {
			// Inner folders first does not matter: setting a time changes no other. A folder that has gone needs none.
			for (const { path, entry } of times) {
				try {
					using fd = openPlainFolder(target, path);
					setTime(fd, entry, path);
				} catch (error) {
					if (!isError(error)) throw error;
				}
			}
			close();
		},
		[Symbol.dispose]() {
			// Of a file that has its name already half of it would stay.
			if (current?.named === true && parent !== undefined)
				syscall(nr.unlinkat, parent.fd.number, cBytes(current.entry.name.slice(current.entry.name.lastIndexOf("/") + 1)), 0);
			close();
		},
	};
}
