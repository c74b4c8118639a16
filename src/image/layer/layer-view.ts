// One layer as a reader sees it: what the two forms on disk have in common. The merge of layers (merged.ts) works on this alone.

import type { Xattrs } from "./xattrs.ts";

/** What an inode says of itself. */
export type LayerMeta = {
	/** Permission bits with set-user-ID, set-group-ID and sticky. */
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	readonly seconds: number;
	readonly nanoseconds: number;
	/** Without those of overlayfs itself. */
	readonly xattrs: Xattrs;
	/** How many names it has in the layer, and what is the same for each of them. */
	readonly links: number;
	readonly identity: string;
};

/** A folder of a layer. Disposing it, before the view or with it, frees its descriptor. */
export type LayerDirectory = Disposable & {
	readonly kind: "directory";
	readonly opaque: boolean;
	lookup(name: string): LayerNode | undefined;
	/** All names but `.` and `..`, in the order of their bytes. */
	names(): readonly string[];
	meta(): LayerMeta;
};

/** A file of a layer. */
export type LayerFile = {
	readonly kind: "file";
	/** Bytes. */
	readonly size: number;
	/** All of it; for small ones. */
	read(): Uint8Array;
	/** Its bytes, a piece at a time, lent until the next; `size` of them, zeros where a file has shrunk meanwhile. */
	chunks(): Iterable<Uint8Array>;
	meta(): LayerMeta;
};

/** One entry of a layer. Names and targets are byte strings. */
export type LayerNode =
	| LayerDirectory
	| LayerFile
	| { readonly kind: "symlink"; readonly target: string; meta(): LayerMeta }
	| { readonly kind: "char" | "block"; readonly major: number; readonly minor: number; meta(): LayerMeta }
	| { readonly kind: "fifo"; meta(): LayerMeta }
	| { readonly kind: "whiteout" }
	| { readonly kind: "socket" };

/** An open layer. */
export type LayerView = Disposable & { readonly root: LayerNode };
