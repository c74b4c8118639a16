// What a writable layer changes of the layers below it, path by path.

import type { LayerDirectory } from "./layer-view.ts";
import { lookupMerged, type Merged } from "./merged.ts";

/** One change; the path is absolute, a byte string. */
export type Change = { readonly kind: "A" | "C" | "D"; readonly path: string };

/** @param below what the layer lies on @yields folders before what is in them, names in the order of their bytes */
export function* changesOf(upper: LayerDirectory, below: Merged, path = ""): Generator<Change, void, undefined> {
	const names = new Set(upper.names());
	// What an opaque folder hides has been removed, unless it was made again.
	const hidden = upper.opaque && path !== "" ? below.flatMap((part) => part.names()).filter((name) => !names.has(name)) : [];
	for (const name of [...names, ...new Set(hidden)].sort()) {
		const at = `${path}/${name}`;
		const before = lookupMerged(below, name);
		const node = names.has(name) ? upper.lookup(name) : ({ kind: "whiteout" } as const);
		if (node === undefined) continue;
		if (node.kind === "whiteout") {
			if (before !== undefined) yield { kind: "D", path: at };
			continue;
		}
		yield { kind: before === undefined ? "A" : "C", path: at };
		if (node.kind !== "directory") continue;
		yield* changesOf(node, before?.kind === "merged" ? before.folder : [], at);
		node[Symbol.dispose]();
	}
}
