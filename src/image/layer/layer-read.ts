// A small file as the layers together show it, without a mount: what overlayfs would do with lookups, done on layer views.
// @see Linux Documentation/filesystems/overlayfs.rst "Whiteouts and opaque directories"

import { CortenError } from "../../base/errors.ts";
import type { LayerSource } from "../../spec/rootfs.ts";
import { decodeBytes } from "./bytes.ts";
import type { LayerNode } from "./layer-view.ts";
import { lookup, type Merged, openMerged } from "./merged.ts";

const followMax = 40;

/** Walks to the file of this path with the layers' root as /. @returns undefined when there is none, or no regular file */
function resolve(root: Merged, path: string): Extract<LayerNode, { kind: "file" }> | undefined {
	const stack: Merged[] = [root];
	const left = path.split("/").reverse();
	let follows = 0;
	for (let part = left.pop(); part !== undefined; part = left.pop()) {
		if (part === "" || part === ".") continue;
		if (part === "..") {
			if (stack.length > 1) stack.pop();
			continue;
		}
		const node = lookup(stack.at(-1) ?? root, part);
		if (node === undefined) return undefined;
		if (!("kind" in node)) stack.push(node);
		else if (node.kind === "symlink") {
			if (++follows > followMax) return undefined;
			if (node.target.startsWith("/")) stack.length = 1;
			for (const step of node.target.split("/").reverse()) left.push(step);
		} else return node.kind === "file" && left.length === 0 ? node : undefined;
	}
	return undefined;
}

/**
 * Reads a small text file as the layers together show it: links resolve inside the image's root, whiteouts and opaque folders hide
 * what is below. Works on the layer files themselves; needs no mount and no privilege.
 * @param layers lowest first @param maxBytes a larger file is refused
 * @returns undefined when there is no such regular file
 * @throws `invalid-spec` beyond maxBytes; `integrity` for a damaged layer; `not-found` for a missing one
 */
export function readLayerFile(layers: readonly LayerSource[], path: string, maxBytes: number): string | undefined {
	using merged = openMerged(layers);
	const file = resolve(merged.root, decodeBytes(new TextEncoder().encode(path)));
	if (file === undefined) return undefined;
	if (file.size > maxBytes) {
		throw new CortenError(
			"invalid-spec",
			`cannot read ${JSON.stringify(path)} of the image: it has ${file.size} bytes, of ${maxBytes} allowed`,
		);
	}
	return new TextDecoder().decode(file.read());
}
