// Removal and garbage collection: what goes, and what must stay.

import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { makeImage, passwdLayer, type TestImage, temporaryFolder, writeImages } from "../../test/support/images.ts";
import { LOCK_SH } from "../linux/file.ts";
import { holdBlobs } from "./blobs.ts";
import { listImages } from "./list.ts";
import { pullImage } from "./pull.ts";
import { collectGarbage, removeImage } from "./remove.ts";
import { findImage, readEntries } from "./store.ts";

const top = (name: string) => makeImage({ layers: [passwdLayer, [{ path: name, kind: "file", data: name }]] });

/** A store with images a (names a:1, a:2), b and c; all share their lowest layer. */
async function fill(root: string): Promise<{ readonly a: TestImage; readonly b: TestImage; readonly c: TestImage }> {
	using layout = temporaryFolder();
	const images = { a: top("a"), b: top("b"), c: top("c") };
	writeImages(layout.path, { "x/a:1": images.a, "x/a:2": images.a, "x/b:1": images.b, "x/c:1": images.c });
	for (const name of ["x/a:1", "x/a:2", "x/b:1", "x/c:1"]) await pullImage(`oci:${layout.path}:${name}`, { root });
	return images;
}

function contain(root: string, id: string, content: unknown): void {
	mkdirSync(`${root}/containers/${id}`, { recursive: true });
	writeFileSync(`${root}/containers/${id}/container.json`, typeof content === "string" ? content : JSON.stringify(content));
}

const counts = (root: string) =>
	[`${root}/store/blobs/sha256`, `${root}/layers`, `${root}/records`].map((folder) => readdirSync(folder).length);

describe("removeImage", () => {
	test("takes a name; with the last one the image goes, but not what others share", async () => {
		using folder = temporaryFolder();
		const root = folder.path;
		const { a } = await fill(root);
		expect(counts(root)).toEqual([10, 4, 3]);
		expect(removeImage(root, "x/a:1", { force: false })).toEqual({ untagged: ["docker.io/x/a:1"], deleted: [] });
		expect(counts(root)).toEqual([10, 4, 3]);
		expect(removeImage(root, "x/a:2", { force: false })).toEqual({ untagged: ["docker.io/x/a:2"], deleted: [a.config.digest] });
		expect(counts(root)).toEqual([7, 3, 2]);
		expect(await findImage(root, "x/a:2")).toBeUndefined();
		expect((await findImage(root, "x/b:1"))?.layers.every(({ path }) => existsSync(path))).toBe(true);
		removeImage(root, "x/b:1", { force: false });
		removeImage(root, "x/c:1", { force: false });
		expect(counts(root)).toEqual([0, 0, 0]);
	});

	test("by ID all names go, with force when there are several", async () => {
		using folder = temporaryFolder();
		const { a, b } = await fill(folder.path);
		expect(() => removeImage(folder.path, a.config.digest, { force: false })).toThrow("it has the names docker.io/x/a:1, docker.io/x/a:2");
		expect(removeImage(folder.path, a.config.digest.slice(7, 19), { force: true }).untagged.length).toBe(2);
		expect(removeImage(folder.path, b.config.digest.slice(7), { force: false }).deleted).toEqual([b.config.digest]);
		expect((await listImages(folder.path)).map(({ name }) => name)).toEqual(["docker.io/x/c:1"]);
	});

	test("an image without a name goes by its ID", async () => {
		using folder = temporaryFolder();
		using layout = temporaryFolder();
		const [old, fresh] = [top("old"), top("fresh")];
		for (const image of [old, fresh]) {
			writeImages(layout.path, { "x/y:1": image });
			await pullImage(`oci:${layout.path}`, { root: folder.path });
		}
		expect(readEntries(folder.path).length).toBe(2);
		expect(removeImage(folder.path, old.config.digest, { force: false })).toEqual({ untagged: [], deleted: [old.config.digest] });
		expect(counts(folder.path)).toEqual([4, 2, 1]);
	});

	test("an image in use stays; with force its name goes and its layers stay", async () => {
		using folder = temporaryFolder();
		const root = folder.path;
		await fill(root);
		const record = await findImage(root, "x/b:1");
		const layers = record?.layers.map(({ path }) => path);
		contain(root, "f".repeat(64), { image: { digest: record?.digest }, layers });
		expect(() => removeImage(root, "x/b:1", { force: false })).toThrow('container "ffffffffffff" uses it');
		expect(removeImage(root, "x/c:1", { force: false }).deleted.length).toBe(1);
		expect(removeImage(root, "x/b:1", { force: true }).deleted).toEqual([record?.configDigest as never]);
		for (const path of layers ?? []) expect(existsSync(path)).toBe(true);
		rmSync(`${root}/containers`, { recursive: true });
		expect(collectGarbage(root)).toBe(1);
	});

	test("one of several names of an image in use may go", async () => {
		using folder = temporaryFolder();
		await fill(folder.path);
		const record = await findImage(folder.path, "x/a:1");
		contain(folder.path, "c", { image: null, layers: record?.layers.map(({ path }) => path) });
		expect(removeImage(folder.path, "x/a:1", { force: false }).deleted).toEqual([]);
	});

	test("a container.json that cannot be read keeps all layers", async () => {
		for (const content of ["{", '{"layers":{}}', '{"layers":[1]}', "null"]) {
			using folder = temporaryFolder();
			await fill(folder.path);
			contain(folder.path, "c", content);
			mkdirSync(`${folder.path}/containers/unfinished`);
			removeImage(folder.path, "x/b:1", { force: false });
			expect(counts(folder.path)).toEqual([7, 4, 2]);
		}
	});

	test("what is not there is not found, and nonsense is refused", async () => {
		using folder = temporaryFolder();
		const codeOf = (root: string, text: string) => {
			try {
				removeImage(root, text, { force: true });
			} catch (error) {
				return (error as { code: string }).code;
			}
			return "";
		};
		expect(codeOf("/nonexistent", "x")).toBe("not-found");
		await fill(folder.path);
		expect(codeOf(folder.path, "x")).toBe("not-found");
		expect(codeOf(folder.path, "f".repeat(64))).toBe("not-found");
		expect(codeOf(folder.path, "a")).toBe("not-found");
		expect(codeOf(folder.path, "../x")).toBe("invalid-argument");
		expect(counts(folder.path)).toEqual([10, 4, 3]);
	});
});

describe("collectGarbage", () => {
	test("removes leftovers, and nothing while somebody pulls", async () => {
		using folder = temporaryFolder();
		const root = folder.path;
		await fill(root);
		mkdirSync(`${root}/store/tmp/blob-x`);
		writeFileSync(`${root}/store/blobs/sha256/${"0".repeat(64)}`, "x");
		writeFileSync(`${root}/layers/sha256-${"0".repeat(64)}.erofs.tmp`, "x");
		mkdirSync(`${root}/layers/sha256-${"1".repeat(64)}`);
		writeFileSync(`${root}/records/x.json.1.tmp`, "x");
		{
			using _pull = holdBlobs(root, LOCK_SH);
			expect(collectGarbage(root)).toBe(0);
		}
		expect(collectGarbage(root)).toBe(5);
		expect(collectGarbage(root)).toBe(0);
		expect(counts(root)).toEqual([10, 4, 3]);
	});

	test("keeps what another tool has put into the store", async () => {
		using folder = temporaryFolder();
		await fill(folder.path);
		using layout = temporaryFolder();
		writeImages(layout.path, { x: top("foreign") });
		Bun.spawnSync(["skopeo", "copy", "-q", `oci:${layout.path}:x`, `oci:${folder.path}/store:foreign`]);
		expect(collectGarbage(folder.path)).toBe(0);
		expect(readEntries(folder.path).length).toBe(5);
		expect((await listImages(folder.path)).length).toBe(5); // and makes a record of it
	});

	test("does nothing where there is no store", () => expect(collectGarbage("/nonexistent")).toBe(0));
});
