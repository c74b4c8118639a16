// What the two forms of a layer on disk share: an EROFS file (erofs.ts) and a folder (folder.ts) take the same calls in the same order.

import type { Extents } from "./sparse.ts";
import type { FileInode, FolderInode } from "./tree.ts";

/**
 * Takes file contents while the layer streams in, then the finished tree. Disposing it before `commit` leaves nothing behind; after,
 * it only frees what is held.
 */
export type LayerWriter = Disposable & {
	/** Begins a file's content; one at a time. */
	open(inode: FileInode, extents: Extents | undefined): void;
	/** Takes the next stored bytes, lent for the call; holes are not among them. */
	write(bytes: Uint8Array): void;
	/** Ends the content and sets `inode.data`. */
	close(): void;
	/**
	 * Writes the tree, syncs all, and gives the layer its name in one step. One that has the name already stays: it is the same layer.
	 * @param id 16 bytes that follow from the layer's digest
	 */
	commit(root: FolderInode, id: Uint8Array): void;
};
