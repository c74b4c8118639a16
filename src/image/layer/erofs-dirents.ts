// A folder's content in EROFS: blocks of entries sorted by bytes, each block its entries first and then their names.
// @see Linux Documentation/filesystems/erofs.rst "Directories"

import { blockBytes } from "./block-file.ts";
import { putBytes } from "./bytes.ts";
import { direntBytes, putInt64 } from "./erofs-format.ts";

/** How many of the names from `from` on share a block, and the bytes they take. */
function fitBlock(names: readonly string[], from: number): { readonly to: number; readonly bytes: number } {
	let bytes = 0;
	let to = from;
	for (; to < names.length; to++) {
		const more = direntBytes + (names[to] ?? "").length;
		if (bytes + more > blockBytes) break;
		bytes += more;
	}
	return { to, bytes };
}

/** Bytes of a folder of these names: whole blocks but for the last. */
export function direntsBytes(names: readonly string[]): number {
	let size = 0;
	for (let from = 0; from < names.length; ) {
		const { to, bytes } = fitBlock(names, from);
		size += to === names.length ? bytes : blockBytes;
		from = to;
	}
	return size;
}

/**
 * Encodes a folder, block by block; together {@link direntsBytes} long.
 * @param names sorted as bytes, . and .. among them
 */
export function* direntBlocks(
	names: readonly string[],
	lookup: (name: string) => { readonly nid: number; readonly type: number },
): Iterable<Uint8Array> {
	for (let from = 0; from < names.length; ) {
		const { to, bytes } = fitBlock(names, from);
		const block = new Uint8Array(to === names.length ? bytes : blockBytes);
		const view = new DataView(block.buffer);
		let nameAt = (to - from) * direntBytes;
		for (let i = from; i < to; i++) {
			const name = names[i] ?? "";
			const { nid, type } = lookup(name);
			const at = (i - from) * direntBytes;
			putInt64(view, at, nid);
			view.setUint16(at + 8, nameAt, true);
			view.setUint8(at + 10, type);
			putBytes(block, nameAt, name);
			nameAt += name.length;
		}
		yield block;
		from = to;
	}
}
