// Where a path leads: an open folder and one name in it, so that what is done next is done there, whatever somebody puts in the path's way
// meanwhile (CVE-2018-15664, CVE-2026-42306). Below a root the kernel itself resolves the path as if the root were /.
// @see openat2(2) RESOLVE_IN_ROOT

import { CortenError } from "../../base/errors.ts";
import {
	AT_FDCWD,
	Fd,
	O_CLOEXEC,
	O_DIRECTORY,
	O_NOFOLLOW,
	O_PATH,
	O_RDONLY,
	RESOLVE_NO_SYMLINKS,
	resolveInRoot,
} from "../../linux/file.ts";
import { check, syscall } from "../../linux/libc.ts";
import { type FileStat, statAt } from "../../linux/stat.ts";
import { nr } from "../../linux/syscalls.ts";
import { cBytes, decodeBytes, formatBytes } from "../layer/bytes.ts";

/** A folder and a name in it, "." for the folder itself. Disposing it closes the folder. */
export type Place = Disposable & {
	readonly folder: Fd;
	/** Byte string. */
	readonly name: string;
	/** What has the name, a link itself; undefined: nothing. */
	readonly kind: FileStat["kind"] | undefined;
};

/** As the kernel's own limit. */
const maxLinks = 40;

/** Opens a folder below `root` as if that were /. @param path byte string @throws `not-found` and its kin */
export function openFolderInRoot(root: Fd, path: string, resolve = 0): Fd {
	return new Fd(check(resolveInRoot(root, cBytes(path), O_PATH | O_DIRECTORY, resolve), `cannot open folder ${formatBytes(path)}`));
}

/** As {@link openFolderInRoot}, and no link leads there. */
export function openPlainFolder(root: Fd, path: string): Fd {
	return openFolderInRoot(root, path, RESOLVE_NO_SYMLINKS);
}

/** Opens a folder by one name in another, for reading. @throws `not-found`; `system` with ENOTDIR or ELOOP when it is none */
export function openFolderAt(folder: Fd, name: string): Fd {
	const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	return new Fd(check(syscall(nr.openat, folder.number, cBytes(name), flags, 0), `cannot open folder ${formatBytes(name)}`));
}

function openParent(root: Fd | undefined, path: string): Fd {
	if (root !== undefined) return openFolderInRoot(root, path);
	const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	return new Fd(check(syscall(nr.openat, AT_FDCWD, cBytes(path), flags, 0), `cannot open folder ${formatBytes(path)}`));
}

/** The folder of a path and its last name. Where that is no name the path as a whole is the folder: nothing climbs out of it by "..". */
function split(path: string): readonly [folder: string, name: string] {
	const plain = path.replace(/\/+$/, "");
	const cut = plain.lastIndexOf("/");
	const name = plain.slice(cut + 1);
	return name === "" || name === "." || name === ".." ? [plain === "" ? "/" : plain, "."] : [cut <= 0 ? "/" : plain.slice(0, cut), name];
}

/**
 * Finds the place of an absolute path.
 * @param root what is / ; undefined: the host's own root, where every link counts
 * @param path byte string
 * @param follow whether a link at its end is followed, also one that leads to nothing yet
 * @throws `not-found` when its folder is missing, and its kin
 */
export function findPlace(root: Fd | undefined, path: string, follow: boolean): Place {
	let at = path;
	for (let links = 0; links <= maxLinks; links++) {
		const [parent, name] = split(at);
		const folder = openParent(root, parent);
		let target: string;
		try {
			const kind = statAt(folder, cBytes(name), formatBytes(path))?.kind;
			if (kind !== "link" || !follow) return { folder, name, kind, [Symbol.dispose]: () => folder[Symbol.dispose]() };
			const buffer = new Uint8Array(4096);
			const length = syscall(nr.readlinkat, folder.number, cBytes(name), buffer, buffer.length);
			target = decodeBytes(buffer, 0, check(length, `cannot read link ${formatBytes(path)}`));
		} catch (error) {
			folder[Symbol.dispose]();
			throw error;
		}
		folder[Symbol.dispose]();
		at = target.startsWith("/") ? target : `${parent}/${target}`;
	}
	throw new CortenError("system", `cannot find ${formatBytes(path)}: ELOOP: too many links`, { errno: 40 });
}
