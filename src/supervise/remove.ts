// The end of a container's folder. The name's link goes first: while the folder exists nobody takes the name over, and when it is gone
// the link is gone too, so nobody's new link is removed by mistake. Then the folder is renamed, so that a kill in between leaves rubbish
// that sweep knows and never a half container.

import { CortenError, isError } from "../base/errors.ts";
import {
	exists,
	type Fd,
	LOCK_EX,
	LOCK_NB,
	O_DIRECTORY,
	O_NOFOLLOW,
	O_RDONLY,
	openFd,
	readLink,
	rename,
	lock as takeLock,
	unlink,
} from "../linux/file.ts";
import { sleep } from "../linux/sleep.ts";
import { containerFolder, containersFolder, idOfLink, nameLink, unfinishedPrefix } from "./layout.ts";
import { readContainer } from "./state.ts";
import { removeTree } from "./tree.ts";

/**
 * Takes the lock of a container's folder without waiting.
 * @returns undefined when somebody else holds it, or when there is no such folder any more
 */
export function lockFolder(path: string): Fd | undefined {
	let fd: Fd;
	try {
		fd = openFd(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	} catch (error) {
		if (isError(error, "not-found")) return undefined;
		throw error;
	}
	if (takeLock(fd, LOCK_EX | LOCK_NB, path)) return fd;
	fd[Symbol.dispose]();
	return undefined;
}

/**
 * Removes the name and the folder of a container; the caller holds the folder's lock, and nothing of the container runs any more.
 * Idempotent; what a kill leaves is finished by the next sweep.
 * @throws `permission-denied`, `busy` or `system` when something in the folder cannot be removed
 */
export function removeLocked(root: string, id: string, name: string): void {
	releaseName(root, id, name);
	const rubbish = `${containersFolder(root)}/${unfinishedPrefix}${id}`;
	try {
		rename(containerFolder(root, id), rubbish);
	} catch (error) {
		if (!isError(error, "not-found")) throw error;
	}
	removeTree(rubbish);
}

/** Removes the name's link if it is this container's. */
export function releaseName(root: string, id: string, name: string): void {
	if (name === "") return;
	const link = nameLink(root, name);
	const target = readLink(link);
	if (target !== undefined && idOfLink(target) === id) unlink(link);
}

/**
 * Removes a container that does not run.
 * @throws `wrong-state` when somebody holds its lock (it runs, or is being made or removed); else see {@link removeLocked}
 */
export function removeContainer(root: string, id: string, name: string): void {
	const folder = containerFolder(root, id);
	// A ps or a sweep that looks at the folder just now holds its lock too, for a moment.
	let held = lockFolder(folder);
	for (let attempt = 0; held === undefined && attempt < 50 && !isRunning(root, id); attempt++) {
		sleep(1);
		held = lockFolder(folder);
	}
	using lock = held;
	// In a unit it runs without a lock.
	if (lock === undefined || isRunning(root, id)) {
		if (!exists(folder)) return;
		if (!isRunning(root, id))
			throw new CortenError("wrong-state", `cannot remove container "${name}": it is being made or started, or files of it are copied`);
		throw new CortenError("wrong-state", `cannot remove container "${name}": it is running`, {
			hint: "stop it first (corten stop), or remove it by force (corten rm -f)",
		});
	}
	removeLocked(root, id, name);
}

function isRunning(root: string, id: string): boolean {
	return readContainer(root, id)?.state.process != null;
}
