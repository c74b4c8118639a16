// The diffID of a stream, and its ends: bombs and broken compressions.

import { describe, expect, test } from "bun:test";
import { sha256 } from "../../../test/support/images.ts";
import { defaultLimits } from "./bounded.ts";
import { readDiffID } from "./diff-id.ts";

const data = new Uint8Array(1 << 20).fill(7);
async function* once(bytes: Uint8Array) {
	yield bytes;
}

test("it is the digest of what was compressed, however it was", async () => {
	for (const bytes of [data, Bun.gzipSync(data), Bun.zstdCompressSync(data)]) expect(await readDiffID(once(bytes))).toBe(sha256(data));
	expect(await readDiffID(once(new Uint8Array()))).toBe(sha256(""));
});

describe("refused is", () => {
	const small = { ...defaultLimits, maxBytes: 1 << 19 };
	const steep = { ...defaultLimits, ratioFromBytes: 1 << 18, maxRatio: 10 };
	test("what inflates to too much", async () => {
		await expect(readDiffID(once(Bun.gzipSync(data)), small)).rejects.toMatchObject({ code: "invalid-spec" });
		await expect(readDiffID(once(data), small)).rejects.toMatchObject({ code: "invalid-spec" });
	});
	test("a little that inflates to much", async () => {
		await expect(readDiffID(once(Bun.gzipSync(data)), steep)).rejects.toMatchObject({ code: "invalid-spec" });
		expect(await readDiffID(once(data), steep)).toBe(sha256(data));
	});
	test("a compression that breaks off", async () => {
		await expect(readDiffID(once(Bun.gzipSync(data).subarray(0, 900)))).rejects.toMatchObject({ code: "integrity" });
	});
});
