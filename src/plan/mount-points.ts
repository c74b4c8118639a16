// The layer of mount points: a folder of the stage that lies below all layers of the image and has what mounts need and images lack:
// /proc, /dev, /sys, /etc/hosts. So no mount point is made in the writable layer, which is slower (0.1 ms for each file on ext4) and
// would show in every diff. The files are at once the sources of their mounts. Docker's "init layer" is the same idea.

import { O_CREAT, O_EXCL, O_NOFOLLOW } from "../linux/file.ts";
import type { Frame } from "./frame.ts";
import type { ParsedMount } from "./mount-target.ts";
import { add, bytesOf, type Steps } from "./steps.ts";

/** Its name on the stage. */
export const mountPoints = "s";

/** What the stage serves as the source of a bind: the path of the file on the stage, or undefined for a source of the host. */
export function stagedSource({ mount }: ParsedMount, frame: Pick<Frame, "files">): string | undefined {
	const staged = frame.files?.some(({ source }) => source === mount.source) === true && isPlain(mount.destination);
	return staged ? mountPoints + mount.destination : undefined;
}

/** Makes the layer. @param stage its slot */
export function addMountPoints(steps: Steps, stage: number, mounts: readonly ParsedMount[], frame: Pick<Frame, "files">): void {
	const made = new Set<string>();
	const makeFolder = (path: string, mode = 0o755): void => {
		if (made.has(path)) return;
		made.add(path);
		add(steps, "mkdirat", { dir: stage, path, mode }, `make folder "${path}" on the stage`);
	};
	makeFolder(mountPoints);
	for (const parsed of mounts) {
		const { mount, bind, options, at } = parsed;
		const { destination } = mount;
		const content = frame.files?.find(({ source }) => source === mount.source)?.content;
		if (content !== undefined && stagedSource(parsed, frame) !== undefined) {
			const names = destination.split("/");
			for (let depth = 2; depth < names.length; depth++) makeFolder(mountPoints + names.slice(0, depth).join("/"));
			const args = { dir: stage, path: mountPoints + destination, data: bytesOf(content), flags: O_CREAT | O_EXCL | O_NOFOLLOW };
			add(steps, "write", args, `write "${destination}" on the stage`, at);
		} else if (!bind && !options.remount && isPlain(destination) && destination.lastIndexOf("/") === 0) {
			// A tmpfs without a mode gets that of the folder below it (mounts.ts); where the image has none it is everybody's, as the kernel makes it.
			makeFolder(mountPoints + destination, mount.type === "tmpfs" ? 0o1777 : 0o755);
		}
	}
}

/** An absolute path without `.`, `..` and empty names. */
function isPlain(path: string): boolean {
	return path.split("/").every((name, index) => (index === 0 ? name === "" : name !== "" && name !== "." && name !== ".."));
}
