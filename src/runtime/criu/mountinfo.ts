// What is mounted where, as the kernel tells it. @see proc_pid_mountinfo(5)

import { readText } from "../../linux/file.ts";

/** One mount. */
export type MountEntry = {
	/** Of the mount itself. */
	readonly id: string;
	/** Of the filesystem: `0:26`. */
	readonly device: string;
	/** What of the filesystem is mounted. */
	readonly root: string;
	readonly mountPoint: string;
	readonly type: string;
};

/** Parses the text of a mountinfo. */
export function parseMountinfo(text: string): readonly MountEntry[] {
	const entries: MountEntry[] = [];
	for (const line of text.split("\n")) {
		const [before = "", after = ""] = line.split(" - ");
		const [id = "", , device, root, mountPoint] = before.split(" ");
		if (device === undefined || root === undefined || mountPoint === undefined) continue;
		entries.push({ id, device, root: unescapeOctal(root), mountPoint: unescapeOctal(mountPoint), type: after.split(" ", 1)[0] ?? "" });
	}
	return entries;
}

/** The mounts that a process sees. @param pid "self" for the caller */
export function readMountinfo(pid: number | "self"): readonly MountEntry[] {
	return parseMountinfo(readText(`/proc/${pid}/mountinfo`));
}

/** A blank, tab, newline and backslash are written as `\040` and so on; names are bytes, and UTF-8 stays what it is. */
function unescapeOctal(text: string): string {
	return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** `path` seen from below `folder`, which holds it or is it: "" or "/x"; undefined when it is elsewhere. */
export function below(path: string, folder: string): string | undefined {
	if (folder === "/") return path === "/" ? "" : path;
	if (path === folder) return "";
	return path.startsWith(`${folder}/`) ? path.slice(folder.length) : undefined;
}
