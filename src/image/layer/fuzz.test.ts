// Random damage to good archives, seeded: whatever comes of it is a layer that passes fsck and that the kernel can walk, or an
// invalid-spec error; never another failure, never a file left behind.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { isError } from "../../base/errors.ts";
import { createLayer } from "./layer.ts";
import { archive, digestOf, member, paxData, streamOf } from "./tar.fixture.ts";
import { walk } from "./walk.fixture.ts";

const work = mkdtempSync(`${tmpdir()}/fuzz-test-`);
afterAll(() => rmSync(work, { recursive: true, force: true }));
const seed = Number(process.env.FUZZ_SEED ?? 1);
const rounds = Number(process.env.FUZZ_ROUNDS ?? 1500);

let state = seed;
function random(below: number): number {
	state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 3_266_489_917) >>> 0;
	return Math.floor((state / 2 ** 32) * below);
}
const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;

const nameParts = [
	"a",
	"b",
	"c",
	"d",
	"a",
	"b",
	"c",
	"d",
	"a",
	"b",
	"c",
	"d",
	"e",
	"f",
	"..",
	".",
	"",
	".wh.a",
	".wh.b",
	".wh..wh..opq",
	"dir",
	"link",
	"n".repeat(90),
	"\xff",
	".wh.",
];
const name = () =>
	Array.from({ length: 1 + random(4) }, () => pick(nameParts))
		.join("/")
		.slice(0, 100);
const records = () =>
	paxData([
		["mtime", pick(["1.5", "-1", "x", ""])],
		[
			pick(["path", "linkpath", "uid", "size", "SCHILY.xattr.user.x", "SCHILY.xattr.trusted.overlay.opaque", "GNU.sparse.map"]),
			pick(["0", "1", name(), "0,3", "x".repeat(300)]),
		],
	]);

function randomMember(): Uint8Array {
	const type = pick([
		"0",
		"0",
		"0",
		"1",
		"2",
		"3",
		"4",
		"5",
		"5",
		"6",
		"7",
		"x",
		"L",
		"K",
		random(4) === 0 ? "S" : "0",
		random(9) === 0 ? "Q" : "5",
		random(3) === 0 ? "g" : "0",
	]);
	const data =
		type === "x" || type === "g"
			? records()
			: "LK".includes(type)
				? name()
				: "0S7".includes(type)
					? "d".repeat(random(3) === 0 ? random(10_000) : random(50))
					: "";
	return member({
		name: name(),
		type,
		linkname: name(),
		data,
		mode: random(0o10000),
		major: random(3),
		minor: random(3),
		magic: pick(["ustar\u000000", "ustar  \0"]),
	});
}

/** Changes bytes; half the time with the header checksums made right again, to get past them. */
function damage(tar: Uint8Array): Uint8Array {
	const copy = Uint8Array.from(tar);
	for (let i = random(2) * random(4); i > 0; i--) {
		const block = random(copy.length / 512) * 512;
		copy[block + pick([random(512), 124 + random(12), 156, 257 + random(8), 345 + random(155)])] = pick([
			0,
			0x20,
			0x2f,
			0x30,
			0x37,
			0x80,
			0xff,
			random(256),
		]);
		if (random(2) === 0) continue;
		copy.fill(0x20, block + 148, block + 156);
		const sum = copy.subarray(block, block + 512).reduce((total, byte) => total + byte, 0);
		copy.set(Buffer.from(`${sum.toString(8).padStart(6, "0")}\0 `), block + 148);
	}
	return random(8) === 0 ? copy.subarray(0, random(copy.length)) : copy;
}

/** Mounts one layer and walks all of it. */
function walkMounted(path: string): void {
	const at = mkdtempSync(`${work}/mount-`);
	if (Bun.spawnSync(["mount", "-t", "erofs", "-o", "ro", path, at]).exitCode !== 0) throw new Error(`cannot mount ${path}`);
	try {
		walk(at, { maxHashBytes: 1 << 20 });
	} finally {
		Bun.spawnSync(["umount", at]);
	}
}

test(`${rounds} random archives, seed ${seed}`, async () => {
	let made = 0;
	for (let round = 0; round < rounds; round++) {
		const tar = damage(archive(...Array.from({ length: 1 + random(8) }, randomMember)));
		try {
			await createLayer(streamOf(tar, 1 + random(5000)), {
				layersDir: `${work}/layers`,
				diffID: digestOf(tar),
				kind: "erofs",
				limits: { maxBytes: 2 ** 24 },
			});
			made++;
		} catch (error) {
			if (!isError(error, "invalid-spec")) throw new Error(`round ${round} of seed ${seed}`, { cause: error });
		}
	}
	const layers = readdirSync(`${work}/layers`);
	expect(layers.every((layer) => layer.endsWith(".erofs"))).toBe(true);
	expect(made).toBeGreaterThan(rounds / 8);
	for (const layer of layers) {
		const { exitCode, stdout, stderr } = Bun.spawnSync(["fsck.erofs", `${work}/layers/${layer}`], { stdout: "pipe", stderr: "pipe" });
		if (exitCode !== 0) throw new Error(`fsck of ${layer}, seed ${seed}: ${stdout}${stderr}`);
	}
	if (process.geteuid?.() !== 0) console.log("skip: mounting the results needs root");
	else for (const layer of layers.slice(0, 60)) walkMounted(`${work}/layers/${layer}`);
}, 600_000);
