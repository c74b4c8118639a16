// Paths of the command line.

import { CortenError } from "./errors.ts";

/**
 * A path option made absolute without touching the disk.
 * @throws `invalid-argument` for an empty one, or a relative one when the current folder is gone
 */
export function absolutePath(option: string, path: string): string {
	if (path.startsWith("/")) {
		let end = path.length;
		while (end > 1 && path[end - 1] === "/") end--;
		return path.slice(0, end);
	}
	if (path === "") throw new CortenError("invalid-argument", `cannot use "" as ${option}: a path is needed`, { at: option });
	return absolutePath(option, `${process.cwd()}/${path}`);
}
