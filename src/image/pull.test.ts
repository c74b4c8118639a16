// Pulls from a registry in this process: what arrives, what is not fetched twice, what kills and damage leave behind.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { makeImage, makeIndex, passwdLayer, serveFake, temporaryFolder, writeImages } from "../../test/support/images.ts";
import { isError } from "../base/errors.ts";
import { listImages } from "./list.ts";
import { hostPlatform, parsePlatform } from "./platform.ts";
import { type PullOptions, pullImage } from "./pull.ts";
import { collectGarbage } from "./remove.ts";
import { findImage, readEntries, recordPath } from "./store.ts";

const registry = { patience: { stallMs: 2000, attempts: 3, backoffMs: 1 }, environment: {} };

function pull(root: string, text: string, options: Partial<PullOptions> = {}) {
	return pullImage(text, { root, registry, ...options });
}

describe("pullImage from a registry", () => {
	for (const docker of [false, true]) {
		for (const compression of ["gzip", "zstd", "none"] as const) {
			test(`an image with ${docker ? "docker" : "OCI"} media types and ${compression} layers`, async () => {
				using folder = temporaryFolder();
				using server = serveFake();
				const image = makeImage({ docker, compression });
				server.add("1", image);
				const result = await pull(folder.path, `${server.host}/a/b:1`);
				expect(result.names).toEqual([`${server.host}/a/b:1`]);
				expect(result.digest).toBe(image.manifest.digest);
				expect(result.record.configDigest).toBe(image.config.digest);
				expect(result.record.passwd).toBe("root:x:0:0::/root:/bin/sh\n");
				expect(result.record.group).toBe("root:x:0:\n");
				expect(result.record.size).toBe(image.layers[0]?.size ?? -1);
				expect(result.record.config.config).toEqual({
					user: "",
					exposedPorts: [],
					env: ["PATH=/bin"],
					entrypoint: [],
					cmd: ["sh"],
					volumes: [],
					workingDir: "/",
					labels: { a: "b" },
					stopSignal: "",
				});
				expect(await findImage(folder.path, `${server.host}/a/b:1`)).toEqual(result.record);
				for (const [digest, bytes] of image.blobs)
					expect(readFileSync(`${folder.path}/store/blobs/${digest.replace(":", "/")}`)).toEqual(Buffer.from(bytes));
			});
		}
	}

	test("everything is for root alone (CVE-2021-41091, CVE-2024-25621), and skopeo reads the store", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		const image = makeImage();
		server.add("1", image);
		await pull(folder.path, `${server.host}/a/b:1`);
		for (const name of readdirSync(folder.path, { recursive: true, encoding: "utf8" })) {
			const { mode } = statSync(`${folder.path}/${name}`);
			if (!/layers\/./.test(name))
				expect(`${name} ${(mode & 0o777).toString(8)}`).toBe(`${name} ${statSync(`${folder.path}/${name}`).isDirectory() ? 700 : 600}`);
		}
		const skopeo = Bun.spawnSync(["skopeo", "inspect", `oci:${folder.path}/store:${server.host}/a/b:1`]);
		expect(skopeo.stderr.toString()).toBe("");
		expect(JSON.parse(skopeo.stdout.toString())).toMatchObject({
			Digest: image.manifest.digest,
			Architecture: "amd64",
			Layers: [image.layers[0]?.digest],
		});
	});

	test("again asks for the manifest alone, and --pull=missing for nothing", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		server.add("1", makeImage());
		expect((await pull(folder.path, `${server.host}/a:1`)).changed).toBe(true);
		const index = readFileSync(`${folder.path}/store/index.json`, "utf8");
		server.seen.length = 0;
		expect((await pull(folder.path, `${server.host}/a:1`)).changed).toBe(false);
		expect(server.seen.map(({ path }) => path)).toEqual(["/v2/a/manifests/1"]);
		expect(readFileSync(`${folder.path}/store/index.json`, "utf8")).toBe(index);
		server.seen.length = 0;
		expect((await pull(folder.path, `${server.host}/a:1`, { policy: "missing" })).changed).toBe(false);
		expect(server.seen).toEqual([]);
	});

	test("all platforms of an index are kept, as blobs, and only this machine's becomes layer files", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		const mine = makeImage();
		const other = makeImage({ architecture: "s390x", layers: [[{ path: "other", kind: "file", data: "other" }]] });
		for (const image of [mine, other]) server.add("part", image);
		const entries = [mine, other].map(({ manifest }, index) => ({
			...manifest,
			platform: { os: "linux", architecture: index === 0 ? hostPlatform().architecture : "s390x" },
		}));
		const index = makeIndex(entries, server.blobs);
		server.manifests.set("1", { bytes: server.blobs.get(index.digest) ?? new Uint8Array(), mediaType: index.mediaType });
		const result = await pull(folder.path, `${server.host}/a/b:1`, { allPlatforms: true });
		expect(result.digest).toBe(index.digest);
		collectGarbage(folder.path);
		for (const digest of [index.digest, ...mine.blobs.keys(), ...other.blobs.keys()])
			expect(existsSync(`${folder.path}/store/blobs/${digest.replace(":", "/")}`)).toBe(true);
		expect(readdirSync(`${folder.path}/layers`).length).toBe(1);
	});

	test("layers that are there are not fetched again, and one blob used twice is fetched once", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		const top = [{ path: "top", kind: "file", data: "x" }] as const;
		server.add("1", makeImage());
		server.add("2", makeImage({ layers: [passwdLayer, top, top] }));
		await pull(folder.path, `${server.host}/a:1`);
		server.seen.length = 0;
		const { record } = await pull(folder.path, `${server.host}/a:2`);
		expect(server.seen.filter(({ path }) => path.includes("/blobs/")).length).toBe(2); // config and top
		expect(record.layers.length).toBe(3);
		expect(record.layers[1]).toEqual(record.layers[2] ?? expect.anything());
	});

	test("a moved tag leaves the old image without a name", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		const [old, fresh] = [makeImage(), makeImage({ layers: [[{ path: "new", kind: "file", data: "1" }]] })];
		server.add("1", old);
		await pull(folder.path, `${server.host}/a:1`);
		server.add("1", fresh);
		await pull(folder.path, `${server.host}/a:1`);
		expect((await findImage(folder.path, `${server.host}/a:1`))?.digest).toBe(fresh.manifest.digest);
		expect((await listImages(folder.path)).map(({ name, record }) => [name, record.digest]).sort()).toEqual([
			["", old.manifest.digest],
			[`${server.host}/a:1`, fresh.manifest.digest],
		]);
	});

	test("an index leads to the platform's manifest, and its digest finds the image", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		const [amd64, arm] = [makeImage({ architecture: "amd64" }), makeImage({ architecture: "arm", variant: "v6" })];
		for (const image of [amd64, arm]) server.add("x", image);
		const index = makeIndex(
			[
				{ ...amd64.manifest, platform: { os: "unknown", architecture: "unknown" } },
				{ ...arm.manifest, platform: { os: "linux", architecture: "arm", variant: "v6" } },
				{ ...amd64.manifest, platform: { os: "linux", architecture: "amd64" } },
			],
			server.blobs,
		);
		server.manifests.set("multi", { bytes: server.blobs.get(index.digest) ?? new Uint8Array(), mediaType: index.mediaType });
		server.manifests.set(index.digest, { bytes: server.blobs.get(index.digest) ?? new Uint8Array(), mediaType: index.mediaType });
		const name = `${server.host}/a:multi`;
		const result = await pull(folder.path, name);
		expect([result.digest, result.record.digest]).toEqual([index.digest, amd64.manifest.digest]);
		for (const text of [
			name,
			`${server.host}/a@${index.digest}`,
			`${server.host}/a@${amd64.manifest.digest}`,
			amd64.config.digest.slice(7, 19),
		]) {
			expect((await findImage(folder.path, text))?.digest).toBe(amd64.manifest.digest);
		}
		expect(await findImage(folder.path, `${server.host}/b@${index.digest}`)).toBeUndefined();
		const other = await pull(folder.path, name, { platform: parsePlatform("linux/arm/v7") });
		expect(other.record.digest).toBe(arm.manifest.digest);
		expect(await findImage(folder.path, name, parsePlatform("linux/amd64"))).toBeUndefined();
		const byDigest = await pull(folder.path, `${server.host}/a:ignored@${index.digest}`);
		expect(byDigest.names).toEqual([`${server.host}/a@${index.digest}`]);
		await expect(pull(folder.path, name, { platform: parsePlatform("linux/s390x") })).rejects.toMatchObject({ code: "not-found" });
	});

	test("an image of another platform is pulled with a warning, unless a platform is asked for", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		server.add("1", makeImage({ architecture: "s390x" }));
		expect((await pull(folder.path, `${server.host}/a:1`)).warning).toContain("is made for linux/s390x");
		await expect(pull(folder.path, `${server.host}/a:1`, { platform: parsePlatform("amd64") })).rejects.toMatchObject({
			code: "not-found",
		});
	});

	test("pulls at once do not hinder each other", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		for (let tag = 0; tag < 8; tag++)
			server.add(String(tag % 4), makeImage({ layers: [passwdLayer, [{ path: `f${tag % 4}`, kind: "file", data: "x" }]] }));
		const results = await Promise.all([...Array(8).keys()].map((tag) => pull(folder.path, `${server.host}/a:${tag % 4}`)));
		expect(readEntries(folder.path).length).toBe(4);
		for (const { record } of results) expect(record.layers.every(({ path }) => existsSync(path))).toBe(true);
		expect(collectGarbage(folder.path)).toBe(0);
	});

	test("a connection that breaks is taken up where it broke", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		const image = makeImage({ layers: [[{ path: "noise", kind: "file", data: crypto.getRandomValues(new Uint8Array(60_000)) }]] });
		server.add("1", image);
		const layer = image.layers[0]?.digest ?? "sha256:";
		let broken = 0;
		server.answer = (request, url) => {
			if (!url.pathname.endsWith(layer) || broken++ > 0 || request.headers.has("range")) return undefined;
			const bytes = image.blobs.get(layer) ?? new Uint8Array();
			const stream = new ReadableStream({
				start: async (controller) => {
					controller.enqueue(bytes.slice(0, 30_000));
					await Bun.sleep(20);
					controller.error(new Error("broken"));
				},
			});
			return new Response(stream);
		};
		await pull(folder.path, `${server.host}/a:1`);
		expect(server.seen.filter(({ path }) => path.endsWith(layer)).map(({ range }) => range)).toEqual([null, "bytes=30000-"]);
	});

	test("a killed pull leaves nothing that the next one does not use or clean", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		const image = makeImage({ layers: [passwdLayer, [{ path: "x", kind: "file", data: "x".repeat(1000) }]] });
		server.add("1", image);
		const asked = Promise.withResolvers<void>();
		let stall = true;
		server.answer = (_request, url) => {
			if (!stall || !url.pathname.endsWith(image.layers[1]?.digest ?? "")) return undefined;
			asked.resolve();
			return new Response(
				new ReadableStream({
					start: (controller) => controller.enqueue(new Uint8Array(3)),
					pull: () => new Promise<void>(() => undefined),
				}),
			);
		};
		const program = `import { pullImage } from ${JSON.stringify(`${import.meta.dir}/pull.ts`)}; await pullImage(${JSON.stringify(`${server.host}/a:1`)}, { root: ${JSON.stringify(folder.path)} });`;
		const child = Bun.spawn([process.execPath, "-e", program], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
		await asked.promise;
		child.kill("SIGKILL");
		await child.exited;
		stall = false;
		expect(readEntries(folder.path)).toEqual([]);
		await pull(folder.path, `${server.host}/a:1`);
		expect(readdirSync(`${folder.path}/store/tmp`)).toEqual([]);
		expect(readdirSync(`${folder.path}/store/blobs/sha256`).length).toBe(4);
	});
});

describe("findImage", () => {
	test("makes a lost or damaged record and a lost layer again from the blobs", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		server.add("1", makeImage());
		const { record } = await pull(folder.path, `${server.host}/a:1`);
		const path = recordPath(folder.path, record.digest);
		const damages: (() => void)[] = [
			() => rmSync(path),
			() => writeFileSync(path, "{"),
			() => writeFileSync(path, "null"),
			() => writeFileSync(path, JSON.stringify({ ...record, layers: [] })),
			() => writeFileSync(path, JSON.stringify({ ...record, layers: [{ kind: "erofs", path: "/etc/passwd" }] })),
			() => rmSync(record.layers[0]?.path ?? "", { recursive: true }),
		];
		for (const damage of damages) {
			damage();
			expect(await findImage(folder.path, `${server.host}/a:1`)).toEqual(record);
		}
	});

	test("finds nothing when a blob is lost too, and a pull heals it", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		const image = makeImage();
		server.add("1", image);
		const { record } = await pull(folder.path, `${server.host}/a:1`);
		const blob = `${folder.path}/store/blobs/${image.layers[0]?.digest.replace(":", "/")}`;
		for (const damage of [
			() => rmSync(blob),
			() => writeFileSync(blob, "short"),
			() => writeFileSync(blob, Buffer.alloc(image.layers[0]?.size ?? 0)),
		]) {
			damage();
			rmSync(recordPath(folder.path, record.digest));
			rmSync(record.layers[0]?.path ?? "", { recursive: true });
			expect(await findImage(folder.path, `${server.host}/a:1`)).toBeUndefined();
			expect((await pull(folder.path, `${server.host}/a:1`, { policy: "missing" })).record).toEqual(record);
		}
	});

	test("refuses an ID that begins two images, and a damaged index", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		const seen = new Map<string, string>();
		// 17 images have two IDs of the same first digit; three digits are needed, so make records by hand.
		server.add("1", makeImage());
		server.add("2", makeImage({ layers: [[{ path: "x", kind: "file" }]] }));
		for (const tag of ["1", "2"]) {
			const { record } = await pull(folder.path, `${server.host}/a:${tag}`);
			writeFileSync(
				recordPath(folder.path, record.digest),
				JSON.stringify({ ...record, configDigest: `sha256:abc${tag}${"0".repeat(60)}` }),
			);
			seen.set(tag, record.digest);
		}
		await expect(findImage(folder.path, "abc")).rejects.toMatchObject({ code: "invalid-argument" });
		expect((await findImage(folder.path, "abc2"))?.digest).toBe(seen.get("2") as never);
		expect((await findImage(folder.path, `sha256:abc1${"0".repeat(60)}`))?.digest).toBe(seen.get("1") as never);
		expect(await findImage(folder.path, "f".repeat(64))).toBeUndefined();
		writeFileSync(`${folder.path}/store/index.json`, '{"manifests":[{"digest":"../../x"}]}');
		const error = await findImage(folder.path, "abc").catch((caught: unknown) => caught);
		expect(isError(error, "invalid-spec")).toBe(true);
	});

	test("finds nothing when all blobs are lost, and a pull heals it", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		server.add("1", makeImage());
		const { record } = await pull(folder.path, `${server.host}/a:1`);
		for (const name of ["store/blobs", "store/tmp", "layers", "records"]) rmSync(`${folder.path}/${name}`, { recursive: true });
		expect(await findImage(folder.path, `${server.host}/a:1`)).toBeUndefined();
		expect((await pull(folder.path, `${server.host}/a:1`)).record).toEqual(record);
	});

	test("finds nothing where there is no store", async () => {
		expect(await findImage("/nonexistent", "alpine")).toBeUndefined();
	});
});

describe("an image whose config names a layer that is not its own", () => {
	const own = makeImage({ layers: [passwdLayer, [{ path: "secret", kind: "file", data: "of another image" }]] });
	const diffID = (at: number) => `sha256:${Bun.SHA256.hash(own.layers[at]?.tar ?? "", "hex")}`;
	const bait = [{ path: "bait", kind: "file", data: "bait" }] as const;
	const claiming = makeImage({
		layers: [passwdLayer, bait],
		config: (config) => ({ ...config, rootfs: { type: "layers", diff_ids: [diffID(0), diffID(1)] } }),
	});
	for (const [what, others] of [
		["that is here", [own]],
		["that is here, by a blob that is here too", [own, makeImage({ layers: [bait] })]],
		["that a container has kept alone", [own, undefined]],
	] as const) {
		test(`is refused, and is not shown it: a layer ${what}`, async () => {
			using folder = temporaryFolder();
			using server = serveFake();
			for (const [at, other] of others.entries()) {
				if (other === undefined) {
					// Named by nothing, as after rmi -f.
					for (const name of readdirSync(`${folder.path}/store/blobs/sha256`)) rmSync(`${folder.path}/store/blobs/sha256/${name}`);
					continue;
				}
				server.add(`other-${at}`, other);
				await pull(folder.path, `${server.host}/a:other-${at}`);
			}
			server.add("claiming", claiming);
			const before = readEntries(folder.path);
			await expect(pull(folder.path, `${server.host}/a:claiming`)).rejects.toMatchObject({ code: "integrity" });
			expect(readEntries(folder.path)).toEqual(before);
			expect(readdirSync(`${folder.path}/layers`)).toContain(`${diffID(1).replace(":", "-")}.erofs`);
		});
	}
});

test("an image with names of skopeo's making is read too", async () => {
	using folder = temporaryFolder();
	using layout = temporaryFolder();
	writeImages(layout.path, { "docker.io/library/x:1": makeImage() });
	await pull(folder.path, `oci:${layout.path}:x:1`);
	const copied = Bun.spawnSync([
		"skopeo",
		"copy",
		"-q",
		`oci:${layout.path}:docker.io/library/x:1`,
		`oci:${folder.path}/store:docker.io/library/y:2`,
	]);
	expect(copied.stderr.toString()).toBe("");
	expect((await findImage(folder.path, "y:2"))?.digest).toBe((await findImage(folder.path, "x:1"))?.digest as never);
});
