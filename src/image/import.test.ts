// Layouts and archives as sources, honest and hostile.

import { describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type TarEntry, writeTar } from "../../scripts/lib/tar.ts";
import { makeImage, makeIndex, passwdLayer, sha256, type TestImage, temporaryFolder, writeImages } from "../../test/support/images.ts";
import { CortenError } from "../base/errors.ts";
import { pullImage } from "./pull.ts";
import { builtinLayout } from "./sources/builtin.ts";
import { findImage, readEntries } from "./store.ts";

async function errorOf(root: string, text: string): Promise<CortenError> {
	const error = await pullImage(text, { root }).catch((caught: unknown) => caught);
	if (!(error instanceof CortenError)) throw new Error(`expected an error, not ${JSON.stringify(error)}`);
	expect(readEntries(root)).toEqual([]);
	expect(readdirSync(`${root}/store/tmp`)).toEqual([]);
	return error;
}

describe("oci:PATH[:NAME]", () => {
	test("one image needs no name; names become full ones", async () => {
		for (const [own, stored] of [
			["docker.io/library/x:3", "docker.io/library/x:3"],
			["3.20", "localhost/some-app:3.20"],
			["", "localhost/some-app:latest"],
			["app:2", "localhost/app:2"],
		] as const) {
			using folder = temporaryFolder();
			const layout = `${folder.path}/Some_App`;
			writeImages(layout, { [own]: makeImage() });
			const result = await pullImage(`oci:${layout}`, { root: `${folder.path}/root` });
			expect(result.names).toEqual([stored]);
			expect((await findImage(`${folder.path}/root`, stored))?.digest).toBe(result.record.digest);
		}
	});

	test("of several the named one is taken, by full or short name", async () => {
		using folder = temporaryFolder();
		const [a, b] = [makeImage(), makeImage({ layers: [[{ path: "b", kind: "file" }]] })];
		writeImages(`${folder.path}/layout`, { "docker.io/library/a:1": a, "docker.io/library/b:1": b });
		const root = `${folder.path}/root`;
		expect((await errorOf(root, `oci:${folder.path}/layout`)).code).toBe("invalid-argument");
		expect((await errorOf(root, `oci:${folder.path}/layout:c`)).code).toBe("not-found");
		expect((await pullImage(`oci:${folder.path}/layout:b:1`, { root })).record.digest).toBe(b.manifest.digest);
		expect((await pullImage(`oci:${folder.path}/layout:docker.io/library/a:1`, { root })).record.digest).toBe(a.manifest.digest);
	});

	test("what is in the store already is not read again", async () => {
		using folder = temporaryFolder();
		const image = makeImage();
		writeImages(`${folder.path}/layout`, { "a/b:1": image });
		const root = `${folder.path}/root`;
		expect((await pullImage(`oci:${folder.path}/layout`, { root })).changed).toBe(true);
		rmSync(`${folder.path}/layout/blobs/${image.layers[0]?.digest.replace(":", "/")}`);
		expect((await pullImage(`oci:${folder.path}/layout`, { root, policy: "missing" })).changed).toBe(false);
	});

	const hostile: [name: string, code: string, bend: (layout: string, image: TestImage) => void][] = [
		["no layout file", "not-found", (layout) => rmSync(`${layout}/oci-layout`)],
		["a layout of another version", "unsupported", (layout) => writeFileSync(`${layout}/oci-layout`, '{"imageLayoutVersion":"2.0.0"}')],
		["no index", "not-found", (layout) => rmSync(`${layout}/index.json`)],
		[
			"an index that is a manifest",
			"invalid-spec",
			(layout, image) => writeFileSync(`${layout}/index.json`, image.blobs.get(image.manifest.digest) ?? ""),
		],
		[
			"an index that is a FIFO",
			"invalid-spec",
			(layout) => {
				rmSync(`${layout}/index.json`);
				Bun.spawnSync(["mkfifo", `${layout}/index.json`]);
			},
		],
		[
			"an index that is a folder",
			"invalid-spec",
			(layout) => {
				rmSync(`${layout}/index.json`);
				mkdirSync(`${layout}/index.json`);
			},
		],
		["an empty index", "not-found", (layout) => writeFileSync(`${layout}/index.json`, '{"schemaVersion":2,"manifests":[]}')],
		[
			"an index with a digest that is a path",
			"invalid-spec",
			(layout) =>
				writeFileSync(
					`${layout}/index.json`,
					'{"schemaVersion":2,"manifests":[{"mediaType":"a/b","size":1,"digest":"sha256:../../../../etc/passwd"}]}',
				),
		],
		["a missing manifest", "not-found", (layout, image) => rmSync(`${layout}/blobs/${image.manifest.digest.replace(":", "/")}`)],
		[
			"a manifest with other bytes",
			"integrity",
			(layout, image) => writeFileSync(`${layout}/blobs/${image.manifest.digest.replace(":", "/")}`, Buffer.alloc(image.manifest.size)),
		],
		[
			"a layer with other bytes",
			"integrity",
			(layout, image) =>
				writeFileSync(`${layout}/blobs/${image.layers[0]?.digest.replace(":", "/")}`, Buffer.alloc(image.layers[0]?.size ?? 0)),
		],
		[
			"a layer that is longer",
			"integrity",
			(layout, image) => writeFileSync(`${layout}/blobs/${image.layers[0]?.digest.replace(":", "/")}`, Buffer.alloc(1 << 20)),
		],
		[
			"a layer that is a link to the host",
			"not-found",
			(layout, image) => {
				const blob = `${layout}/blobs/${image.layers[0]?.digest.replace(":", "/")}`;
				copyFileSync(blob, `${layout}/../outside`);
				rmSync(blob);
				symlinkSync(`${layout}/../outside`, blob);
			},
		],
		[
			"a layer that is a magic link",
			"not-found",
			(layout, image) => {
				const blob = `${layout}/blobs/${image.layers[0]?.digest.replace(":", "/")}`;
				rmSync(blob);
				symlinkSync("/proc/self/fd/0", blob);
			},
		],
	];
	for (const [name, code, bend] of hostile) {
		test(name, async () => {
			using folder = temporaryFolder();
			const image = makeImage();
			writeImages(`${folder.path}/layout`, { "a/b:1": image });
			bend(`${folder.path}/layout`, image);
			const error = await errorOf(`${folder.path}/root`, `oci:${folder.path}/layout`);
			expect(error.code).toBe(code as never);
		});
	}

	test("an index in the layout leads to the platform", async () => {
		using folder = temporaryFolder();
		const [a, b] = [makeImage({ architecture: "amd64" }), makeImage({ architecture: "arm64" })];
		writeImages(folder.path, { a, b });
		const blobs = new Map<string, Uint8Array>();
		const index = makeIndex(
			[
				{ ...b.manifest, platform: { os: "linux", architecture: "arm64" } },
				{ ...a.manifest, platform: { os: "linux", architecture: "amd64" } },
			],
			blobs,
		);
		writeFileSync(`${folder.path}/blobs/${index.digest.replace(":", "/")}`, blobs.get(index.digest) ?? "");
		writeFileSync(`${folder.path}/index.json`, JSON.stringify({ schemaVersion: 2, manifests: [index] }));
		using root = temporaryFolder();
		const result = await pullImage(`oci:${folder.path}`, { root: root.path, platform: { os: "linux", architecture: "arm64" } });
		expect([result.digest, result.record.digest]).toEqual([index.digest, b.manifest.digest]);
	});
});

/** An archive as docker save wrote before version 25. */
function archive(
	images: readonly { readonly image: TestImage; readonly tags: readonly string[] | null; readonly layers?: readonly string[] }[],
	more: readonly TarEntry[] = [],
): Uint8Array {
	const entries: TarEntry[] = [];
	const manifest = images.map(({ image, tags, layers }, at) => {
		entries.push({ path: `${image.config.digest.slice(7)}.json`, kind: "file", data: image.blobs.get(image.config.digest) ?? "" });
		const names =
			layers ??
			image.layers.map((layer, number) => {
				entries.push({ path: `${at}-${number}/layer.tar`, kind: "file", data: layer.tar });
				return `${at}-${number}/layer.tar`;
			});
		return { Config: `${image.config.digest.slice(7)}.json`, RepoTags: tags, Layers: names };
	});
	return writeTar([...entries, ...more, { path: "manifest.json", kind: "file", data: JSON.stringify(manifest) }]);
}

describe("docker-archive:PATH[:NAME]", () => {
	test("what it brings has the same layers and ID as the image, plain, gzip and zstd", async () => {
		const image = makeImage({ layers: [passwdLayer, [{ path: "x", kind: "file", data: "y" }]] });
		const bytes = archive([{ image, tags: ["app:1", "other.example/app:2"] }]);
		const digests = new Set<string>();
		for (const packed of [bytes, Bun.gzipSync(new Uint8Array(bytes)), Bun.zstdCompressSync(bytes)]) {
			using folder = temporaryFolder();
			writeFileSync(`${folder.path}/a.tar`, packed);
			const result = await pullImage(`docker-archive:${folder.path}/a.tar`, { root: `${folder.path}/root` });
			expect(result.names).toEqual(["docker.io/library/app:1", "other.example/app:2"]);
			expect(result.record.configDigest).toBe(image.config.digest);
			expect(result.record.config.diffIDs).toEqual(image.layers.map(({ tar }) => sha256(tar)));
			expect(result.record.passwd).toContain("root:");
			expect(readdirSync(`${folder.path}/root/store/tmp`)).toEqual([]);
			digests.add(result.digest);
		}
		expect(digests.size).toBe(1);
	});

	test("real skopeo's archive, and docker's OCI-shaped one with compressed layers", async () => {
		using folder = temporaryFolder();
		const image = makeImage();
		writeImages(`${folder.path}/layout`, { "docker.io/library/x:1": image });
		const made = Bun.spawnSync([
			"skopeo",
			"copy",
			"-q",
			`oci:${folder.path}/layout:docker.io/library/x:1`,
			`docker-archive:${folder.path}/a.tar:docker.io/library/y:2`,
		]);
		expect(made.stderr.toString()).toBe("");
		const result = await pullImage(`docker-archive:${folder.path}/a.tar`, { root: `${folder.path}/root` });
		expect(result.names).toEqual(["docker.io/library/y:2"]);
		expect(result.record.config.diffIDs).toEqual([sha256(image.layers[0]?.tar ?? "")]);

		const blob = (digest: string) => `blobs/${digest.replace(":", "/")}`;
		const entries: TarEntry[] = [...image.blobs].map(([digest, data]) => ({ path: blob(digest), kind: "file", data }));
		const manifest = [{ Config: blob(image.config.digest), RepoTags: null, Layers: image.layers.map(({ digest }) => blob(digest)) }];
		writeFileSync(`${folder.path}/b.tar`, writeTar([...entries, { path: "manifest.json", kind: "file", data: JSON.stringify(manifest) }]));
		const untagged = await pullImage(`docker-archive:${folder.path}/b.tar`, { root: `${folder.path}/root` });
		expect([untagged.names, untagged.record.configDigest]).toEqual([[], image.config.digest]);
		expect((await findImage(`${folder.path}/root`, image.config.digest.slice(7, 19)))?.configDigest).toBe(image.config.digest);
	});

	test("of several images the named one is taken, by tag or position", async () => {
		using folder = temporaryFolder();
		const [a, b] = [makeImage(), makeImage({ layers: [[{ path: "b", kind: "file" }]] })];
		writeFileSync(
			`${folder.path}/a.tar`,
			archive([
				{ image: a, tags: ["a:1", "a:2"] },
				{ image: b, tags: ["b:1"] },
			]),
		);
		const root = `${folder.path}/root`;
		expect((await errorOf(root, `docker-archive:${folder.path}/a.tar`)).code).toBe("invalid-argument");
		expect((await errorOf(root, `docker-archive:${folder.path}/a.tar:c`)).code).toBe("not-found");
		expect((await errorOf(root, `docker-archive:${folder.path}/a.tar:@2`)).code).toBe("not-found");
		expect((await pullImage(`docker-archive:${folder.path}/a.tar:a:2`, { root })).names).toEqual(["docker.io/library/a:2"]);
		const second = await pullImage(`docker-archive:${folder.path}/a.tar:@1`, { root });
		expect([second.names, second.record.configDigest]).toEqual([["docker.io/library/b:1"], b.config.digest]);
	});

	test("a layer that is a link to another image's layer, as old docker wrote", async () => {
		using folder = temporaryFolder();
		const image = makeImage();
		const links: TarEntry[] = [
			{ path: "first/layer.tar", kind: "file", data: image.layers[0]?.tar ?? "" },
			{ path: "second/layer.tar", kind: "symlink", target: "../first/layer.tar" },
		];
		writeFileSync(`${folder.path}/a.tar`, archive([{ image, tags: ["a:1"], layers: ["second/layer.tar"] }], links));
		expect((await pullImage(`docker-archive:${folder.path}/a.tar`, { root: `${folder.path}/root` })).record.passwd).toContain("root");
	});

	const file = (path: string, data: string): TarEntry => ({ path, kind: "file", data });
	const json = (value: unknown) => file("manifest.json", JSON.stringify(value));
	const image = makeImage();
	const hostile: [name: string, code: string, bytes: Uint8Array][] = [
		["no tar", "invalid-spec", new Uint8Array(5000).fill(65)],
		["an empty file", "invalid-spec", new Uint8Array()],
		["a truncated tar", "invalid-spec", archive([{ image, tags: [] }]).subarray(0, 1500)],
		["a truncated gzip", "integrity", Bun.gzipSync(new Uint8Array(archive([{ image, tags: [] }]))).subarray(0, 200)],
		["no manifest.json", "invalid-spec", writeTar([file("x", "y")])],
		["manifest.json twice", "invalid-spec", writeTar([json([]), json([])])],
		["manifest.json by another spelling, too", "invalid-spec", writeTar([json([]), file("x/../manifest.json", "[]")])],
		[
			"manifest.json that is a link to itself",
			"invalid-spec",
			writeTar([{ path: "manifest.json", kind: "symlink", target: "manifest.json" }]),
		],
		[
			"manifest.json that is a link to the host",
			"invalid-spec",
			writeTar([{ path: "manifest.json", kind: "symlink", target: "/etc/passwd" }]),
		],
		["manifest.json that is a device", "invalid-spec", writeTar([{ path: "manifest.json", kind: "character", major: 1, minor: 5 }])],
		["manifest.json that is no list", "invalid-spec", writeTar([json({})])],
		["an empty list", "not-found", writeTar([json([])])],
		["a config on the host", "invalid-spec", writeTar([json([{ Config: "../../../etc/passwd", Layers: [] }])])],
		["a layer on the host", "invalid-spec", archive([{ image, tags: [], layers: ["/etc/passwd"] }])],
		[
			"a layer that links to the host",
			"invalid-spec",
			archive([{ image, tags: [], layers: ["l"] }], [{ path: "l", kind: "symlink", target: "../../../../etc/passwd" }]),
		],
		["no layers", "invalid-spec", archive([{ image, tags: [], layers: [] }])],
		["a tag that is none (CVE-2026-50195)", "invalid-spec", archive([{ image, tags: ["../../x"] }])],
		[
			"a layer that is not the config's",
			"integrity",
			archive([{ image, tags: [], layers: ["l"] }], [{ path: "l", kind: "file", data: writeTar([file("other", "x")]) }]),
		],
		["more layers than diffIDs", "invalid-spec", archive([{ image, tags: [], layers: ["l", "l"] }], [file("l", "x")])],
	];
	for (const [name, code, bytes] of hostile) {
		test(name, async () => {
			using folder = temporaryFolder();
			writeFileSync(`${folder.path}/a.tar`, bytes);
			expect((await errorOf(`${folder.path}/root`, `docker-archive:${folder.path}/a.tar`)).code).toBe(code as never);
		});
	}

	test("nothing of an archive's names reaches the disk", async () => {
		using folder = temporaryFolder();
		const escaping: TarEntry[] = [
			file("../../../../../../../../../../../../tmp/corten-escaped", "x"),
			file("/tmp/corten-escaped", "x"),
			{ path: "l", kind: "symlink", target: "/tmp" },
			file("l/corten-escaped", "x"),
		];
		writeFileSync(`${folder.path}/a.tar`, archive([{ image, tags: ["a:1"] }], escaping.slice(0, 1)));
		await pullImage(`docker-archive:${folder.path}/a.tar`, { root: `${folder.path}/root` });
		writeFileSync(`${folder.path}/a.tar`, archive([{ image, tags: ["a:1"] }], escaping.slice(1)));
		await pullImage(`docker-archive:${folder.path}/a.tar`, { root: `${folder.path}/root` });
		expect(() => readFileSync("/tmp/corten-escaped")).toThrow();
	});

	test("an archive that is not there, and one that is a folder", async () => {
		using folder = temporaryFolder();
		expect((await errorOf(`${folder.path}/root`, `docker-archive:${folder.path}/none`)).code).toBe("not-found");
		expect((await errorOf(`${folder.path}/root`, `docker-archive:${folder.path}`)).code).toBe("system");
	});
});

test("the built-in image is beside the program, or where it is installed", () => {
	using folder = temporaryFolder();
	const program = `${folder.path}/bin/corten`;
	expect(builtinLayout("corten/hello", program)).toBeUndefined();
	writeImages(`${folder.path}/share/corten/hello`, { "": makeImage() });
	mkdirSync(`${folder.path}/bin`);
	expect(builtinLayout("corten/hello", program)).toBe(`${folder.path}/bin/../share/corten/hello`);
	writeImages(`${folder.path}/bin/hello`, { "": makeImage() });
	expect(builtinLayout("docker.io/corten/hello:latest", program)).toBe(`${folder.path}/bin/hello`);
	for (const other of ["corten/hello:2", "hello", "quay.io/corten/hello"]) expect(builtinLayout(other, program)).toBeUndefined();
});
