// Layers together, as overlayfs would show them, without a mount: the highest layer that has a name decides what it is, folders merge, down
// to the first that hides those below.
// @see Linux Documentation/filesystems/overlayfs.rst "Whiteouts and opaque directories"

import type { LayerSource } from "../../spec/rootfs.ts";
import { openErofsLayer } from "./erofs-read.ts";
import { openFolderLayer } from "./folder-read.ts";
import type { LayerDirectory, LayerNode } from "./layer-view.ts";

/** A merged folder: the same folder of several layers, highest first, each with the number of its layer. */
export type Merged = readonly (LayerDirectory & { readonly layer: number })[];

/** What a merged folder has under a name. */
export type MergedNode =
	| { readonly kind: "merged"; readonly folder: Merged }
	| { readonly kind: "node"; readonly node: LayerNode; readonly layer: number };

function withLayer(folder: LayerDirectory, layer: number): Merged[number] {
	return Object.assign(folder, { layer });
}

/** The merge rule for one name. @returns undefined when there is none, or it is hidden */
export function lookupMerged(folder: Merged, name: string): MergedNode | undefined {
	const found: Merged[number][] = [];
	for (const { layer, lookup: find } of folder) {
		const node = find(name);
		if (node === undefined) continue;
		if (node.kind === "directory") {
			found.push(withLayer(node, layer));
			if (node.opaque) break;
			continue;
		}
		if (found.length > 0 || node.kind === "whiteout") break;
		return { kind: "node", node, layer };
	}
	return found.length === 0 ? undefined : { kind: "merged", folder: found };
}

/** As {@link lookupMerged}, for who does not ask which layer it is. */
export function lookup(folder: Merged, name: string): LayerNode | Merged | undefined {
	const found = lookupMerged(folder, name);
	return found?.kind === "merged" ? found.folder : found?.node;
}

/** Open layers, merged. */
export type MergedView = Disposable & { readonly root: Merged };

/**
 * Opens layers together. Works on the layer files themselves; needs no mount and no privilege.
 * @param layers lowest first
 * @throws `integrity` for a damaged layer; `not-found` for a missing one
 */
export function openMerged(layers: readonly LayerSource[]): MergedView {
	const open = new DisposableStack();
	try {
		const roots: Merged[number][] = [];
		for (const [number, { kind, path }] of [...layers.entries()].reverse()) {
			const { root } = open.use(kind === "erofs" ? openErofsLayer(path) : openFolderLayer(path));
			// overlayfs merges the roots whatever their opaque attribute says.
			if (root.kind === "directory") roots.push(withLayer(root, number));
		}
		return { root: roots, [Symbol.dispose]: () => open.dispose() };
	} catch (error) {
		open.dispose();
		throw error;
	}
}

/** One entry of a tree. The root is not among them. */
export type WalkedEntry = {
	/** Byte string, without slashes at its ends. */
	readonly path: string;
	readonly node: LayerNode;
	/** Number of the layer it is from: with its identity it tells which names are one inode. */
	readonly layer: number;
};

const depthMax = 1024;

/** All entries below a folder, each folder before what is in it, names in the order of their bytes. Folders are freed as they are left. */
export function* walkMerged(folder: Merged, path = "", depth = 0): Generator<WalkedEntry, void, undefined> {
	if (depth > depthMax) return;
	const names = new Set(folder.flatMap((part) => part.names()));
	for (const name of [...names].sort()) {
		const found = lookupMerged(folder, name);
		if (found === undefined) continue;
		const at = path === "" ? name : `${path}/${name}`;
		if (found.kind === "node") yield { path: at, node: found.node, layer: found.layer };
		else {
			const [top] = found.folder;
			if (top === undefined) continue;
			yield { path: at, node: top, layer: top.layer };
			yield* walkMerged(found.folder, at, depth + 1);
			for (const part of found.folder) part[Symbol.dispose]();
		}
	}
}
