// A container that changes its files while something is copied into it: what is made is made in its root, and nothing outside changes. The
// entries come a piece at a time, so the attacker here moves between two pieces, at each of them once. Reading is tested in layer/swap.test.ts.

import { expect, test } from "bun:test";
import {
	chmodSync,
	lstatSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { isError } from "../../base/errors.ts";
import { O_DIRECTORY, O_RDONLY, openFd } from "../../linux/file.ts";
import { defaultLimits } from "../layer/bounded.ts";
import { archive } from "../layer/tar.fixture.ts";
import { readTar, TarInput } from "../layer/tar.ts";
import { findPlace } from "./place.ts";
import { createFileSink } from "./write.ts";

/** A container's root, `work/root`, with the folder that is copied to, beside the host's files, `work/host`. */
function prepare(): Disposable & { readonly work: string } {
	const work = mkdtempSync(`${tmpdir()}/swap-test-`);
	for (const folder of ["root/dest/a", "root/other", "host/a/b"]) mkdirSync(`${work}/${folder}`, { recursive: true });
	for (const file of ["host/f", "host/a/f", "host/a/b/f"]) writeFileSync(`${work}/${file}`, "the host's");
	chmodSync(`${work}/host/a`, 0o711);
	return { work, [Symbol.dispose]: () => rmSync(work, { recursive: true, force: true }) };
}

/** All that can be seen of a tree. */
function look(folder: string): string[] {
	const lines: string[] = [];
	for (const name of readdirSync(folder, { recursive: true }) as string[]) {
		const stat = lstatSync(`${folder}/${name}`, { bigint: true });
		lines.push(
			`${name} ${stat.mode} ${stat.uid} ${stat.nlink} ${stat.ino} ${stat.isFile() ? readFileSync(`${folder}/${name}`, "utf8") : ""}`,
		);
		if (stat.isFile()) lines.push(`${stat.mtimeNs}`);
	}
	return lines.sort();
}

const big = "its own ".repeat(300);
const entries = archive(
	{ name: "a/", type: "5", mode: 0o777, uid: 7 },
	{ name: "a/f", data: big, mode: 0o4777, uid: 7 },
	{ name: "a/b/", type: "5", mode: 0o777, uid: 7 },
	{ name: "a/b/f", data: big, mode: 0o777 },
	{ name: "a/b/l", type: "2", linkname: "/host" },
	{ name: "a/b/p", type: "6", mode: 0o777 },
	{ name: "f", type: "1", linkname: "a/f" },
	{ name: "f", data: "again", mode: 0o777, uid: 7 },
	{ name: "a/b/f", data: "again", mode: 0o777, uid: 7 },
);

const swaps: Readonly<Record<string, (work: string) => void>> = {
	"the folder that is copied to, for a link to the host's": (work) => {
		renameSync(`${work}/root/dest`, `${work}/root/other/dest`);
		symlinkSync(`${work}/host`, `${work}/root/dest`);
	},
	"a folder in it, for a link to the host's": (work) => {
		renameSync(`${work}/root/dest/a`, `${work}/root/other/a`);
		symlinkSync(`${work}/host/a`, `${work}/root/dest/a`);
	},
	"an inner folder, for a link that climbs": (work) => {
		renameSync(`${work}/root/dest/a/b`, `${work}/root/other/b`);
		symlinkSync("../../../../../../../../../../../..".concat(`${work}/host/a/b`), `${work}/root/dest/a/b`);
	},
	"files, for links to the host's": (work) => {
		for (const file of ["a/f", "a/b/f", "a/b/p", "f"]) {
			rmSync(`${work}/root/dest/${file}`);
			symlinkSync(`${work}/host/f`, `${work}/root/dest/${file}`);
		}
	},
};

for (const [what, swap] of Object.entries(swaps)) {
	test(`${what}, at any moment of a copy (CVE-2018-15664, CVE-2019-10152, CVE-2023-0778, CVE-2026-42306)`, () => {
		const moments = entries.length / 512;
		let moved = 0;
		for (let moment = 0; moment < moments; moment++) {
			using setting = prepare();
			const before = look(`${setting.work}/host`);
			using root = openFd(`${setting.work}/root`, O_RDONLY | O_DIRECTORY);
			try {
				using place = findPlace(root, "/dest/.", true);
				using sink = createFileSink(place.folder, { kind: "kept" }, () => undefined);
				const input = new TarInput();
				const reader = readTar(input, sink, defaultLimits);
				reader.next();
				for (let at = 0; at * 512 < entries.length; at++) {
					if (at === moment) {
						try {
							swap(setting.work);
							moved++;
						} catch {
							// What is swapped is not there yet.
						}
					}
					input.push(entries.subarray(at * 512, at * 512 + 512));
					if (reader.next().done === true) break;
				}
				sink.finish();
			} catch (error) {
				// It may be given up: what was there is there no longer.
				if (!isError(error)) throw error;
			}
			expect(look(`${setting.work}/host`)).toEqual(before);
			expect(readdirSync(setting.work).sort()).toEqual(["host", "root"]);
		}
		expect(moved).toBeGreaterThan(5);
	}, 60_000);
}
