// Sixteen processes at one store: they pull, load, tag, remove, run, commit, collect and check at once. What one of them is told may only be what
// another has done: that a name is gone. At the end nothing is left over, and the store is whole. CORTEN_WHOLE=1: five minutes.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Result, run, top } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { makeImage, passwdLayer, serveFake, writeImages } from "../support/images.ts";
import { leftovers, remove } from "../support/leftovers.ts";

const folder = mkdtempSync(`${tmpdir()}/corten-concurrency-`);
const program = [`${top}/build/corten`, "--root", `${folder}/root`, "--runroot", `${folder}/run`];
const seconds = process.env.CORTEN_WHOLE === "1" ? 300 : 12;
const corten = (...args: readonly string[]): Promise<Result> => run([...program, ...args], { timeoutMs: 120_000 });

afterAll(async () => {
	await remove(folder);
	rmSync(folder, { recursive: true, force: true });
});

/** A shared layer of some size, so that pulls meet in the middle of it. */
const shared = Array.from({ length: 40 }, (_, index) => ({
	path: `shared/${index}`,
	kind: "file" as const,
	data: Uint8Array.from({ length: 50_000 }, (__, at) => (at * (index + 7) * 2654435761) >>> 24),
}));
const images = Array.from({ length: 4 }, (_, index) =>
	makeImage({ layers: [passwdLayer, shared, [{ path: `own-${index}`, kind: "file", data: String(index) }]] }),
);

beforeAll(async () => {
	writeImages(`${folder}/layout`, Object.fromEntries(images.map((image, index) => [`example.com/layout:${index}`, image])));
	const loaded = await corten("load", "-q", "-i", `${fixture("busybox")}/docker.tar`);
	expect(loaded.status).toBe(0);
	expect((await corten("tag", "busybox", "keep:1")).status).toBe(0);
	expect((await corten("save", "-o", `${folder}/saved.tar`, "busybox")).status).toBe(0);
});

/** What may be said to a user whose neighbour was faster; everything else is a fault. */
const neighbours = [
	/cannot find image/,
	/cannot find container/,
	/is not in the store/,
	/container "\w+" uses it/,
	/it has the names/,
	/cannot find artifact/,
	/cannot find container or image/,
	/cannot pull "(?:keep|tagged|busybox)/, // names that are nowhere, after their removal
	/already|in use/,
	/executable file not found/, // the name has moved to an image without programs
];

test(
	`sixteen processes for ${seconds} seconds: no error but what another has done, nothing left, and the store is whole`,
	async () => {
		using server = serveFake();
		images.forEach((image, index) => {
			server.add(String(index), image);
		});
		const names = images.map((_, index) => `${server.host}/app:${index}`);
		let seed = 1;
		const pick = <T>(list: readonly T[]): T => {
			seed = (seed * 1103515245 + 12345) >>> 0;
			return list[(seed >>> 8) % list.length] as T;
		};
		const jobs: readonly (() => readonly string[])[] = [
			() => ["pull", "-q", pick(names)],
			() => ["pull", "-q", `oci:${folder}/layout:example.com/layout:${pick(["0", "1", "2", "3"])}`],
			() => ["load", "-q", "-i", `${folder}/saved.tar`],
			() => ["tag", pick(["keep:1", ...names]), `tagged:${pick(["a", "b", "c"])}`],
			() => ["rmi", pick([...names, "tagged:a", "tagged:b", "tagged:c", "busybox"])],
			() => ["rmi", "-f", pick(names)],
			() => ["run", "--rm", "--network", "none", "--pull", "never", pick(["keep:1", "tagged:a", "busybox"]), "true"],
			() => ["run", "--rm", "--network", "none", "keep:1", "sh", "-c", "echo x > /x"],
			() => ["images", "-q"],
			() => ["store", "gc"],
			() => ["save", "-o", "/dev/null", "keep:1"],
			() => ["artifact", "add", "--replace", `files:${pick(["a", "b"])}`, `${folder}/${pick(["saved.tar", "layout/index.json"])}`],
			() => ["artifact", "extract", `files:${pick(["a", "b"])}`, "/dev/null"],
			() => ["artifact", "rm", `files:${pick(["a", "b"])}`],
			() => ["image", "inspect", pick(names)],
			() => ["store", "check", "--quick"],
		];
		const faults: string[] = [];
		const count = new Map<string, number>();
		const until = Date.now() + seconds * 1000;
		const worker = async () => {
			while (Date.now() < until && faults.length < 5) {
				const args = pick(jobs)();
				const { status, stderr } = await corten(...args);
				count.set(args[0] ?? "", (count.get(args[0] ?? "") ?? 0) + 1);
				if (status !== 0 && !neighbours.some((known) => known.test(stderr))) faults.push(`${args.join(" ")}: ${status}: ${stderr}`);
			}
		};
		await Promise.all(Array.from({ length: 16 }, worker));
		expect(faults).toEqual([]);
		expect(count.size).toBe(new Set(jobs.map((job) => job()[0])).size);
		expect((await corten("store", "gc")).status).toBe(0);
		expect(await corten("store", "check")).toMatchObject({ status: 0, stderr: "" });
		expect(readdirSync(`${folder}/root/store/tmp`)).toEqual([]);
		expect(readdirSync(`${folder}/root/containers`)).toEqual([]);
		expect(leftovers(folder)).toEqual([]);
		// With its last names gone, everything goes.
		await corten("artifact", "rm", "--all");
		const listed = await corten("images", "-q", "--no-trunc");
		for (const id of new Set(listed.stdout.trim().split("\n"))) if (id !== "") expect((await corten("rmi", "-f", id)).status).toBe(0);
		for (const place of ["store/blobs/sha256", "layers", "records"]) expect(readdirSync(`${folder}/root/${place}`)).toEqual([]);
		if (process.env.CORTEN_WHOLE === "1") console.log(Object.fromEntries(count));
	},
	(seconds + 240) * 1000,
);

test("two pulls at once of images that share layers fetch each blob once", async () => {
	using server = serveFake();
	images.forEach((image, index) => {
		server.add(String(index), image);
	});
	const results = await Promise.all(images.map((_, index) => corten("pull", "-q", `${server.host}/app:${index}`)));
	expect(results.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
	const fetched = server.seen.filter(({ method, path }) => method === "GET" && path.includes("/blobs/")).map(({ path }) => path);
	expect(fetched.length).toBe(new Set(fetched).size);
});
