// Trees written and read by descriptor: what a hostile tar asks for stays in the folder, what is there is replaced or kept as docker does it.

import { afterAll, describe, expect, test } from "bun:test";
import {
	existsSync,
	linkSync,
	lstatSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	statSync,
	symlinkSync,
	truncateSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { type ErrorCode, isError } from "../../base/errors.ts";
import { O_DIRECTORY, O_RDONLY, openFd } from "../../linux/file.ts";
import { defaultLimits } from "../layer/bounded.ts";
import { openFolderLayer } from "../layer/folder-read.ts";
import { archive, type Member } from "../layer/tar.fixture.ts";
import { readTar, TarInput } from "../layer/tar.ts";
import type { Ownership } from "./attributes.ts";
import { findPlace } from "./place.ts";
import { createTarSink, sendTree } from "./read.ts";
import { createFileSink } from "./write.ts";

const work = mkdtempSync(`${tmpdir()}/files-test-`);
let count = 0;
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** A folder of its own, beside one that stands for the rest of the host. */
function fresh(): { readonly into: string; readonly host: string } {
	const folder = `${work}/${count++}`;
	for (const name of ["into", "host"]) mkdirSync(`${folder}/${name}`, { recursive: true });
	writeFileSync(`${folder}/host/secret`, "the host's");
	return { into: `${folder}/into`, host: `${folder}/host` };
}

/** Unpacks. @returns the code of the error, or undefined, and the warnings */
function unpack(
	into: string,
	members: readonly Member[],
	ownership: Ownership = { kind: "kept" },
): readonly [ErrorCode | undefined, string[]] {
	const warnings: string[] = [];
	try {
		using folder = openFd(into, O_RDONLY | O_DIRECTORY);
		using sink = createFileSink(folder, ownership, (message) => warnings.push(message));
		const input = new TarInput();
		const reader = readTar(input, sink, defaultLimits);
		reader.next();
		input.push(archive(...members));
		reader.next();
		input.end();
		reader.next();
		sink.finish();
		return [undefined, warnings];
	} catch (error) {
		if (!isError(error)) throw error;
		return [error.code, warnings];
	}
}

describe("a hostile tar", () => {
	const escapes: readonly (readonly [string, readonly Member[], string])[] = [
		["names that climb", [{ name: "../../host/secret", data: "x" }], "host/secret"],
		["absolute names", [{ name: "/etc/passwd", data: "x" }], "etc/passwd"],
		[
			"a link out of the root, and a file through it",
			[
				{ name: "l", type: "2", linkname: "../host" },
				{ name: "l/secret", data: "x" },
			],
			"",
		],
		[
			"an absolute link, and a file through it",
			[
				{ name: "l", type: "2", linkname: "/" },
				{ name: "l/made", data: "x" },
			],
			"made",
		],
		[
			"a link that is a folder's parent",
			[
				{ name: "l", type: "2", linkname: "../host" },
				{ name: "l/d/", type: "5" },
			],
			"",
		],
		["a hard link to a file outside", [{ name: "h", type: "1", linkname: "../host/secret" }], ""],
		[
			"a hard link through a link",
			[
				{ name: "l", type: "2", linkname: "../host" },
				{ name: "h", type: "1", linkname: "l/secret" },
			],
			"",
		],
		[
			"a file over its own link",
			[
				{ name: "l", type: "2", linkname: "../host/secret" },
				{ name: "l", data: "x" },
			],
			"l",
		],
	];
	for (const [what, members, made] of escapes) {
		test(`${what}: all of it stays in the folder (CVE-2019-10152, CVE-2021-32760)`, () => {
			const { into, host } = fresh();
			unpack(into, members);
			expect(readdirSync(host)).toEqual(["secret"]);
			expect(readFileSync(`${host}/secret`, "utf8")).toBe("the host's");
			expect(lstatSync(`${host}/secret`).nlink).toBe(1);
			if (made !== "") expect(readFileSync(`${into}/${made}`, "utf8")).toBe("x");
		});
	}
	test("devices and set-id bits come only with what is kept", () => {
		const members: Member[] = [
			{ name: "sh", data: "x", mode: 0o6755, uid: 0 },
			{ name: "disk", type: "4", major: 7, minor: 99, mode: 0o666 },
		];
		const { into } = fresh();
		const [code, warnings] = unpack(into, members, { kind: "given", uid: 0, gid: 0 });
		expect(code).toBeUndefined();
		expect(warnings).toEqual(['cannot copy "disk": a device is left out without --archive']);
		expect(readdirSync(into)).toEqual(["sh"]);
		expect(statSync(`${into}/sh`).mode & 0o7777).toBe(0o755);
	});
});

describe("what is there already", () => {
	test("files and links are replaced, others' names for them stay as they were", () => {
		const { into, host } = fresh();
		linkSync(`${host}/secret`, `${into}/f`);
		symlinkSync(`${host}/secret`, `${into}/l`);
		expect(
			unpack(into, [
				{ name: "f", data: "1" },
				{ name: "l", data: "2" },
			])[0],
		).toBeUndefined();
		expect([readFileSync(`${into}/f`, "utf8"), readFileSync(`${into}/l`, "utf8")]).toEqual(["1", "2"]);
		expect(readFileSync(`${host}/secret`, "utf8")).toBe("the host's");
	});
	const kept: readonly (readonly [string, Member])[] = [
		["a folder is not replaced by a file", { name: "folder", data: "x" }],
		["a folder is not replaced by a link", { name: "folder", type: "2", linkname: "x" }],
		["a file is not replaced by a folder", { name: "file/", type: "5" }],
		["a link to a folder is not replaced by a folder, nor followed", { name: "link/", type: "5" }],
		["a pipe is not replaced", { name: "pipe", data: "x" }],
	];
	for (const [what, member] of kept) {
		test(what, () => {
			const { into } = fresh();
			mkdirSync(`${into}/folder`);
			writeFileSync(`${into}/file`, "");
			symlinkSync("folder", `${into}/link`);
			Bun.spawnSync(["mkfifo", `${into}/pipe`]);
			expect(unpack(into, [member])[0]).toBe("already-exists");
			expect(readdirSync(into).sort()).toEqual(["file", "folder", "link", "pipe"]);
		});
	}
	test("folders that a tar does not mention are made, and those with a link in their way are found in the folder", () => {
		const { into } = fresh();
		mkdirSync(`${into}/run`);
		mkdirSync(`${into}/var`);
		symlinkSync("/run", `${into}/var/run`);
		expect(unpack(into, [{ name: "var/run/lock/x", data: "1" }])[0]).toBeUndefined();
		expect(readFileSync(`${into}/run/lock/x`, "utf8")).toBe("1");
	});
	test("a file whose tar is cut short is not there", () => {
		const { into } = fresh();
		using folder = openFd(into, O_RDONLY | O_DIRECTORY);
		const cut = () => {
			using sink = createFileSink(folder, { kind: "kept" }, () => undefined);
			const input = new TarInput();
			const reader = readTar(input, sink, defaultLimits);
			reader.next();
			input.push(archive({ name: "f", data: "x".repeat(5000) }).subarray(0, 2048));
			reader.next();
			input.end();
			reader.next();
		};
		expect(cut).toThrow("it ends within");
		expect(readdirSync(into)).toEqual([]);
	});
});

describe("a tree", () => {
	function copy(from: string, into: string, name: string): void {
		using folder = openFd(into, O_RDONLY | O_DIRECTORY);
		using layer = openFolderLayer(from);
		using sink = createFileSink(folder, { kind: "kept" }, () => undefined);
		sendTree(layer.root, name, sink);
		sink.finish();
	}
	test("keeps its links, names of one file, holes, times and modes", () => {
		const { into: from, host: into } = fresh();
		mkdirSync(`${from}/d`, { mode: 0o750 });
		writeFileSync(`${from}/d/f`, "content");
		linkSync(`${from}/d/f`, `${from}/same`);
		symlinkSync("d/f", `${from}/link`);
		truncateSync(`${from}/d/f`, 100_000);
		utimesSync(`${from}/d`, 1000, 2000);
		copy(from, into, "t");
		expect(lstatSync(`${into}/t/same`).ino).toBe(lstatSync(`${into}/t/d/f`).ino);
		expect(readlinkSync(`${into}/t/link`)).toBe("d/f");
		expect(statSync(`${into}/t/d/f`).size).toBe(100_000);
		expect([statSync(`${into}/t/d`).mode & 0o7777, statSync(`${into}/t/d`).mtimeMs]).toEqual([0o750, 2_000_000]);
	});
	test("can be copied into itself, and ends", () => {
		const { into } = fresh();
		mkdirSync(`${into}/a`);
		writeFileSync(`${into}/a/f`, "x");
		copy(into, into, "copy");
		expect((readdirSync(into, { recursive: true }) as string[]).sort()).toEqual(["a", "a/f", "copy", "copy/a", "copy/a/f"]);
	});
	test("is a tar that others read", () => {
		const { into } = fresh();
		mkdirSync(`${into}/a`);
		writeFileSync(`${into}/a/f`, "x");
		const pieces: Uint8Array[] = [];
		using layer = openFolderLayer(into);
		const sink = createTarSink((bytes) => pieces.push(Uint8Array.from(bytes)));
		sendTree(layer.root, "", sink);
		sink.finish();
		expect(Bun.spawnSync(["tar", "t"], { stdin: Buffer.concat(pieces) }).stdout.toString()).toBe("./\na/\na/f\n");
	});
	test("leaves out what is in /proc", () => {
		const names: string[] = [];
		using layer = openFolderLayer("/proc");
		sendTree(layer.root, "proc", { begin: (entry) => names.push(entry.name), data: () => undefined, end: () => undefined });
		expect(names).toEqual(["proc"]);
	});
});

describe("a place", () => {
	const { into, host } = fresh();
	mkdirSync(`${into}/d/e`, { recursive: true });
	const links = { up: "..", high: "../../../..", root: "/", abs: "/d/e", dangling: "/d/none", loop: "loop", out: `${host}` };
	for (const [name, target] of Object.entries(links)) symlinkSync(target, `${into}/d/${name}`);
	const found = (path: string, follow = true): string => {
		using root = openFd(into, O_RDONLY | O_DIRECTORY);
		using place = findPlace(root, path, follow);
		return `${readlinkSync(`/proc/self/fd/${place.folder.number}`).slice(into.length)} ${place.name} ${place.kind}`;
	};
	const cases: readonly (readonly [string, string])[] = [
		["/", " . dir"],
		["/d/e", "/d e dir"],
		["/d/up", " . dir"],
		["/d/high", " . dir"],
		["/d/root", " . dir"],
		["/d/abs", "/d e dir"],
		["/d/dangling", "/d none undefined"],
		["/d/..", " . dir"],
		["/..", " . dir"],
		["/d/high/d/new", "/d new undefined"],
	];
	for (const [path, place] of cases) test(`"${path}" is in the root`, () => expect(found(path)).toBe(place));
	test("a link is a place of its own when it is not followed", () => expect(found("/d/out", false)).toBe("/d out link"));
	test("what leads out is looked for in the root, and a loop ends", () => {
		expect(() => found("/d/out")).toThrow("ENOENT");
		expect(() => found("/d/loop")).toThrow("ELOOP");
		expect(existsSync(host)).toBe(true);
	});
});
