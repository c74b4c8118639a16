// Removing a tree that means harm: links, odd names, depth beyond PATH_MAX.

import { afterAll, expect, test } from "bun:test";
import { existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Fd, O_CLOEXEC, O_RDONLY, openFd } from "../linux/file.ts";
import { check, cString, syscall } from "../linux/libc.ts";
import { nr } from "../linux/syscalls.ts";
import { removeTree } from "./tree.ts";

const base = mkdtempSync(`${tmpdir()}/corten-tree-`);
afterAll(() => rmSync(base, { recursive: true, force: true }));

test("a tree with links, fifos and odd names goes, and what the links point to stays", () => {
	mkdirSync(`${base}/outside`);
	writeFileSync(`${base}/outside/keep`, "kept");
	mkdirSync(`${base}/tree/a/b`, { recursive: true });
	symlinkSync(`${base}/outside`, `${base}/tree/a/link`);
	symlinkSync("/", `${base}/tree/a/b/slash`);
	linkSync(`${base}/outside/keep`, `${base}/tree/hard`);
	Bun.spawnSync(["mkfifo", `${base}/tree/fifo`]);
	Bun.spawnSync(["bash", "-c", `cd ${base}/tree && touch $'\\xff\\xfe' $'new\\nline' -- -rf && mkdir $'\\xc3' && chmod 0 a/b`]);
	removeTree(`${base}/tree`);
	expect(existsSync(`${base}/tree`)).toBe(false);
	expect(readFileSync(`${base}/outside/keep`, "utf8")).toBe("kept");
});

test("a tree deeper than PATH_MAX goes", () => {
	mkdirSync(`${base}/deep`);
	let folder = openFd(`${base}/deep`, O_RDONLY);
	for (let depth = 0; depth < 1500; depth++) {
		check(syscall(nr.mkdirat, folder.number, cString("folder"), 0o700), "cannot make folder");
		check(syscall(nr.mkdirat, folder.number, cString("other"), 0o700), "cannot make folder");
		const inner = new Fd(check(syscall(nr.openat, folder.number, cString("folder"), O_RDONLY | O_CLOEXEC, 0), "cannot open"));
		folder[Symbol.dispose]();
		folder = inner;
	}
	folder[Symbol.dispose]();
	removeTree(`${base}/deep`);
	expect(existsSync(`${base}/deep`)).toBe(false);
});

test("a folder with many files goes", () => {
	mkdirSync(`${base}/many`);
	for (let index = 0; index < 2500; index++) writeFileSync(`${base}/many/${"x".repeat(40)}${index}`, "");
	removeTree(`${base}/many`);
	expect(existsSync(`${base}/many`)).toBe(false);
});

test("what is not there is no error", () => removeTree(`${base}/none`));
