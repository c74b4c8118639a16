// A container's folder comes into being: made, locked, filled, and only then its name is reserved. A kill at any point leaves one of
// three things, and sweep.ts knows each: an unlocked folder without a record, one without `pid` that no name points to, or a complete
// container that was never started.
//
// This is on the way of `corten run`: no node: modules, and one write more only where durability is promised.

import { CortenError, isError } from "../base/errors.ts";
import {
	AT_FDCWD,
	exists,
	Fd,
	LOCK_EX,
	lock,
	makeFolder,
	makeFolders,
	makeLink,
	O_DIRECTORY,
	O_NOFOLLOW,
	O_RDONLY,
	openFd,
	readLink,
	replaceFile,
	syncFd,
	unlink,
	writeFile,
} from "../linux/file.ts";
import { check, cString, syscall } from "../linux/libc.ts";
import { nr } from "../linux/syscalls.ts";
import { containerFolder, containersFolder, idOfLink, linkTarget, nameLink, namesFolder } from "./layout.ts";
import { isContainerName, newName } from "./names.ts";
import { type ContainerRecord, encodeRecord } from "./record.ts";

/** A container that exists on disk and does not run yet. */
export type CreatedContainer = {
	readonly id: string;
	/** The record's name, or the one that was made up. */
	readonly name: string;
	/** Absolute path of its folder. */
	readonly folder: string;
	/** Absolute path of the link that reserves the name. */
	readonly nameLink: string;
	/** Holds the folder's lock. Not close-on-exec: it must live on in launch. The caller closes it, or becomes launch. */
	readonly lockFd: Fd;
};

/**
 * Makes the folder of a container, locks it and reserves its name.
 * @param record its `name` may be "": then one is made up, and another one as long as it is taken
 * @returns the open lock; see {@link discardContainer} for when the start fails before launch
 * @throws `invalid-argument` for a name docker would refuse; `already-exists` when the name is taken; nothing stays behind then
 */
export function createContainer(root: string, runroot: string, record: ContainerRecord): CreatedContainer {
	if (record.name !== "" && !isContainerName(record.name)) {
		throw new CortenError("invalid-argument", `cannot name a container "${record.name}"`, {
			at: "--name",
			hint: "a name is two or more letters, digits, _, . and -, and begins with a letter or digit",
		});
	}
	makeFolderIn(runroot, "stage");
	const named = record.name === "" ? { ...record, name: newName() } : record;
	const folder = containerFolder(root, record.id);
	const lockFd = makeLocked(root, named, folder);
	try {
		const name = reserveName(root, named, record.name === "", folder);
		// A power cut must not leave a kept container without its name.
		if (!record.removeAtEnd) for (const kept of [namesFolder(root), containersFolder(root)]) syncFolder(kept);
		return { id: record.id, name, folder, nameLink: nameLink(root, name), lockFd };
	} catch (error) {
		removeNew(folder);
		lockFd[Symbol.dispose]();
		throw error;
	}
}

/** Takes back {@link createContainer}, with what was put into the folder since; the lock is released. */
export async function discardContainer(root: string, created: CreatedContainer): Promise<void> {
	const { removeLocked } = await import("./remove.ts");
	removeLocked(root, created.id, created.name);
	created.lockFd[Symbol.dispose]();
}

/** The locked, complete folder at its place. A sweep may win the race for the lock of a folder just made; then it is made again. */
function makeLocked(root: string, record: ContainerRecord, folder: string): Fd {
	for (let attempt = 0; ; attempt++) {
		makeFolderIn(containersFolder(root), record.id);
		let fd: Fd | undefined;
		try {
			fd = openInherited(folder);
			lock(fd, LOCK_EX, folder);
			if (record.removeAtEnd) writeFile(`${folder}/container.json`, encodeRecord(record));
			else replaceFile(`${folder}/container.json`, encodeRecord(record));
			return fd;
		} catch (error) {
			removeNew(folder);
			fd?.[Symbol.dispose]();
			if (!isError(error, "not-found") || attempt === 9) throw error;
		}
	}
}

/** mkdir that makes what is above it only when it is missing: one call in the usual case. */
function makeFolderIn(parent: string, name: string): void {
	const path = `${parent}/${name}`;
	const result = syscall(nr.mkdirat, AT_FDCWD, cString(path), 0o700);
	if (result === -2) makeFolders(path);
	else if (result !== -17) check(result, `cannot make folder "${path}"`);
}

/** Without O_CLOEXEC, as openFd never does. */
function openInherited(path: string): Fd {
	const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
	return new Fd(check(syscall(nr.openat, AT_FDCWD, cString(path), flags, 0), `cannot open "${path}"`));
}

function reserveName(root: string, record: ContainerRecord, madeUp: boolean, folder: string): string {
	let name = record.name;
	for (let attempt = 1; ; attempt++) {
		const owner = takeName(root, name, record.id);
		if (owner === undefined) return name;
		if (!madeUp || attempt === 20) {
			throw new CortenError("already-exists", `cannot name a container "${name}": container ${owner.slice(0, 12)} has that name`, {
				at: "--name",
				hint: `remove it (corten rm ${name}), replace it (--replace) or choose another name`,
			});
		}
		name = newName(attempt);
		replaceFile(`${folder}/container.json`, encodeRecord({ ...record, name }), 0o600, !record.removeAtEnd);
	}
}

/** @returns the id of the container that has the name, or undefined when it is ours now */
function takeName(root: string, name: string, id: string): string | undefined {
	const link = nameLink(root, name);
	try {
		if (makeLink(linkTarget(id), link)) return undefined;
	} catch (error) {
		if (!isError(error, "not-found")) throw error;
		makeFolder(namesFolder(root));
		if (makeLink(linkTarget(id), link)) return undefined;
	}
	// A container's end removes the link before the folder, so a link without a folder was left by a kill and belongs to nobody. The
	// lock is for two who find it at once: the second must not remove the link that the first has just made.
	using names = openFd(namesFolder(root), O_RDONLY | O_DIRECTORY);
	lock(names, LOCK_EX, namesFolder(root));
	const target = readLink(link);
	if (target !== undefined) {
		const owner = idOfLink(target);
		if (exists(containerFolder(root, owner))) return owner;
		unlink(link);
	}
	if (makeLink(linkTarget(id), link)) return undefined;
	return idOfLink(readLink(link) ?? "");
}

/** Removes a folder that holds container.json at most. Best effort: sweep finishes it. */
function removeNew(folder: string): void {
	syscall(nr.unlinkat, AT_FDCWD, cString(`${folder}/container.json`), 0);
	syscall(nr.unlinkat, AT_FDCWD, cString(folder), 0x200);
}

function syncFolder(path: string): void {
	using fd = openFd(path, O_RDONLY | O_DIRECTORY);
	syncFd(fd, path);
}
