// What a check finds, and what it heals: each thing that a power cut or a disk can do to a file of the store.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { makeImage, passwdLayer, serveFake, sha256, temporaryFolder } from "../../test/support/images.ts";
import { updateEntries } from "./blobs.ts";
import { type CheckOptions, checkStore } from "./check.ts";
import { listImages } from "./list.ts";
import { pullImage } from "./pull.ts";
import { readEntries, recordPath } from "./store.ts";

const registry = { patience: { stallMs: 2000, attempts: 3, backoffMs: 1 }, environment: {} };
const image = makeImage({ layers: [passwdLayer, [{ path: "a", kind: "file", data: "a".repeat(10_000) }]] });
const layer = (root: string) => `${root}/layers/${readdirSync(`${root}/layers`).sort()[0]}`;
const blob = (root: string, digest: string) => `${root}/store/blobs/${digest.replace(":", "/")}`;

/** A store with two images of one layer in common, damaged; then checked, healed and checked again. */
async function afterDamage(damage: (root: string) => void, options: Partial<CheckOptions> = {}) {
	using folder = temporaryFolder();
	using server = serveFake();
	server.add("1", image);
	server.add("2", makeImage({ layers: [passwdLayer] }));
	for (const tag of ["1", "2"]) await pullImage(`${server.host}/a:${tag}`, { root: folder.path, registry, layerKind: "erofs" });
	const before = readEntries(folder.path);
	damage(folder.path);
	const check = (repair: boolean) => checkStore(folder.path, { repair, quick: false, ...options });
	const found = await check(false);
	const healed = await check(true);
	const again = await check(false);
	for (const { record } of await listImages(folder.path)) for (const { path } of record.layers) expect(existsSync(path)).toBe(true);
	expect(readdirSync(`${folder.path}/store/tmp`)).toEqual([]);
	return {
		found: found.problems,
		healed: healed.problems,
		again: again.problems,
		kept: readEntries(folder.path).length,
		before: before.length,
	};
}

test("an image that claims another's layer is taken out, and the layer stays", async () => {
	using folder = temporaryFolder();
	using server = serveFake();
	server.add("1", image);
	await pullImage(`${server.host}/a:1`, { root: folder.path, registry, layerKind: "erofs" });
	const layers = readdirSync(`${folder.path}/layers`);
	const diffIDs = image.layers.map(({ tar }) => sha256(tar));
	const claiming = makeImage({
		layers: [passwdLayer, [{ path: "b", kind: "file" }]],
		config: (config) => ({ ...config, rootfs: { type: "layers", diff_ids: diffIDs } }),
	});
	for (const [digest, bytes] of claiming.blobs) writeFileSync(blob(folder.path, digest), bytes);
	const before = readEntries(folder.path);
	updateEntries(folder.path, (entries) => [...entries, claiming.manifest]);
	const { problems } = await checkStore(folder.path, { repair: true, quick: false });
	expect(problems).toMatchObject([{ why: expect.stringContaining("is not layer"), repaired: expect.stringContaining("taken out") }]);
	expect(readEntries(folder.path)).toEqual(before);
	expect(readdirSync(`${folder.path}/layers`)).toEqual(layers);
	expect((await checkStore(folder.path, { repair: false, quick: false })).problems).toEqual([]);
});

describe("checkStore", () => {
	test("finds nothing in a store that is whole, nor where there is none", async () => {
		expect(await afterDamage(() => undefined)).toMatchObject({ found: [], healed: [], again: [], kept: 2 });
		expect(await checkStore("/nowhere", { repair: true, quick: false })).toEqual({ images: 0, problems: [] });
	});

	for (const [what, damage] of [
		["zeros where a layer was", (root: string) => writeFileSync(layer(root), new Uint8Array(8192))],
		["a layer file of no bytes", (root: string) => truncateSync(layer(root), 0)],
		["a layer file cut short", (root: string) => truncateSync(layer(root), 4096)],
		[
			"a byte in the middle of a layer file",
			(root: string) => {
				const bytes = new Uint8Array(readFileSync(layer(root)));
				bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1;
				writeFileSync(layer(root), bytes);
			},
		],
		["a record of no bytes", (root: string) => writeFileSync(recordPath(root, image.manifest.digest), "")],
		["a missing layer file", (root: string) => rmSync(layer(root))],
	] as const) {
		test(`heals ${what}`, async () => {
			const { found, healed, again, kept } = await afterDamage(damage);
			expect(found.length).toBeGreaterThan(0);
			expect(healed.every(({ repaired }) => repaired !== undefined)).toBe(true);
			expect({ again, kept }).toEqual({ again: [], kept: 2 });
		});
	}

	for (const [what, damage] of [
		["a blob of no bytes", (root: string) => truncateSync(blob(root, image.layers[1]?.digest ?? ""), 0)],
		[
			"a blob with other bytes",
			(root: string) => writeFileSync(blob(root, image.layers[1]?.digest ?? ""), new Uint8Array(image.layers[1]?.size ?? 0)),
		],
		["a missing config", (root: string) => rmSync(blob(root, image.config.digest))],
		["a manifest that is none", (root: string) => writeFileSync(blob(root, image.manifest.digest), "{}")],
	] as const) {
		test(`takes out the image alone that has ${what}, and says how to bring it back`, async () => {
			const { found, healed, again, kept } = await afterDamage(damage);
			expect(found.length).toBeGreaterThan(0);
			expect(healed.some(({ repaired }) => repaired?.includes("corten pull"))).toBe(true);
			expect({ again, kept }).toEqual({ again: [], kept: 1 });
		});
	}

	test("makes a damaged index again from the records, without the names", async () => {
		const { healed, again, kept } = await afterDamage((root) => writeFileSync(`${root}/store/index.json`, "{"));
		expect(healed[0]?.repaired).toContain("names are lost");
		expect({ again, kept }).toEqual({ again: [], kept: 2 });
	});

	test("quick looks at sizes and superblocks", async () => {
		const { found } = await afterDamage((root) => truncateSync(layer(root), 4096), { quick: true });
		expect(found.length).toBe(1);
	});
});
