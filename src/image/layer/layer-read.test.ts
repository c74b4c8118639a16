// The merge of layers without a mount, run over both forms of a layer and against the kernel's own overlayfs.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isError } from "../../base/errors.ts";
import type { LayerSource } from "../../spec/rootfs.ts";
import { createLayer, readLayerFile } from "./layer.ts";
import { archive, digestOf, type Member, streamOf } from "./tar.fixture.ts";

const work = mkdtempSync(`${tmpdir()}/layer-read-test-`);
const isRoot = process.geteuid?.() === 0;
if (!isRoot) console.log("skip: layer-read.test.ts makes folder layers and overlays only as root");
afterAll(() => rmSync(work, { recursive: true, force: true }));

const file = (name: string, data: string): Member => ({ name, data });
const dir = (name: string): Member => ({ name, type: "5", mode: 0o755 });
const symlink = (name: string, linkname: string): Member => ({ name, type: "2", linkname });

const many = Array.from({ length: 600 }, (_, i) => file(`many/some-name-${i}`, `number ${i}`));
const layers: readonly (readonly Member[])[] = [
	[
		file("etc/passwd", "root:x:0:0\n"),
		file("etc/group", "lowest\n"),
		file("gone/f", "lower"),
		file("opaque/f", "lower"),
		file("kept/f", "lower"),
		file("becomes-file/f", "lower"),
		symlink("abs", "/etc/passwd"),
		symlink("up", "../../../../etc/passwd"),
		symlink("usr-lib", "usr/lib"),
		file("usr/lib/os-release", "os"),
		symlink("loop", "loop"),
		symlink("long", `${"./".repeat(1500)}etc/passwd`),
		{ name: "device", type: "3", major: 1, minor: 3 },
		{ name: "fifo", type: "6" },
		file("large", "x".repeat(100_000)),
		file("empty", ""),
		...many,
	],
	[
		file("etc/group", "upper\n"),
		file("etc/.wh.shadow", ""),
		file(".wh.gone", ""),
		file("opaque/.wh..wh..opq", ""),
		file("opaque/g", "upper"),
		file("kept/g", "upper"),
		file("becomes-file", "a file now"),
		symlink("to-upper", "kept/g"),
		file("hidden-later", "x"),
	],
	[file(".wh.hidden-later", ""), file("gone/again", "third"), file("\xc3\xa9t\xc3\xa9", "utf-8 name")],
];
const paths = [
	"/etc/passwd",
	"etc/passwd",
	"etc//./passwd",
	"etc/../etc/passwd",
	"../../etc/passwd",
	"etc/group",
	"etc/shadow",
	"gone/f",
	"gone/again",
	"opaque/f",
	"opaque/g",
	"kept/f",
	"kept/g",
	"becomes-file",
	"becomes-file/f",
	"abs",
	"up",
	"usr-lib/os-release",
	"loop",
	"long",
	"to-upper",
	"hidden-later",
	"large",
	"empty",
	"many/some-name-0",
	"many/some-name-599",
	"many/some-name-600",
	"many",
	"nowhere/x",
	"etc/passwd/x",
	"",
	"/",
	"été",
	"n".repeat(300),
];

async function make(kind: LayerSource["kind"]): Promise<LayerSource[]> {
	const made: LayerSource[] = [];
	for (const members of layers) {
		const tar = archive(...members);
		made.push(await createLayer(streamOf(tar), { layersDir: `${work}/layers`, diffID: digestOf(tar), kind }));
	}
	return made;
}

function mount(...args: string[]): void {
	const { exitCode, stderr } = Bun.spawnSync(["mount", ...args], { stderr: "pipe" });
	if (exitCode !== 0) throw new Error(stderr.toString());
}

/** The same read through overlayfs; a chroot resolves links as the container would. */
function readChrooted(root: string, path: string): string | undefined {
	const { exitCode, stdout } = Bun.spawnSync(["unshare", "--root", root, "/bin-probe", path], { stdout: "pipe", stderr: "ignore" });
	return exitCode === 0 ? stdout.toString() : undefined;
}

/** Mounts the layers over each other and reads every path both ways. */
function compareWithKernel(kind: LayerSource["kind"], made: readonly LayerSource[]): void {
	const lower: string[] = [];
	const root = `${work}/root-${kind}`;
	const probe = `${work}/probe-${kind}`;
	mkdirSync(root);
	mkdirSync(probe);
	// A static reader in a layer of its own: nothing of the image is executed.
	const source =
		"int main(int c,char**v){char b[200000];int f=open(v[1],0x800);long n=f<0?-1:read(f,b,sizeof b);if(n<0)return 1;write(1,b,n);return 0;}";
	writeFileSync(`${work}/probe.c`, `#include <fcntl.h>\n#include <unistd.h>\n${source}`);
	if (Bun.spawnSync(["cc", "-static", "-o", `${probe}/bin-probe`, `${work}/probe.c`]).exitCode !== 0) {
		console.log("skip: no C compiler to make the probe with");
		return;
	}
	try {
		for (const [i, layer] of made.entries()) {
			const at = kind === "folder" ? layer.path : `${work}/lower-${i}`;
			if (kind === "erofs") {
				mkdirSync(at);
				mount("-t", "erofs", "-o", "ro", layer.path, at);
			}
			lower.unshift(at);
		}
		mount("-t", "overlay", "-o", `ro,lowerdir=${probe}:${lower.join(":")}`, "overlay", root);
		for (const path of paths) {
			if (path === "" || path === "fifo") continue;
			expect(`${path}: ${readLayerFile(made, path, 1 << 20)}`).toBe(
				`${path}: ${readChrooted(root, path.startsWith("/") ? path : `/${path}`)}`,
			);
		}
	} finally {
		Bun.spawnSync(["umount", root], { stderr: "ignore" });
		if (kind === "erofs") for (const at of lower) Bun.spawnSync(["umount", at], { stderr: "ignore" });
	}
}

for (const kind of ["erofs", "folder"] as const) {
	describe.if(isRoot || kind === "erofs")(`readLayerFile over layers of kind ${kind}`, () => {
		test("finds what the layers together show", async () => {
			const made = await make(kind);
			const read = (path: string) => readLayerFile(made, path, 1 << 20);
			expect(read("etc/group")).toBe("upper\n");
			expect(read("up")).toBe("root:x:0:0\n");
			expect(read("gone/f")).toBeUndefined();
			expect(read("gone/again")).toBe("third");
			expect(read("opaque/f")).toBeUndefined();
			expect(read("kept/f")).toBe("lower");
			expect(read("hidden-later")).toBeUndefined();
			expect(read("loop")).toBeUndefined();
			expect(read("empty")).toBe("");
		});

		test.if(isRoot)("shows what the kernel's overlayfs shows", async () => compareWithKernel(kind, await make(kind)));

		test("reads devices and fifos as nothing, without opening them", async () => {
			const made = await make(kind);
			expect(readLayerFile(made, "device", 100)).toBeUndefined();
			expect(readLayerFile(made, "fifo", 100)).toBeUndefined();
		});

		test("refuses a file larger than asked for, before it reads it", async () => {
			const made = await make(kind);
			expect(() => readLayerFile(made, "large", 99_999)).toThrow('cannot read "large" of the image: it has 100000 bytes, of 99999 allowed');
			expect(readLayerFile(made, "large", 100_000)?.length).toBe(100_000);
		});

		test("says not-found for a layer that is missing", () => {
			try {
				readLayerFile([{ kind, path: `${work}/none` }], "x", 1);
				expect.unreachable();
			} catch (error) {
				expect(isError(error, "not-found")).toBe(true);
			}
		});
	});
}

describe("a damaged layer file", () => {
	test("is an integrity error or reads as something, for any spoiled byte", async () => {
		const tar = archive(...(layers[0] ?? []), dir("end"));
		const { path } = await createLayer(streamOf(tar), { layersDir: `${work}/damaged`, diffID: digestOf(tar), kind: "erofs" });
		const whole = readFileSync(path);
		const spoiled = `${work}/spoiled.erofs`;
		let seed = 7;
		const random = (below: number) => {
			seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
			return Math.floor((seed / 2 ** 32) * below);
		};
		const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
		const meta = view.getUint32(1024 + 40, true) * 4096;
		for (let round = 0; round < 1500; round++) {
			const copy = Buffer.from(whole);
			for (let i = 0; i <= random(4); i++) copy[random(3) === 0 ? 1024 + random(128) : meta + random(copy.length - meta)] = random(256);
			writeFileSync(spoiled, random(10) === 0 ? copy.subarray(0, random(copy.length)) : copy);
			for (const asked of ["etc/passwd", "many/some-name-300", "usr-lib/os-release"]) {
				try {
					readLayerFile([{ kind: "erofs", path: spoiled }], asked, 1 << 20);
				} catch (error) {
					if (!isError(error, "integrity") && !isError(error, "invalid-spec")) throw error;
				}
			}
		}
		expect(statSync(spoiled).isFile()).toBe(true);
	}, 30_000);
});
