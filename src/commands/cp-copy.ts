// What is copied where: the rules of docker's cp, decided before anything is made. Names are byte strings.
// @see docker's reference of `docker container cp`

import { CortenError, isError } from "../base/errors.ts";
import type { Ownership } from "../image/files/attributes.ts";
import { findPlace, openFolderAt, type Place } from "../image/files/place.ts";
import { sendTree } from "../image/files/read.ts";
import { createFileSink, type FileSink, type Warn } from "../image/files/write.ts";
import { decodeBytes } from "../image/layer/bytes.ts";
import { openEntry } from "../image/layer/folder-read.ts";
import type { LayerNode } from "../image/layer/layer-view.ts";
import type { TarSink } from "../image/layer/tar.ts";
import type { Fd } from "../linux/file.ts";
import { isKernelFilesystem } from "../linux/kernel-filesystems.ts";
import type { SidePath } from "./cp-arguments.ts";

/** A path of a container, whose root is open, or of the host. */
export type Located = SidePath & { readonly root: Fd | undefined };

/** What is copied. Disposing it closes all that reading has opened. */
export type Source = Disposable & {
	readonly node: LayerNode;
	readonly isFolder: boolean;
	/** Its name; "" when the content of a folder is meant, or a root. */
	readonly name: string;
};

function bytes(text: string): string {
	return decodeBytes(new TextEncoder().encode(text));
}

function lastName(path: string): string {
	return path.slice(path.lastIndexOf("/") + 1);
}

function find(side: Located, follow: boolean): Place {
	try {
		return findPlace(side.root, bytes(side.path), follow);
	} catch (error) {
		if (!isError(error, "not-found")) throw error;
		throw new CortenError("not-found", `cannot find "${side.text}": the folder it is in is not there`);
	}
}

function refuseKernel(fd: Fd, side: Located): void {
	if (!isKernelFilesystem(fd)) return;
	throw new CortenError("unsupported", `cannot copy "${side.text}": it is the kernel's (/proc, /sys and the like), and no file`);
}

/**
 * Opens what is to be copied.
 * @param followLink -L: a link at its end stands for what it leads to
 * @throws `not-found`; `invalid-argument` for a file with a slash at its end; `unsupported` for /proc, /sys, and sockets
 */
export function openSource(side: Located, followLink: boolean): Source {
	const open = new DisposableStack();
	const held = new Set<Fd>();
	open.defer(() => {
		for (const fd of held) fd[Symbol.dispose]();
	});
	try {
		const place = open.use(find(side, followLink || side.folder));
		refuseKernel(place.folder, side);
		const node = openEntry(place.folder, place.name, held);
		if (node === undefined || node.kind === "whiteout") throw new CortenError("not-found", `cannot find "${side.text}"`);
		if (node.kind === "socket") throw new CortenError("unsupported", `cannot copy "${side.text}": it is a socket`);
		const isFolder = node.kind === "directory";
		if (isFolder) for (const fd of held) refuseKernel(fd, side);
		if (side.folder && !isFolder) throw new CortenError("invalid-argument", `cannot copy "${side.text}": it is not a folder`);
		return { node, isFolder, name: side.content ? "" : bytes(lastName(side.path)), [Symbol.dispose]: () => open.dispose() };
	} catch (error) {
		open.dispose();
		throw error;
	}
}

/** Where copies are made: an open folder, and the name the copy gets in it; "" when the content of a folder comes into it. */
export type Target = Disposable & { readonly folder: Fd; readonly name: string };

/**
 * Decides where a source goes.
 * @throws `not-found` when the folder that should be there is not; `already-exists` for a folder that would replace a file
 */
export function openTarget(side: Located, source: Pick<Source, "isFolder" | "name">): Target {
	using place = find(side, true);
	const { kind, name } = place;
	if (kind === "dir") return { ...openInto(side, place), name: source.name };
	if (kind !== undefined && source.isFolder)
		throw new CortenError("already-exists", `cannot copy a folder to "${side.text}": it is not a folder`);
	if (side.folder && !source.isFolder)
		throw new CortenError(
			kind === undefined ? "not-found" : "already-exists",
			`cannot copy to "${side.text}": ${kind === undefined ? "there is no such folder" : "it is not a folder"}`,
		);
	refuseKernel(place.folder, side);
	return { ...openInto(side, { ...place, name: "." }), name };
}

/** Where a tar is unpacked. @throws `not-found`, `already-exists` */
export function openFolderTarget(side: Located): Target {
	using place = find(side, true);
	if (place.kind !== "dir")
		throw new CortenError(place.kind === undefined ? "not-found" : "already-exists", `cannot unpack to "${side.text}": it is not a folder`);
	return { ...openInto(side, place), name: "" };
}

/** The folder itself, open: from here on no path leads there. */
function openInto(side: Located, { folder, name }: Pick<Place, "folder" | "name">): Disposable & { readonly folder: Fd } {
	const fd = openFolderAt(folder, name);
	try {
		refuseKernel(fd, side);
	} catch (error) {
		fd[Symbol.dispose]();
		throw error;
	}
	return { folder: fd, [Symbol.dispose]: () => fd[Symbol.dispose]() };
}

/** Copies a source to a target. @throws what reading and writing throw; what is copied by then stays */
export function copyFiles(source: Source, target: Target, ownership: Ownership, warn: Warn): void {
	using sink: FileSink = createFileSink(target.folder, ownership, warn);
	sendTree(source.node, target.name, sink);
	sink.finish();
}

/** Copies a source to whoever takes entries, under its own name. */
export function sendSource(source: Source, sink: TarSink): void {
	sendTree(source.node, source.name, sink);
}
