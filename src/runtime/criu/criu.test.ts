// What of checkpoint and restore needs no criu: its messages, and what is read from an image and from mountinfo.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { minimalConfig } from "../../plan/minimal.fixture.ts";
import { inheritedDescriptors } from "./descriptors.ts";
import { externalAtDump } from "./external.ts";
import { printable } from "./log.ts";
import { decodeMessage, encodeMessage } from "./message.ts";
import { parseMountinfo } from "./mountinfo.ts";
import { parsePageServer } from "./options.ts";
import { decodeResponse, inherited } from "./request.ts";

describe("criu's messages", () => {
	test("are protocol buffers", () => {
		const bytes = encodeMessage([
			[1, 300],
			[2, "ab"],
			[3, [[[1, "x"]]]],
			[4, undefined],
			[5, true],
		]);
		expect([...bytes]).toEqual([8, 172, 2, 18, 2, 97, 98, 26, 3, 10, 1, 120, 40, 1]);
		expect(decodeMessage(bytes).get(1)).toBe(300);
	});

	test("that are cut off at any byte are refused or incomplete, and never crash", () => {
		const bytes = encodeMessage([
			[1, 6],
			[2, true],
			[
				5,
				[
					[1, "post-restore"],
					[2, 70000],
				],
			],
		]);
		expect(decodeResponse(bytes).notify).toEqual({ script: "post-restore", pid: 70000 });
		for (let length = 0; length < bytes.length; length++) {
			try {
				decodeResponse(bytes.subarray(0, length));
			} catch (error) {
				expect((error as { code?: string }).code).toBe("unavailable");
			}
		}
	});
});

describe("an image's descriptors.json", () => {
	const read = (text: string | undefined): unknown => {
		const folder = mkdtempSync(`${tmpdir()}/corten-image-`);
		try {
			if (text === undefined) symlinkSync("/dev/zero", `${folder}/descriptors.json`);
			else writeFileSync(`${folder}/descriptors.json`, text);
			return inheritedDescriptors(folder);
		} finally {
			rmSync(folder, { recursive: true });
		}
	};

	test("names pipes and external files", () => {
		expect(read('["pipe:[1]","file[1f:2a]","/dev/pts/0"]')).toEqual([inherited("pipe:[1]", 0), inherited("file[1f:2a]", 1)]);
	});

	test("names nothing else, whatever it is", () => {
		for (const text of ['["extRootNetNS","pipe:[1]x",{}]', "{}", "null", "[", "\0", undefined]) expect(read(text)).toEqual([]);
	});
});

test("a bind is external with what is mounted below it, a device node by its path on the host", () => {
	const host = parseMountinfo("1 0 8:1 / / rw - ext4 a rw\n2 1 0:5 / /dev rw - devtmpfs d rw\n3 1 8:2 / /srv/sub rw - ext4 b rw");
	const inside = parseMountinfo(
		"9 8 8:1 /root / rw - ext4 a rw\n10 9 8:1 /srv /d\\040a rw - ext4 a rw\n11 10 8:2 / /d\\040a/sub rw - ext4 b rw\n12 9 0:5 /null /dev/null rw - devtmpfs d rw",
	);
	const config = { ...minimalConfig, mounts: [{ destination: "/d a", type: "bind", source: "/srv", options: ["rbind"] }] };
	const names = externalAtDump(config, inside, host, "/b").map((message) => message.map(([, value]) => value));
	expect(names.toSorted()).toEqual(
		[
			["/d a", "/d a"],
			["/d a/sub", "/d a/sub"],
			["/dev/null", "/dev/null"],
		].toSorted(),
	);
});

test("a page server is an address and a port", () => {
	expect(parsePageServer("[::1]:27")).toEqual({ address: "::1", port: 27 });
	for (const bad of ["host", ":1", "host:0", "host:99999", "::1:27"]) expect(() => parsePageServer(bad)).toThrow();
});

test("what a log says reaches no terminal's ear", () => {
	expect(printable("a\u001b[2J\nb")).toBe("a?[2J\nb");
});
