// Compressed streams as registries send them, whole and broken.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { CortenError } from "../../base/errors.ts";
import type { LayerLimits } from "./bounded.ts";
import { inflate } from "./inflate.ts";
import { createLayer } from "./layer.ts";
import { archive, digestOf, streamOf } from "./tar.fixture.ts";

const work = mkdtempSync(`${tmpdir()}/inflate-test-`);
afterAll(() => rmSync(work, { recursive: true, force: true }));
let count = 0;

const noise = new Uint8Array(3 << 20);
for (let i = 0, x = 1; i < noise.length; i++) {
	x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
	noise[i] = x >>> 24;
}
const tar = archive({ name: "noise", data: noise }, { name: "small", data: "text" });
const half = tar.length >> 1;
const gzip = (bytes: Uint8Array) => Bun.gzipSync(bytes as Uint8Array<ArrayBuffer>);
const zstd = (bytes: Uint8Array) => Bun.zstdCompressSync(bytes as Uint8Array<ArrayBuffer>);
const skippable = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4);

/** "made", or the error's code and message; checks that a failure leaves nothing behind. */
async function attempt(bytes: Uint8Array, of = tar, limits: Partial<LayerLimits> = {}, chunkBytes = 65_536): Promise<string> {
	const layersDir = `${work}/${count++}`;
	try {
		await createLayer(streamOf(bytes, chunkBytes), { layersDir, diffID: digestOf(of), kind: "erofs", limits });
		return "made";
	} catch (error) {
		expect(error).toBeInstanceOf(CortenError);
		expect(readdirSync(layersDir)).toEqual([]);
		return `${(error as CortenError).code}: ${(error as CortenError).message}`;
	}
}

describe("a stream is inflated by its first bytes", () => {
	const whole: Readonly<Record<string, Uint8Array>> = {
		plain: tar,
		gzip: gzip(tar),
		"gzip of two members": Buffer.concat([gzip(tar.subarray(0, half)), gzip(tar.subarray(half))]),
		"gzip with zeros behind": Buffer.concat([gzip(tar), new Uint8Array(1000)]),
		zstd: zstd(tar),
		"zstd of two frames": Buffer.concat([zstd(tar.subarray(0, half)), zstd(tar.subarray(half))]),
		"zstd with skippable frames": Buffer.concat([skippable, zstd(tar.subarray(0, half)), skippable, zstd(tar.subarray(half)), skippable]),
	};
	for (const [what, bytes] of Object.entries(whole)) {
		test(what, async () => {
			expect(await attempt(bytes)).toBe("made");
			expect(await attempt(bytes, tar, {}, 1 << 24)).toBe("made");
		});
	}
	test("gzip byte by byte at its beginning", async () => {
		const small = archive({ name: "a", data: "abc" });
		expect(await attempt(gzip(small), small, {}, 1)).toBe("made");
		expect(await attempt(zstd(small), small, {}, 1)).toBe("made");
		expect(await attempt(small, small, {}, 1)).toBe("made");
	});
});

describe("a broken stream is an integrity error", () => {
	const flipped = (bytes: Uint8Array, at: number) => {
		const copy = Uint8Array.from(bytes);
		copy[at] = (copy[at] ?? 0) ^ 0x55;
		return copy;
	};
	const z = gzip(tar);
	const s = zstd(tar);
	const broken: Readonly<Record<string, Uint8Array>> = {
		"gzip cut in its header": z.subarray(0, 5),
		"gzip cut in the middle": z.subarray(0, z.length >> 1),
		"gzip cut in its trailer": z.subarray(0, z.length - 4),
		"gzip with a wrong checksum": flipped(z, z.length - 8),
		"gzip with a wrong length": flipped(z, z.length - 1),
		"gzip with a wrong byte": flipped(z, z.length >> 1),
		"gzip with a broken second member": Buffer.concat([z, Uint8Array.of(0x1f, 0x8b, 8, 0)]),
		"zstd cut in its header": s.subarray(0, 6),
		"zstd cut in the middle": s.subarray(0, s.length >> 1),
		"zstd cut at its end": s.subarray(0, s.length - 2),
		"zstd with a broken header": flipped(s, 4),
		"plain cut": tar.subarray(0, half),
		"plain with a wrong byte": flipped(tar, half),
		"nothing at all": new Uint8Array(0),
	};
	for (const [what, bytes] of Object.entries(broken)) {
		test(what, async () => {
			expect(await attempt(bytes)).toStartWith("integrity: ");
		});
	}
	test("another layer's bytes", async () => {
		expect(await attempt(gzip(archive({ name: "other" })))).toMatch(
			/^integrity: cannot verify layer "sha256:.*its bytes have the digest sha256:/,
		);
	});
	test("bytes added behind the end mark", async () => {
		expect(await attempt(Buffer.concat([tar, new Uint8Array(512)]))).toStartWith("integrity: ");
	});
});

describe("a source that fails", () => {
	test("at its very end is heard, although all is inflated", async () => {
		for (const bytes of [tar, gzip(tar), zstd(tar)]) {
			const failing = async function* () {
				yield* streamOf(bytes);
				throw new CortenError("integrity", "the blob is another");
			};
			const made = createLayer(failing(), { layersDir: `${work}/${count++}`, diffID: digestOf(tar), kind: "erofs" });
			expect(await made.catch((error: Error) => error.message)).toBe("the blob is another");
		}
	});
	test("by silence does not hold up an error", async () => {
		const bad = Buffer.alloc(1 << 20, "no tar");
		const silent = async function* () {
			yield gzip(bad);
			await new Promise(() => undefined);
		};
		const made = createLayer(silent(), { layersDir: `${work}/${count++}`, diffID: digestOf(bad), kind: "erofs" });
		expect(await made.catch((error: Error) => error.message)).toContain("checksum");
	});
});

describe("a bomb is refused while it inflates (CVE-2026-32288, CVE-2017-14992)", () => {
	const zeros = archive({ name: "zeros", data: new Uint8Array(64 << 20) });
	test("by the sum of its bytes", async () => {
		expect(await attempt(gzip(zeros), zeros, { maxBytes: 10 << 20 })).toBe(
			"invalid-spec: cannot read layer: it is larger than 10485760 bytes",
		);
	});
	test("by its ratio, beyond a size", async () => {
		expect(await attempt(gzip(zeros), zeros, { ratioFromBytes: 16 << 20 })).toMatch(
			/^invalid-spec: cannot read layer: \d+ bytes inflate to more than/,
		);
		expect(await attempt(zstd(zeros), zeros, { ratioFromBytes: 16 << 20 })).toMatch(
			/^invalid-spec: cannot read layer: \d+ bytes inflate to more than/,
		);
		expect(await attempt(gzip(zeros), zeros)).toBe("made");
	});
	test("by what follows the end mark, too", async () => {
		const tail = Buffer.concat([archive({ name: "a" }), new Uint8Array(32 << 20)]);
		expect(await attempt(gzip(tail), tail, { maxBytes: 10 << 20 })).toStartWith("invalid-spec: ");
	});
});

test("a reader that leaves leaves the source alone: its file may be closed by then", async () => {
	const bytes = gzip(tar);
	let asked = 0;
	let left = false;
	async function* source() {
		for (let at = 0; at < bytes.length; at += 1000) {
			if (left) asked++;
			yield bytes.subarray(at, at + 1000);
		}
	}
	for await (const _ of inflate(source()).chunks) break;
	left = true;
	// Whatever was under way has come to its end when as much is inflated once more.
	for await (const _ of inflate(streamOf(bytes)).chunks);
	expect(asked).toBe(0);
});
