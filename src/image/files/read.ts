// A file or a tree as entries, for whoever takes entries: a tar, or a folder that gets them. Reads one name at a time below descriptors, links
// are copied and not followed.

import type { LayerNode } from "../layer/layer-view.ts";
import type { TarSink } from "../layer/tar.ts";
import type { TarEntry } from "../layer/tar-entry.ts";
import { encodeTarHeader, tarEnd, tarPadding } from "../layer/tar-write.ts";

const depthMax = 1024;

type Walked = { readonly path: string; readonly node: LayerNode };

/**
 * A folder's names are read before the folder is given out: what the taker makes in it, as when a folder is copied into itself, is not met.
 * Folders are freed as they are left.
 */
function* walk(node: LayerNode, path: string, depth: number): Generator<Walked, void, undefined> {
	const names = node.kind === "directory" ? node.names() : [];
	yield { path, node };
	if (node.kind !== "directory" || depth > depthMax) return;
	for (const name of names) {
		const inner = node.lookup(name);
		if (inner === undefined) continue;
		yield* walk(inner, path === "" ? name : `${path}/${name}`, depth + 1);
		if (inner.kind === "directory") inner[Symbol.dispose]();
	}
}

/**
 * Gives a file, or a folder with all that is in it, to a sink. Sockets are left out; further names of a file become links to the first.
 * @param name what it is called; "" for a folder: its content is what is copied
 */
export function sendTree(root: LayerNode, name: string, sink: TarSink): void {
	const first = new Map<string, string>();
	for (const { path, node } of walk(root, name, 0)) {
		if (node.kind === "socket" || node.kind === "whiteout") continue;
		const { links, identity, ...meta } = node.meta();
		const none = { target: "", major: 0, minor: 0, size: 0, extents: undefined };
		const entry: Omit<TarEntry, "kind"> = { ...none, ...meta, name: path };
		const known = first.get(identity);
		if (node.kind !== "directory" && links > 1) {
			if (known !== undefined) {
				sink.begin({ ...entry, kind: "link", target: known, xattrs: new Map() });
				continue;
			}
			first.set(identity, path);
		}
		if (node.kind === "symlink") sink.begin({ ...entry, kind: "symlink", target: node.target });
		else if (node.kind === "char" || node.kind === "block") sink.begin({ ...entry, kind: node.kind, major: node.major, minor: node.minor });
		else if (node.kind === "file") {
			sink.begin({ ...entry, kind: "file", size: node.size });
			for (const piece of node.chunks()) sink.data(piece);
			sink.end();
		} else sink.begin({ ...entry, kind: node.kind });
	}
}

/** A sink that writes a tar. `finish` comes after the last entry. @param write gets its bytes, which are only lent */
export function createTarSink(write: (bytes: Uint8Array) => void): TarSink & { finish(): void } {
	let size = 0;
	return {
		begin(entry) {
			size = entry.size;
			const name = entry.kind === "directory" ? `${entry.name || "."}/` : entry.name;
			write(encodeTarHeader({ ...entry, name }));
		},
		data: write,
		end: () => write(tarPadding(size)),
		finish: () => write(tarEnd),
	};
}
