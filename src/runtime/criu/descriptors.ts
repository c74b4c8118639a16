// descriptors.json in an image: what the first process's standard descriptors were, as runc writes it. Those that lead out of the container
// are the restoring caller's afterwards. The file is read as from an enemy: of it only names come through that criu knows.

import { isError } from "../../base/errors.ts";
import {
	O_CREAT,
	O_NOFOLLOW,
	O_NONBLOCK,
	O_RDONLY,
	openFd,
	readFd,
	readLink,
	readTextIfPresent,
	unlink,
	writeFile,
} from "../../linux/file.ts";
import { statPath } from "../../linux/stat.ts";
import type { Message } from "./message.ts";
import { inherited } from "./request.ts";

const fileName = "descriptors.json";
const standard = [0, 1, 2];
const maxBytes = 64 << 10;

/** What a process's standard descriptors are, and which of them criu must be told are from outside. */
export type Descriptors = { readonly names: readonly string[]; readonly external: readonly string[] };

/**
 * Looks at the standard descriptors of a container's first process. A file or device that the container cannot see is named by its mount
 * and inode, as criu names it.
 * @param mountIds of the container's mounts
 */
export function readDescriptors(pid: number, mountIds: readonly string[]): Descriptors {
	const external: string[] = [];
	const names = standard.map((fd) => {
		const path = `/proc/${pid}/fd/${fd}`;
		const link = readLink(path) ?? "";
		const mountId = /^mnt_id:\s*(\d+)$/m.exec(readTextIfPresent(`/proc/${pid}/fdinfo/${fd}`) ?? "")?.[1];
		if (!link.startsWith("/") || mountId === undefined || mountIds.includes(mountId)) return link;
		const name = `file[${Number(mountId).toString(16)}:${(statPath(path)?.inode ?? 0n).toString(16)}]`;
		external.push(name);
		return name;
	});
	return { names, external };
}

/** Writes them into the image. */
export function writeDescriptors(folder: string, { names }: Descriptors): void {
	unlink(`${folder}/${fileName}`);
	writeFile(`${folder}/${fileName}`, JSON.stringify(names), 0o600, O_CREAT);
}

/** The caller's standard descriptors under the names of the image; none when the file is not there or not what it should be. */
export function inheritedDescriptors(folder: string): readonly Message[] {
	let names: unknown;
	try {
		using fd = openFd(`${folder}/${fileName}`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
		names = JSON.parse(new TextDecoder().decode(readFd(fd, fileName, maxBytes)));
	} catch (error) {
		if (!isError(error) && !(error instanceof SyntaxError)) throw error;
	}
	if (!Array.isArray(names)) return [];
	const found = new Map<string, number>();
	for (const fd of standard) {
		const name: unknown = names[fd];
		if (typeof name === "string" && /^(pipe:\[\d{1,20}\]|file\[[0-9a-f]{1,8}:[0-9a-f]{1,16}\])$/.test(name)) found.set(name, fd);
	}
	return [...found].map(([name, fd]) => inherited(name, fd));
}
