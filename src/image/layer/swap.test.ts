// A container that changes its files while they are read (export, commit, diff): what comes out is the container's, never the host's.
// The readers give out a piece at a time, so the attacker here moves between two pieces, at each of them once.

import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isError } from "../../base/errors.ts";
import { openFolderLayer } from "./folder-read.ts";
import { createLayer } from "./layer.ts";
import { archive, digestOf, streamOf } from "./tar.fixture.ts";
import { tarOfLayer } from "./tar-of.ts";

const secret = "the host's secret";

/** A folder to read, `work/layer`, beside the host's, `work/host`. */
function prepare(): Disposable & { readonly work: string } {
	const work = mkdtempSync(`${tmpdir()}/swap-test-`);
	for (const folder of ["layer/a/b", "layer/z", "host/b"]) mkdirSync(`${work}/${folder}`, { recursive: true });
	for (const file of ["host/f", "host/b/f", "host/only-here"]) writeFileSync(`${work}/${file}`, secret);
	for (const file of ["layer/a/f", "layer/a/b/f", "layer/z/f"]) writeFileSync(`${work}/${file}`, "its own ".repeat(80_000));
	return { work, [Symbol.dispose]: () => rmSync(work, { recursive: true, force: true }) };
}

const swaps: Readonly<Record<string, (work: string) => void>> = {
	"a folder for a link to the host's": (work) => {
		renameSync(`${work}/layer/a`, `${work}/gone`);
		symlinkSync(`${work}/host`, `${work}/layer/a`);
	},
	"an inner folder for a link that climbs": (work) => {
		renameSync(`${work}/layer/a/b`, `${work}/gone`);
		symlinkSync("../../../host/b", `${work}/layer/a/b`);
	},
	"a file for a link to the host's": (work) => {
		for (const folder of ["a", "a/b", "z"]) {
			rmSync(`${work}/layer/${folder}/f`);
			symlinkSync(`${work}/host/f`, `${work}/layer/${folder}/f`);
		}
	},
	"a folder moved to the host's side": (work) => renameSync(`${work}/layer/a`, `${work}/host/moved`),
	"a file for a pipe that nobody writes": (work) => {
		for (const folder of ["a", "a/b", "z"]) {
			rmSync(`${work}/layer/${folder}/f`);
			Bun.spawnSync(["mkfifo", `${work}/layer/${folder}/f`]);
		}
	},
};

for (const [what, swap] of Object.entries(swaps)) {
	test(`${what}, at any moment of an export (CVE-2018-15664, CVE-2019-10152, CVE-2023-0778, CVE-2026-42306)`, () => {
		let pieces = 1;
		for (let moment = 0; moment < pieces; moment++) {
			using setting = prepare();
			const seen: Buffer[] = [];
			try {
				using layer = openFolderLayer(`${setting.work}/layer`);
				if (layer.root.kind !== "directory") throw new Error("no folder");
				let count = 0;
				for (const piece of tarOfLayer(layer.root)) {
					seen.push(Buffer.from(piece));
					if (count++ === moment) swap(setting.work);
				}
				pieces = Math.max(pieces, count);
			} catch (error) {
				// It may be given up: what was there is there no longer.
				if (!isError(error)) throw error;
			}
			expect(seen.length).toBeGreaterThan(0);
			const bytes = Buffer.concat(seen);
			expect(bytes.includes(secret)).toBe(false);
			expect(bytes.includes("only-here")).toBe(false);
		}
		expect(pieces).toBeGreaterThan(1);
	}, 60_000);
}

test("no decompressor is started, whatever PATH leads to (CVE-2026-41567, CVE-2019-14271)", async () => {
	using setting = prepare();
	const tar = archive({ name: "f", data: "x" });
	const pack = (program: string) => new Uint8Array(Bun.spawnSync([program, "-c"], { stdin: tar }).stdout);
	const packed = [Bun.gzipSync(new Uint8Array(tar)), Bun.zstdCompressSync(tar), pack("bzip2"), pack("xz")];
	const programs = ["gzip", "gunzip", "pigz", "unpigz", "zstd", "unzstd", "bzip2", "bunzip2", "xz", "unxz", "tar"];
	for (const program of programs)
		writeFileSync(`${setting.work}/${program}`, `#!/bin/sh\n/usr/bin/touch ${setting.work}/started\n`, { mode: 0o755 });
	const before = process.env.PATH;
	process.env.PATH = setting.work;
	try {
		for (const [index, bytes] of packed.entries())
			await createLayer(streamOf(bytes), { layersDir: `${setting.work}/layers${index}`, diffID: digestOf(tar), kind: "erofs" });
	} finally {
		process.env.PATH = before;
	}
	expect(await Bun.file(`${setting.work}/started`).exists()).toBe(false);
});
