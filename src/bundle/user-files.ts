// /etc/passwd and /etc/group of a root that is a folder. The folder may be hostile: links cannot leave it, a FIFO does not hang us,
// and nothing large is read (CVE-2024-9676).

import { CortenError, isError } from "../base/errors.ts";
import { type Fd, O_DIRECTORY, O_NONBLOCK, O_PATH, O_RDONLY, openFd, openInRoot, readFd } from "../linux/file.ts";
import { statFd } from "../linux/stat.ts";
import type { UserFiles } from "./user.ts";

const maxBytes = 8 << 20;

/**
 * Reads both files of the folder `root`; a missing one is "".
 * @throws `invalid-spec` when one is no regular file or larger than 8 MiB; `not-found` when there is no such folder
 */
export function readUserFiles(root: string): UserFiles {
	using folder = openFd(root, O_PATH | O_DIRECTORY);
	return { passwd: readInRoot(folder, "/etc/passwd"), group: readInRoot(folder, "/etc/group") };
}

function readInRoot(root: Fd, path: string): string {
	let opened: Fd;
	try {
		opened = openInRoot(root, path, O_RDONLY | O_NONBLOCK);
	} catch (error) {
		if (isError(error) && (error.errno === 2 || error.errno === 20)) return "";
		throw error;
	}
	using file = opened;
	const stat = statFd(file, path);
	if (stat.kind !== "file") throw new CortenError("invalid-spec", `cannot read "${path}" of the root filesystem: it is a ${stat.kind}`);
	if (stat.size > maxBytes)
		throw new CortenError("invalid-spec", `cannot read "${path}" of the root filesystem: it has ${stat.size} bytes`);
	return new TextDecoder().decode(readFd(file, path, maxBytes));
}
