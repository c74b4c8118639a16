// Folder blocks at their edges: what exactly fits, and what is one byte too long.

import { expect, test } from "bun:test";
import { direntBlocks, direntsBytes } from "./erofs-dirents.ts";

/** The names of encoded blocks, read back by offsets. */
function decode(blocks: readonly Uint8Array[]): string[] {
	const names: string[] = [];
	for (const block of blocks) {
		const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
		const first = view.getUint16(8, true);
		for (let at = 0; at < first; at += 12) {
			const end = at + 12 < first ? view.getUint16(at + 20, true) : block.length;
			names.push(
				Buffer.from(block.subarray(view.getUint16(at + 8, true), end))
					.toString("latin1")
					.replace(/\0+$/, ""),
			);
		}
	}
	return names;
}

const encode = (names: readonly string[]) => [...direntBlocks(names, () => ({ nid: 1, type: 1 }))];

test("a block is filled to its last byte, and no further", () => {
	// 20 names of 192 bytes take 4080 with their entries: 4 bytes of name fill the block.
	const names = Array.from({ length: 20 }, (_, i) => `${String.fromCharCode(97 + i)}${"n".repeat(191)}`);
	for (let length = 1; length <= 12; length++) {
		const all = [...names, "z".repeat(length)];
		const blocks = encode(all);
		expect(blocks.length).toBe(length <= 4 ? 1 : 2);
		expect(blocks[0]?.length).toBe(length <= 4 ? 4080 + 12 + length : 4096);
		expect(decode(blocks)).toEqual(all);
		expect(direntsBytes(all)).toBe(blocks.reduce((sum, block) => sum + block.length, 0));
	}
});

test("names of all lengths come back in their order", () => {
	for (let step = 1; step < 255; step += 2) {
		const names = Array.from({ length: 300 }, (_, i) => `${String(i).padStart(3, "0")}${"x".repeat((i * step) % 252)}`);
		const blocks = encode(names);
		expect(blocks.every((block, i) => (i < blocks.length - 1 ? block.length === 4096 : block.length <= 4096))).toBe(true);
		expect(decode(blocks)).toEqual(names);
	}
});
