// A tree as a tar: a container's whole root, for export, or what its writable layer holds, as a layer with whiteouts, for commit. The same
// tree gives the same bytes.
// @see image-spec layer.md#representing-changes

import type { LayerDirectory, LayerMeta, LayerNode } from "./layer-view.ts";
import { type Merged, type WalkedEntry, walkMerged } from "./merged.ts";
import { encodeTarHeader, type TarMember, tarEnd, tarPadding } from "./tar-write.ts";
import { isWhiteoutName, opaqueName, whiteoutName } from "./whiteout.ts";

/** The tar of layers together. Sockets have no place in a tar and are left out. */
export function* tarOfMerged(root: Merged): Generator<Uint8Array, void, undefined> {
	const links = new Map<string, string>();
	for (const entry of walkMerged(root)) yield* member(entry, links);
	yield tarEnd;
}

/** The tar of one writable layer: what it hides of the layers below becomes whiteouts. */
export function* tarOfLayer(root: LayerDirectory): Generator<Uint8Array, void, undefined> {
	const links = new Map<string, string>();
	for (const entry of walkLayer(root, "", 0)) yield* member(entry, links);
	yield tarEnd;
}

const depthMax = 1024;

function* walkLayer(folder: LayerDirectory, path: string, depth: number): Generator<WalkedEntry, void, undefined> {
	if (depth > depthMax) return;
	for (const name of folder.names()) {
		const node = folder.lookup(name);
		if (node === undefined) continue;
		const at = path === "" ? name : `${path}/${name}`;
		// A file of that name in a container means nothing; in a layer it would hide another.
		if (isWhiteoutName(name)) continue;
		yield { path: at, node, layer: 0 };
		if (node.kind !== "directory") continue;
		yield* walkLayer(node, at, depth + 1);
		node[Symbol.dispose]();
	}
}

const nobody: LayerMeta = { mode: 0o644, uid: 0, gid: 0, seconds: 0, nanoseconds: 0, xattrs: new Map(), links: 1, identity: "" };

function fields(path: string, meta: LayerMeta): Omit<TarMember, "kind"> {
	const { mode, uid, gid, seconds, nanoseconds, xattrs } = meta;
	return { name: path, target: "", mode, uid, gid, seconds, nanoseconds, major: 0, minor: 0, size: 0, xattrs };
}

function empty(path: string): Uint8Array {
	return encodeTarHeader({ ...fields(path, nobody), kind: "file" });
}

function* member({ path, node, layer }: WalkedEntry, links: Map<string, string>): Generator<Uint8Array, void, undefined> {
	if (node.kind === "socket") return;
	if (node.kind === "whiteout") {
		yield empty(whiteoutName(path));
		return;
	}
	const meta = node.meta();
	if (node.kind !== "directory" && meta.links > 1) {
		const first = links.get(`${layer}:${meta.identity}`);
		if (first !== undefined) {
			yield encodeTarHeader({ ...fields(path, { ...meta, xattrs: nobody.xattrs }), kind: "link", target: first });
			return;
		}
		links.set(`${layer}:${meta.identity}`, path);
	}
	yield* content(path, node, fields(path, meta));
}

function* content(path: string, node: Exclude<LayerNode, { kind: "socket" | "whiteout" }>, common: Omit<TarMember, "kind">) {
	switch (node.kind) {
		case "directory":
			yield encodeTarHeader({ ...common, name: `${path}/`, kind: "directory" });
			// A folder of the layers together hides nothing any more.
			if (node.opaque && !("layer" in node)) yield empty(`${path}/${opaqueName}`);
			return;
		case "symlink":
			yield encodeTarHeader({ ...common, kind: "symlink", target: node.target });
			return;
		case "char":
		case "block":
			yield encodeTarHeader({ ...common, kind: node.kind, major: node.major, minor: node.minor });
			return;
		case "fifo":
			yield encodeTarHeader({ ...common, kind: "fifo" });
			return;
		case "file":
			yield encodeTarHeader({ ...common, kind: "file", size: node.size });
			yield* node.chunks();
			yield tarPadding(node.size);
	}
}
