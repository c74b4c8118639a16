// What the fields of an entry come to, exactly; broken archives are in hostile-format.test.ts.

import { describe, expect, test } from "bun:test";
import { archive, type Member, member, paxData } from "./tar.fixture.ts";
import { readTar, TarInput } from "./tar.ts";
import type { TarEntry } from "./tar-entry.ts";

/** Reads an archive in chunks of one size: its entries and the data each had. */
function read(tar: Uint8Array, chunkBytes = tar.length): { entries: TarEntry[]; data: string[] } {
	const entries: TarEntry[] = [];
	const data: string[] = [];
	const input = new TarInput();
	let current = "";
	const reader = readTar(
		input,
		{
			begin(entry) {
				entries.push(entry);
				current = "";
			},
			data(bytes) {
				current += Buffer.from(bytes).toString("latin1");
			},
			end() {
				data.push(current);
			},
		},
		{ maxHeaderBytes: 1 << 20, maxEntries: 100 },
	);
	let finished = reader.next().done === true;
	for (let at = 0; at < tar.length && !finished; at += chunkBytes) {
		input.push(tar.subarray(at, at + chunkBytes));
		finished = reader.next().done === true;
	}
	input.end();
	if (!finished) reader.next();
	return { entries, data };
}

const base256 = (...bytes: number[]) => String.fromCharCode(...bytes);
const negative = (...bytes: number[]) => base256(...Array(12 - bytes.length).fill(255), ...bytes);

const fields: readonly (readonly [what: string, member: Member, fields: Partial<TarEntry>])[] = [
	[
		"octal numbers",
		{ mode: 0o4755, uid: 1000, gid: 1001, mtime: 1_700_000_000 },
		{ mode: 0o4755, uid: 1000, gid: 1001, seconds: 1_700_000_000, nanoseconds: 0 },
	],
	["octal numbers with spaces", { uid: "  1750 \0", gid: "1750    " }, { uid: 1000, gid: 1000 }],
	[
		"base-256 numbers",
		{ uid: base256(0x80, 0, 0, 0, 0, 0x1e, 0x84, 0x80), mtime: negative(0xff, 0x00) },
		{ uid: 2_000_000, seconds: -256 },
	],
	["file type bits in the mode", { mode: 0o100644 }, { mode: 0o644 }],
	["a pax mtime", { pax: { mtime: "1234567890.987654321" } }, { seconds: 1_234_567_890, nanoseconds: 987_654_321 }],
	["a pax mtime of few digits", { pax: { mtime: "1.5" } }, { seconds: 1, nanoseconds: 500_000_000 }],
	["a pax mtime of many digits", { pax: { mtime: "1.123456789999" } }, { seconds: 1, nanoseconds: 123_456_789 }],
	["a pax mtime before 1970", { pax: { mtime: "-1.25" } }, { seconds: -2, nanoseconds: 750_000_000 }],
	["a whole pax mtime before 1970", { pax: { mtime: "-7" } }, { seconds: -7, nanoseconds: 0 }],
	["pax owners", { uid: 1, gid: 2, pax: { uid: "3000000000", gid: "4" } }, { uid: 3_000_000_000, gid: 4 }],
	["an empty pax record", { uid: 7, pax: { uid: "", path: "" }, name: "kept" }, { uid: 7, name: "kept" }],
	[
		"the last of two pax records",
		{
			pax: [
				["path", "one"],
				["path", "two"],
			],
		},
		{ name: "two" },
	],
	[
		"star's attributes over libarchive's",
		{ pax: { "LIBARCHIVE.xattr.user.a": "bG9zZXM=", "SCHILY.xattr.user.a": "wins" } },
		{ xattrs: new Map([["user.a", "wins"]]) },
	],
	["libarchive's attributes", { pax: { "LIBARCHIVE.xattr.user.%3d%25": "AP8" } }, { xattrs: new Map([["user.=%", "\0\xff"]]) }],
	[
		"a star header's shorter prefix",
		{ name: "n", prefix: "p", patch: (block) => block.set(Buffer.from(`${"00000000000\0".repeat(2)}tar\0`), 484) },
		{ name: "p/n" },
	],
	["a device", { type: "4", major: 259, minor: 65_537 }, { kind: "block", major: 259, minor: 65_537 }],
	["a size of a folder", { type: "5", size: 4096 }, { kind: "directory", size: 0 }],
	["a contiguous file", { type: "7", data: "abc" }, { kind: "file", size: 3 }],
];

describe("an entry has the fields its headers give", () => {
	for (const [what, source, expected] of fields) {
		test(what, () => {
			const [entry] = read(archive(source)).entries;
			expect(entry).toMatchObject(expected);
		});
	}
	test("global records hold until others come, an entry's own come first", () => {
		const global = (uid: string) => member({ type: "g", data: paxData({ uid }) });
		const { entries } = read(archive({ uid: 1 }, global("2"), { uid: 1 }, { pax: { uid: "3" } }, global("4"), {}));
		expect(entries.map(({ uid }) => uid)).toEqual([1, 2, 3, 4]);
	});
});

test("the same entries and data come out whatever the chunks", () => {
	const tar = archive(
		{ name: "a", data: "x".repeat(1000) },
		{ name: "short", pax: { path: `long/${"n".repeat(200)}`, "SCHILY.xattr.user.a": "v".repeat(700) }, data: "y".repeat(512) },
		member({ type: "L", magic: "ustar  \0", data: `${"g".repeat(600)}\0` }),
		{ name: "short", data: "" },
		{
			name: "s",
			data: `${"1\n5\n3\n".padEnd(512, "\0")}abc`,
			pax: { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9" },
		},
	);
	const whole = read(tar);
	expect(whole.data.map(({ length }) => length)).toEqual([1000, 512, 0, 3]);
	expect(whole.entries[3]).toMatchObject({ size: 9, extents: [5, 3] });
	for (const chunkBytes of [1, 2, 511, 512, 513, 1000, 1024]) expect(read(tar, chunkBytes)).toEqual(whole);
});
