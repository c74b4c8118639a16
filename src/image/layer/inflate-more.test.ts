// bzip2 and xz as their own programs write them, whole and broken.

import { describe, expect, test } from "bun:test";
import { inflate } from "./inflate.ts";
import { archive, streamOf } from "./tar.fixture.ts";

const noise = new Uint8Array(1 << 20);
for (let i = 0, x = 1; i < noise.length; i++) {
	x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
	noise[i] = x >>> (i < 1 << 19 ? 24 : 30);
}
const tar = archive({ name: "noise", data: noise }, { name: "small", data: "text" });
const pack = (program: string, bytes: Uint8Array) => new Uint8Array(Bun.spawnSync([program, "-c"], { stdin: bytes }).stdout);

async function inflated(bytes: Uint8Array, chunkBytes = 65_536): Promise<Uint8Array> {
	const chunks: Uint8Array[] = [];
	for await (const chunk of inflate(streamOf(bytes, chunkBytes)).chunks) chunks.push(chunk);
	return Buffer.concat(chunks);
}

/** What the programs make of nothing. */
const emptyStreams: Readonly<Record<string, string>> = {
	bzip2: "425a683917724538509000000000",
	xz: "fd377a585a000004e6d6b446000000001cdf44211fb6f37d010000000004595a",
};

for (const program of ["bzip2", "xz"]) {
	describe(program, () => {
		const packed = pack(program, tar);
		test("a stream comes back as it was, in chunks of any size", async () => {
			for (const size of [1 << 24, 65_536, 777]) expect(Buffer.compare(await inflated(packed, size), tar)).toBe(0);
			const small = archive({ name: "a" });
			expect(Buffer.compare(await inflated(pack(program, small), 1), small)).toBe(0);
		});
		test("two streams one behind the other are one", async () => {
			const two = Buffer.concat([pack(program, tar.subarray(0, 600_000)), pack(program, tar.subarray(600_000))]);
			expect(Buffer.compare(await inflated(two), tar)).toBe(0);
		});
		test("an empty stream is empty", async () => {
			expect((await inflated(Uint8Array.fromHex(emptyStreams[program] ?? ""))).length).toBe(0);
		});
		test("cut short, bent, and followed by something", async () => {
			for (const cut of [12, 1000, packed.length >> 1, packed.length - 1]) {
				await expect(inflated(packed.subarray(0, cut))).rejects.toMatchObject({ code: "integrity" });
			}
			const bent = packed.slice();
			bent[bent.length >> 1] = (bent[bent.length >> 1] ?? 0) ^ 16;
			await expect(inflated(bent)).rejects.toMatchObject({ code: "integrity" });
			await expect(inflated(Buffer.concat([packed, Buffer.from("something else, of some length")]))).rejects.toMatchObject({
				code: "integrity",
			});
			// None of them holds up the next.
			expect((await inflated(packed)).length).toBe(tar.length);
		});
		test("a bomb is given out in pieces: who reads it may leave", async () => {
			const bomb = pack(program, new Uint8Array(24 << 20));
			let bytes = 0;
			for await (const chunk of inflate(streamOf(bomb)).chunks) {
				bytes += chunk.length;
				expect(chunk.length).toBeLessThanOrEqual(1 << 20);
				if (bytes > 1 << 20) break;
			}
			expect((await inflated(packed)).length).toBe(tar.length);
		});
		test("what the source throws comes through", async () => {
			async function* failing() {
				yield packed.subarray(0, 100_000);
				throw new Error("the line is cut");
			}
			const read = async () => {
				for await (const _ of inflate(failing()).chunks);
			};
			await expect(read()).rejects.toThrow("the line is cut");
		});
	});
}

test("a tar whose first file has the name of a magic is a tar", async () => {
	for (const name of ["BZh91", "BZh9"]) {
		const plain = archive({ name, data: "x" });
		expect(Buffer.compare(await inflated(plain), plain)).toBe(0);
	}
});
