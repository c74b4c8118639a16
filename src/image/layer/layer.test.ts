// The main test of layers: the same tar, untarred by GNU tar and made into a layer of either kind, must show the same tree.
// Needs root (devices, owners, mounts), tar, fsck.erofs and a kernel that mounts EROFS from a file; says so where it lacks one.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
	chmodSync,
	chownSync,
	copyFileSync,
	existsSync,
	linkSync,
	lutimesSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	symlinkSync,
	truncateSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";
import type { LayerSource } from "../../spec/rootfs.ts";
import { cBytes } from "./bytes.ts";
import { createLayer } from "./layer.ts";
import { archive, digestOf, member, streamOf } from "./tar.fixture.ts";
import { walk } from "./walk.fixture.ts";

const work = mkdtempSync(`${tmpdir()}/layer-test-`);
const isRoot = process.geteuid?.() === 0;
if (!isRoot) console.log("skip: layer.test.ts needs root for owners, devices and mounts");

function run(...command: string[]): string {
	const { exitCode, stdout, stderr } = Bun.spawnSync(command, { stdout: "pipe", stderr: "pipe" });
	if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
	return stdout.toString();
}

function setXattr(path: string, name: string, value: string): void {
	const result = syscall(nr.lsetxattr, cBytes(path), cBytes(name), cBytes(value), value.length, 0);
	if (result < 0) throw new Error(`setxattr ${name} on ${path}: ${result}`);
}

/** A tree with one of everything; `xattrs` for the formats that can hold them. */
function makeTree(root: string, xattrs: boolean): void {
	for (const folder of ["", "/d", "/d/empty", "/many", "/sticky"]) mkdirSync(root + folder);
	for (const size of [0, 1, 100, 2047, 2048, 2049, 4031, 4032, 4033, 4096, 4097, 8192, 100_000, 3_000_001]) {
		writeFileSync(`${root}/d/size-${size}`, Buffer.alloc(size, `${size}-`));
	}
	for (let i = 0; i < 700; i++) writeFileSync(`${root}/many/name-of-file-number-${i}`, `${i}`);
	writeFileSync(`${root}/a-zero`, Buffer.alloc(400_000));
	writeFileSync(`${root}/!before-dot`, "x");
	writeFileSync(`${root}/suid`, "#!");
	chownSync(`${root}/suid`, 1234, 4321);
	chmodSync(`${root}/suid`, 0o6755);
	chmodSync(`${root}/sticky`, 0o1777);
	chownSync(`${root}/sticky`, 99, 2_000_000);
	writeFileSync(Buffer.from(`${root}/latin1-\xe9\xff`, "latin1"), "bytes");
	writeFileSync(`${root}/${"n".repeat(90)}`, "long but plain");
	linkSync(`${root}/d/size-100`, `${root}/link-small`);
	linkSync(`${root}/d/size-100000`, `${root}/link-large`);
	linkSync(`${root}/d/size-100000`, `${root}/many/link-large-2`);
	symlinkSync("d/size-100", `${root}/symlink`);
	symlinkSync("/absolute/nowhere", `${root}/dangling`);
	for (const [name, mode, device] of [
		["char", 0o020640, 0x503],
		["block", 0o060660, 0x12f0_1ff3],
		["fifo", 0o010600, 0],
	] as const) {
		if (syscall(nr.mknodat, -100, cBytes(`${root}/${name}`), mode, device) < 0) throw new Error(`mknod ${name}`);
	}
	if (xattrs) {
		setXattr(`${root}/d`, "user.folder", "value");
		setXattr(`${root}/d`, "trusted.one", "1");
		setXattr(`${root}/d/size-100`, "user.small", "v".repeat(300));
		setXattr(`${root}/d/size-4096`, "security.capability", "\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
		setXattr(`${root}/d/size-0`, "user.large", "z".repeat(1500));
		setXattr(`${root}/d/size-2048`, "user.large", "z".repeat(2500));
		setXattr(`${root}/symlink`, "trusted.link", "on a link");
		setXattr(`${root}/char`, "trusted.device", "on a device");
	}
	for (const [i, name] of readdirSync(`${root}/d`).entries()) utimesSync(`${root}/d/${name}`, 0, 1_500_000_000 + i * 1000 + 0.5);
	utimesSync(`${root}/suid`, 0, 0);
	lutimesSync(`${root}/symlink`, 0, 1_234_567_890);
}

/** Adds what only the wider formats hold. */
function addLong(root: string): void {
	const deep = `${root}/${"deep-folder-name/".repeat(20)}`;
	mkdirSync(deep, { recursive: true });
	writeFileSync(`${deep}/${"f".repeat(255)}`, "long");
	symlinkSync("t/".repeat(2000), `${root}/long-target`);
	symlinkSync(`u/${"v".repeat(200)}`, `${root}/target-202`);
	const far = `${root}/sparse`;
	writeFileSync(far, "head");
	truncateSync(far, 5_000_000);
	const fd = Bun.file(far);
	if (fd.size !== 5_000_000) throw new Error("truncate");
	run("dd", "if=/dev/urandom", `of=${far}`, "bs=4096", "seek=300", "count=3", "conv=notrunc", "status=none");
	run("dd", "if=/dev/urandom", `of=${far}`, "bs=1000", "seek=4321", "count=1", "conv=notrunc", "status=none");
	truncateSync(far, 6_000_001);
	writeFileSync(`${root}/hole-only`, "");
	truncateSync(`${root}/hole-only`, 1 << 20);
	writeFileSync(`${root}/huge-hole`, "begin");
	truncateSync(`${root}/huge-hole`, 2 ** 38);
	run("dd", "if=/dev/urandom", `of=${root}/huge-hole`, "bs=4096", `seek=${2 ** 25}`, "count=2", "conv=notrunc", "status=none");
}

async function withMounted<T>(layer: LayerSource, use: (root: string) => T): Promise<T> {
	if (layer.kind === "folder") return use(layer.path);
	run("fsck.erofs", layer.path);
	const at = mkdtempSync(`${work}/mount-`);
	run("mount", "-t", "erofs", "-o", "ro", layer.path, at);
	try {
		return use(at);
	} finally {
		run("umount", at);
	}
}

const formats = [
	{ name: "v7", args: ["--format=v7"], long: false, xattrs: false },
	{ name: "ustar", args: ["--format=ustar"], long: false, xattrs: false },
	{ name: "oldgnu", args: ["--format=oldgnu", "-S"], long: true, xattrs: false },
	{ name: "gnu", args: ["--format=gnu", "-S"], long: true, xattrs: false },
	{ name: "gnu without sparse", args: ["--format=gnu", "--exclude=./huge-hole"], long: true, xattrs: false },
	...["0.0", "0.1", "1.0"].map((version) => ({
		name: `pax, sparse ${version}`,
		args: ["--format=posix", "--xattrs", "--xattrs-include=*", "-S", `--sparse-version=${version}`],
		long: true,
		xattrs: true,
	})),
];

beforeAll(() => {
	if (!isRoot) return;
	for (const format of formats) {
		const root = `${work}/${format.name}`;
		makeTree(root, format.xattrs);
		if (format.long) addLong(root);
		// v7 and ustar have no room for these.
		if (format.name === "v7") for (const name of ["char", "block", "fifo", "sticky"]) rmSync(`${root}/${name}`, { recursive: true });
		run("tar", "-C", root, "--sort=name", ...format.args, "-cf", `${root}.tar`, ".");
		mkdirSync(`${root}.untarred`);
		run("tar", "-C", `${root}.untarred`, "--xattrs", "--xattrs-include=*", "--same-owner", "-pxf", `${root}.tar`);
	}
}, 120_000);

describe.if(isRoot)("a layer shows what GNU tar unpacks", () => {
	for (const format of formats) {
		for (const kind of ["erofs", "folder"] as const) {
			test(`${format.name}, as ${kind}`, async () => {
				const tar = readFileSync(`${work}/${format.name}.tar`);
				const layer = await createLayer(streamOf(tar, 100_003), { layersDir: `${work}/layers`, diffID: digestOf(tar), kind });
				const options = { maxHashBytes: 1 << 28 };
				expect(await withMounted(layer, (at) => walk(at, options))).toEqual(walk(`${work}/${format.name}.untarred`, options));
			}, 60_000);
		}
	}

	test("a sparse layer is sparse on the host, and far smaller than its files", async () => {
		const tar = readFileSync(`${work}/gnu.tar`);
		const { path } = await createLayer(streamOf(tar), { layersDir: `${work}/layers-sparse`, diffID: digestOf(tar), kind: "erofs" });
		expect(statSync(path).blocks * 512).toBeLessThan(tar.length);
	});

	test("the same tar makes the same bytes, whatever the chunks and the compression", async () => {
		const tar = readFileSync(`${work}/gnu without sparse.tar`);
		const streams = [streamOf(tar), streamOf(tar, 511), streamOf(Bun.gzipSync(tar)), streamOf(Bun.zstdCompressSync(tar), 777)];
		const digests = new Set<string>();
		for (const [i, stream] of streams.entries()) {
			const { path } = await createLayer(stream, { layersDir: `${work}/same-${i}`, diffID: digestOf(tar), kind: "erofs" });
			digests.add(digestOf(readFileSync(path)));
		}
		expect(digests.size).toBe(1);
	});
});

describe.if(isRoot)("createLayer", () => {
	const tar = () => readFileSync(`${work}/ustar.tar`);

	test("verifies the stream when the layer is there, and leaves one alone that is known", async () => {
		const options = { layersDir: `${work}/again`, diffID: digestOf(tar()), kind: "erofs" } as const;
		const first = await createLayer(streamOf(tar()), options);
		const untouched = {
			[Symbol.asyncIterator]: (): AsyncIterator<Uint8Array> => {
				throw new Error("the stream was read");
			},
		};
		expect(await createLayer(untouched, { ...options, known: true })).toEqual(first);
		expect(await createLayer(streamOf(tar()), options)).toEqual(first);
		await expect(createLayer(streamOf(new Uint8Array(1024)), options)).rejects.toMatchObject({ code: "integrity" });
	});

	test("lets two that race both succeed, with one file", async () => {
		for (const kind of ["erofs", "folder"] as const) {
			const options = { layersDir: `${work}/race`, diffID: digestOf(tar()), kind } as const;
			const made = await Promise.all([1, 2, 3].map(() => createLayer(streamOf(tar()), options)));
			expect(new Set(made.map(({ path }) => path)).size).toBe(1);
		}
		expect(readdirSync(`${work}/race`).length).toBe(2);
	});

	test("passes on what the source throws, and leaves nothing behind", async () => {
		const failing = async function* () {
			yield Bun.gzipSync(tar()).subarray(0, 5000);
			throw new Error("the registry went away");
		};
		for (const kind of ["erofs", "folder"] as const) {
			const made = createLayer(failing(), { layersDir: `${work}/failing`, diffID: digestOf(tar()), kind });
			expect(made).rejects.toThrow("the registry went away");
			await made.catch(() => undefined);
		}
		expect(readdirSync(`${work}/failing`)).toEqual([]);
	});

	test("says when the disk is full, and leaves nothing behind", async () => {
		const full = `${work}/full`;
		mkdirSync(full);
		run("mount", "-t", "tmpfs", "-o", "size=256k", "none", full);
		try {
			for (const kind of ["erofs", "folder"] as const) {
				const made = createLayer(streamOf(tar()), { layersDir: `${full}/${kind}`, diffID: digestOf(tar()), kind });
				expect(await made.catch((error: Error) => error.message)).toContain("ENOSPC");
				expect(readdirSync(`${full}/${kind}`)).toEqual([]);
			}
		} finally {
			run("umount", full);
		}
	});

	test("works through a loop device, too, as kernels before 6.12 mount it", async () => {
		const { path } = await createLayer(streamOf(tar()), { layersDir: `${work}/loop`, diffID: digestOf(tar()), kind: "erofs" });
		const at = mkdtempSync(`${work}/mount-`);
		run("mount", "-t", "erofs", "-o", "ro,loop", path, at);
		try {
			expect(walk(at)).toEqual(walk(`${work}/ustar.untarred`));
		} finally {
			run("umount", at);
		}
	});

	test("names the layer by its digest", async () => {
		const options = { layersDir: `${work}/named`, diffID: digestOf(tar()), kind: "erofs" } as const;
		const { path } = await createLayer(new Blob([tar()]).stream(), options);
		expect(path).toBe(`${work}/named/sha256-${options.diffID.slice(7)}.erofs`);
		expect(existsSync(path)).toBe(true);
		copyFileSync(path, `${work}/copy.erofs`);
		run("fsck.erofs", `${work}/copy.erofs`);
	});
});

afterAll(() => rmSync(work, { recursive: true, force: true }), 120_000);

test("a last inode that would end with the file", async () => {
	// 64 bytes of nothing, 832 of the root's inode and entries, 50 empty files of 64: one block.
	const names = Array.from({ length: 50 }, (_, at) => (at === 0 ? "long".repeat(8) : String(at).padStart(2, "0")));
	const tar = archive(...names.map((name) => member({ name })));
	const layer = await createLayer(streamOf(tar), { layersDir: `${work}/exact`, diffID: digestOf(tar), kind: "erofs" });
	run("fsck.erofs", layer.path);
	expect(statSync(layer.path).size).toBe(3 * 4096);
});
