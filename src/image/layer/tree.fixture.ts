// Shows a layer's tree as text for tests: one line an entry, sorted, without the root unless it is opaque.

import { readTar, TarInput } from "./tar.ts";
import { createTree, type FolderInode, type Inode, isWhiteout, placeEntry } from "./tree.ts";

/** The lines of a tree: `a/ 755`, `a/f 3`, `l -> target`, `w whiteout`, `n = a/f` for a second name of one inode. */
export function describeTree(root: FolderInode): string[] {
	const lines: string[] = root.opaque ? ["/ opaque"] : [];
	const first = new Map<Inode, string>();
	const visit = (folder: FolderInode, prefix: string) => {
		for (const name of [...folder.children.keys()].sort()) {
			const inode = folder.children.get(name);
			if (inode === undefined) continue;
			const path = `${prefix}${name}`;
			const before = first.get(inode);
			first.set(inode, path);
			if (before !== undefined) lines.push(`${path} = ${before}`);
			else if (inode.kind === "directory") {
				lines.push(`${path}/ ${inode.mode.toString(8)}${inode.opaque ? " opaque" : ""}`);
				visit(inode, `${path}/`);
			} else if (inode.kind === "symlink") lines.push(`${path} -> ${inode.target}`);
			else if (isWhiteout(inode)) lines.push(`${path} whiteout`);
			else if (inode.kind === "file") lines.push(`${path} ${inode.size}${inode.xattrs.size === 0 ? "" : ` ${[...inode.xattrs.keys()]}`}`);
			else lines.push(`${path} ${inode.kind} ${inode.major}:${inode.minor}`);
		}
	};
	visit(root, "");
	return lines;
}

/** The tree of a whole archive. */
export function treeOf(tar: Uint8Array): FolderInode {
	const root = createTree();
	const ignore = () => undefined;
	const input = new TarInput();
	const reader = readTar(
		input,
		{ begin: (entry) => void placeEntry(root, entry), data: ignore, end: ignore },
		{ maxHeaderBytes: 1 << 20, maxEntries: 10_000 },
	);
	reader.next();
	input.push(tar);
	reader.next();
	input.end();
	reader.next();
	return root;
}
