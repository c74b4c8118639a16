// What is written is read back the same: by our reader, and by GNU tar.

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { temporaryFolder } from "../../../test/support/images.ts";
import { must } from "../../../test/support/must.ts";
import { decodeBytes } from "./bytes.ts";
import { readTar, TarInput } from "./tar.ts";
import type { TarEntry } from "./tar-entry.ts";
import { encodeTarHeader, type TarMember, tarEnd, tarPadding } from "./tar-write.ts";

const plain: TarMember = {
	name: "a",
	kind: "file",
	target: "",
	mode: 0o644,
	uid: 0,
	gid: 0,
	seconds: 1700000000,
	nanoseconds: 0,
	major: 0,
	minor: 0,
	size: 0,
	xattrs: new Map(),
};

function write(members: readonly TarMember[]): Uint8Array {
	const parts = members.flatMap((member) => [
		encodeTarHeader(member),
		...(member.kind === "file" ? [new Uint8Array(member.size).fill(0x61), tarPadding(member.size)] : []),
	]);
	return new Uint8Array(Buffer.concat([...parts, tarEnd]));
}

function read(tar: Uint8Array): TarEntry[] {
	const entries: TarEntry[] = [];
	const input = new TarInput();
	const sink = { begin: (entry: TarEntry) => void entries.push(entry), data: () => undefined, end: () => undefined };
	const reader = readTar(input, sink, { maxHeaderBytes: 1 << 20, maxEntries: 1000 });
	reader.next();
	input.push(tar);
	expect(reader.next().done).toBe(true);
	return entries;
}

const long = "x".repeat(99);
const members: Readonly<Record<string, Partial<TarMember>>> = {
	"a plain file": { size: 3 },
	"a file of whole blocks": { size: 1024 },
	"a name that fits into two fields": { name: `${long}/${long}` },
	"a name that does not": { name: `${long}/${long}/${long}/${long}` },
	"a part longer than a field": { name: `d/${"y".repeat(120)}` },
	"a folder with a long name": { name: `${long}/${"z".repeat(99)}/`, kind: "directory", mode: 0o755 },
	"bytes that are no UTF-8": { name: "\xff\xfe" },
	"UTF-8": { name: decodeBytes(new TextEncoder().encode("grüße")) },
	"a long symbolic link": { kind: "symlink", target: `/${long}/${long}`, mode: 0o777 },
	"a hard link": { kind: "link", target: "b" },
	"a device": { kind: "char", major: 5, minor: 1 },
	"a large device": { kind: "block", major: 4095, minor: 1048575 },
	"a pipe": { kind: "fifo" },
	"large owners": { uid: 4294967294, gid: 2097152 },
	"time with nanoseconds": { nanoseconds: 120_000_000 },
	"time before 1970": { seconds: -1 },
	"time before 1970 with a fraction": { seconds: -2, nanoseconds: 500_000_000 },
	"time after 2242": { seconds: 8_589_934_592 },
	"set-user-ID and the like": { mode: 0o7755 },
	"attributes with any bytes": {
		xattrs: new Map([
			["user.b", "\0\xff=\n"],
			["security.capability", "\x01\0\0\x02"],
		]),
	},
};

describe("a member that is written is read back the same", () => {
	for (const [what, fields] of Object.entries(members)) {
		test(what, () => {
			const member = { ...plain, ...fields };
			expect(read(write([member, plain]))).toEqual([
				{ ...member, extents: undefined },
				{ ...plain, extents: undefined },
			]);
		});
	}
});

test("GNU tar lists what was written", () => {
	using folder = temporaryFolder();
	writeFileSync(`${folder.path}/a.tar`, write(Object.values(members).map((fields, index) => ({ ...plain, name: `${index}`, ...fields }))));
	const listed = must(["tar", "-tvf", `${folder.path}/a.tar`, "--quoting-style=escape", "--full-time"]).toString();
	expect(listed.trim().split("\n").length).toBe(Object.keys(members).length);
	expect(listed).toContain(`${long}/${long}/${long}/${long}`);
	expect(listed).toContain("4294967294/2097152");
	expect(listed).toContain("gr");
});
