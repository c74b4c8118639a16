// Pulls that break off, and the next ones that go on: what was there is not asked for again, and believed only when its digest is right.

import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { type FakeRegistry, makeImage, passwdLayer, serveFake, type TestImage, temporaryFolder } from "../../test/support/images.ts";
import { isWorthKeeping } from "./partial-blob.ts";
import { pullImage } from "./pull.ts";
import { collectGarbage } from "./remove.ts";
import { blobPath } from "./store.ts";

const pull = (root: string, server: FakeRegistry, stallMs = 30_000) =>
	pullImage(`${server.host}/a:1`, { root, registry: { patience: { stallMs, attempts: 1, backoffMs: 1 }, environment: {} } });
const noise = Uint8Array.from({ length: 3 << 20 }, (_, at) => (at * 2654435761) >>> 23);
const image = makeImage({ layers: [[...passwdLayer, { path: "big", kind: "file", data: noise }]], compression: "none" });
const layer = image.layers[0] as TestImage["layers"][number];

/** Serves the layer up to a byte, and then nothing for as long as anybody waits. */
function breaking(server: FakeRegistry, at: number): void {
	server.answer = (_, url) => {
		if (!url.pathname.endsWith(layer.digest)) return undefined;
		return new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(layer.tar.subarray(0, at))) }));
	};
}

/** @returns the file of what has come, after a pull that broke off */
async function breakOff(root: string, server: FakeRegistry, at: number): Promise<string> {
	server.add("1", image);
	breaking(server, at);
	await expect(pull(root, server, 300)).rejects.toMatchObject({ code: "unavailable" });
	server.answer = () => undefined;
	server.seen.length = 0;
	return `${root}/store/tmp/partial-${layer.digest.replace(":", "-")}`;
}
const asked = (server: FakeRegistry) => server.seen.filter(({ path }) => path.endsWith(layer.digest)).map(({ range }) => range);

test("a pull goes on where the one before broke off, and what has become of it is the blob", async () => {
	using folder = temporaryFolder();
	using server = serveFake();
	const partial = await breakOff(folder.path, server, 2 << 20);
	expect(readFileSync(partial).length).toBe(2 << 20);
	await pull(folder.path, server);
	expect(asked(server)).toEqual([`bytes=${2 << 20}-`]);
	expect(readFileSync(blobPath(folder.path, layer.digest))).toEqual(Buffer.from(layer.tar));
	expect(readdirSync(`${folder.path}/store/tmp`)).toEqual([]);
});

test("little is not kept", async () => {
	using folder = temporaryFolder();
	using server = serveFake();
	const partial = await breakOff(folder.path, server, 1000);
	expect(existsSync(partial)).toBe(false);
});

for (const [what, asks, damage] of [
	["other bytes", [`bytes=${2 << 20}-`, null], (partial: string) => writeFileSync(partial, new Uint8Array(2 << 20))],
	["as many other bytes as there are", [null], (partial: string) => writeFileSync(partial, new Uint8Array(layer.size))],
	["more bytes than there are", [null], (partial: string) => writeFileSync(partial, new Uint8Array(layer.size + 1))],
	["all bytes, and no name yet", [], (partial: string) => writeFileSync(partial, layer.tar)],
	["none", [null], (partial: string) => truncateSync(partial)],
] as const) {
	test(`what a power cut has made of it is believed when its digest is right: ${what}`, async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		damage(await breakOff(folder.path, server, 2 << 20));
		await pull(folder.path, server);
		expect(asked(server)).toEqual([...asks]);
		expect(readFileSync(blobPath(folder.path, layer.digest))).toEqual(Buffer.from(layer.tar));
		expect(readdirSync(`${folder.path}/store/tmp`)).toEqual([]);
	});
}

test("a registry that has other bytes than it said leaves nothing, however they came", async () => {
	using folder = temporaryFolder();
	using server = serveFake();
	await breakOff(folder.path, server, 2 << 20);
	server.answer = (_, url) => (url.pathname.endsWith(layer.digest) ? new Response(new Uint8Array(layer.size)) : undefined);
	await expect(pull(folder.path, server)).rejects.toMatchObject({ code: "integrity" });
	expect(readdirSync(`${folder.path}/store/tmp`).filter((name) => name.startsWith("partial"))).toEqual([]);
});

test("garbage collection keeps it for a day, and takes it when that is said", async () => {
	using folder = temporaryFolder();
	using server = serveFake();
	const partial = await breakOff(folder.path, server, 2 << 20);
	collectGarbage(folder.path);
	expect(existsSync(partial)).toBe(true);
	expect(isWorthKeeping("partial-x", { size: 2 << 20, mtimeMs: 0 }, 86_400_001)).toBe(false);
	expect(isWorthKeeping("blob-x", { size: 2 << 20, mtimeMs: 0 }, 0)).toBe(false);
	utimesSync(partial, 0, 0);
	collectGarbage(folder.path);
	expect(existsSync(partial)).toBe(false);
	await breakOff(folder.path, server, 2 << 20);
	collectGarbage(folder.path, { partial: true });
	expect(existsSync(partial)).toBe(false);
});
