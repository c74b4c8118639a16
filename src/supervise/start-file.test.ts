// start.json: written, read back, and refused when it is another's.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { readRestarts, readStartFile, type StartFile, writeStartFile } from "./start-file.ts";

let folder = "";
beforeAll(() => {
	folder = mkdtempSync(`${tmpdir()}/corten-start-`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const plain: StartFile = {
	rootfs: { kind: "layers", layers: [{ kind: "erofs", path: "/l.erofs" }], upper: { upperDir: "/u", workDir: "/w" } },
	files: [{ source: "/f/hosts", content: "127.0.0.1\tlocalhost\n" }],
	pidFile: "",
	restart: { name: "on-failure", retries: 3 },
	sdnotify: "conmon",
	register: false,
	unit: "corten-web.service",
};

test.each([
	["with layers", plain],
	["read-only", { ...plain, rootfs: { kind: "layers", layers: [] } }],
	["a folder", { ...plain, rootfs: { kind: "folder", path: "/r" } }],
] as const)("what is written is read back: %s", (_, content) => {
	writeStartFile(folder, content as StartFile);
	expect(readStartFile(folder)).toEqual(content as StartFile);
});

test("none is there: the container was for one start; no count: no restart", () => {
	expect(readStartFile(`${folder}/absent`)).toBeUndefined();
	expect(readRestarts(folder)).toBe(0);
	writeFileSync(`${folder}/restarts`, "4\n");
	expect(readRestarts(folder)).toBe(4);
});

test("a document of another kind is refused", () => {
	writeFileSync(`${folder}/start.json`, JSON.stringify({ ...plain, restart: { name: "sometimes", retries: 0 } }));
	expect(() => readStartFile(folder)).toThrow("restart");
});
