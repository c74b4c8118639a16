// OCI to ACI and back: which digests stay, that what is written keeps every rule, and that the tree is the one overlayfs would show.

import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { type ImageRecipe, makeImage, passwdLayer, type TestImage } from "../../../test/support/images.ts";
import { decodeAppcManifest } from "../../spec/appc.ts";
import { aciBytes, manifestOf, openManifest, readBlobOf, workFolder } from "../aci/aci.fixture.ts";
import { readAci } from "../aci/archive.ts";
import { compress } from "../convert.ts";
import { copyImage } from "../copy.ts";
import { streamOf } from "../layer/tar.fixture.ts";
import { aciSource } from "../sources/aci.ts";
import type { ImageSource } from "../sources/source.ts";
import { type AciSinkOptions, aciSink } from "./aci.ts";

function sourceOf(image: TestImage): ImageSource {
	const read = (digest: string) => image.blobs.get(digest) ?? new Uint8Array(0);
	return {
		names: () => [],
		root: async () => ({ bytes: read(image.manifest.digest), ...image.manifest }),
		manifest: async ({ digest }) => read(digest),
		blob: ({ digest }) => streamOf(read(digest)),
		[Symbol.asyncDispose]: async () => undefined,
	};
}

async function convert(source: ImageSource, path: string, folder: string, options: Partial<AciSinkOptions> = {}): Promise<void> {
	await using sink = aciSink(path, { temporaryFolder: folder, ...options });
	await copyImage(source, path, sink, { temporary: folder });
}

/** There, and the source of the way back. */
async function thereAndBack<T>(
	image: TestImage,
	options: Partial<AciSinkOptions>,
	look: (source: ImageSource, path: string) => Promise<T>,
): Promise<T> {
	using work = workFolder();
	mkdirSync(`${work.path}/tmp`);
	const path = `${work.path}/x.aci`;
	await convert(sourceOf(image), path, `${work.path}/tmp`, options);
	expect(readdirSync(`${work.path}/tmp`)).toEqual([]);
	expect(readdirSync(work.path).filter((name) => name.startsWith("."))).toEqual([]);
	await using source = await aciSource(path, { temporaryFolder: `${work.path}/tmp` });
	return await look(source, path);
}

const digests = async (source: ImageSource) => {
	const { manifest } = await openManifest(source);
	const config = await readBlobOf(source, manifest.config);
	return {
		root: (await source.root()).digest,
		config: manifest.config.digest,
		diffIDs: JSON.parse(Buffer.from(config).toString()).rootfs.diff_ids as string[],
		layers: manifest.layers.length,
	};
};

const two: ImageRecipe["layers"] = [
	[
		...passwdLayer,
		{ path: "gone", kind: "file", data: "x" },
		{ path: "opt/", kind: "folder" },
		{ path: "opt/old", kind: "file", data: "old" },
		{ path: "kept", kind: "file", data: "kept" },
	],
	[
		{ path: ".wh.gone", kind: "file" },
		{ path: "opt/", kind: "folder", mode: 0o700 },
		{ path: "opt/.wh..wh..opq", kind: "file" },
		{ path: "opt/new", kind: "file", data: "new" },
		{ path: "hard", kind: "hardlink", target: "opt/new" },
		{ path: "etc/passwd", kind: "file", data: "app:x:5:6::/:/bin/sh\n" },
	],
];

describe("an image of one layer comes back with all its digests", () => {
	for (const docker of [false, true]) {
		for (const compression of ["none", "gzip", "zstd"] as const) {
			if (docker && compression === "zstd") continue;
			test(`${docker ? "docker's" : "OCI's"}, ${compression}`, async () => {
				const image = makeImage({ docker, compression });
				const back = await thereAndBack(image, {}, digests);
				expect(back.config).toBe(image.config.digest);
				// bun's own gzip is not node's: then the layer comes back plain, and the manifest is another.
				const [layer] = image.layers;
				const same =
					compression === "none" ||
					Buffer.compare(await packed(layer?.tar, compression), image.blobs.get(layer?.digest ?? "") ?? new Uint8Array(0)) === 0;
				if (same) expect(back.root).toBe(image.manifest.digest);
			});
		}
	}

	test("compressed as corten compresses", async () => {
		const image = makeImage({ compression: "none" });
		using work = workFolder();
		// Through corten's own gzip.
		const converted: { digest?: string } = {};
		await using sink = aciSink(`${work.path}/x.aci`, { temporaryFolder: work.path });
		const root = await copyImage(sourceOf(image), "x", sink, { temporary: work.path, compression: "gzip" });
		converted.digest = root.digest;
		await using source = await aciSource(`${work.path}/x.aci`, { temporaryFolder: work.path });
		expect((await source.root()).digest).toBe(root.digest);
	});
});

async function packed(tar: Uint8Array | undefined, compression: "gzip" | "zstd"): Promise<Uint8Array> {
	const chunks: Uint8Array[] = [];
	for await (const chunk of compress(streamOf(tar ?? new Uint8Array(0)), compression)) chunks.push(chunk);
	return Buffer.concat(chunks);
}

describe("an image of several layers", () => {
	test("is squashed to the tree that overlayfs shows", async () => {
		using work = workFolder();
		const path = `${work.path}/x.aci`;
		await convert(sourceOf(makeImage({ layers: two })), path, work.path);
		const { files, manifest } = await readAci(path, `${work.path}/tar`);
		expect(files.map(({ path: name, entry }) => `${name} ${entry.kind} ${entry.mode.toString(8)}`)).toEqual([
			" directory 755",
			"etc directory 755",
			"etc/group file 644",
			"etc/passwd file 644",
			"hard file 644",
			"kept file 644",
			"opt directory 700",
			"opt/new link 644",
		]);
		expect(manifest.pathWhitelist).toEqual([]);
	});

	test("kept apart comes back with all its digests", async () => {
		const image = makeImage({ layers: two, compression: "none" });
		const back = await thereAndBack(image, { keepLayers: true }, async (source, path) => {
			expect(readdirSync(path.replace(/\/x.aci$/, "")).sort()).toEqual(["tmp", "x-layer-0.aci", "x.aci"]);
			return await digests(source);
		});
		expect(back).toEqual({
			root: image.manifest.digest,
			config: image.config.digest,
			diffIDs: image.layers.map(({ digest }) => digest),
			layers: 2,
		});
	});

	test("kept apart renders to the same tree for those who know only appc", async () => {
		using work = workFolder();
		await convert(sourceOf(makeImage({ layers: two })), `${work.path}/x.aci`, work.path, { keepLayers: true });
		const { manifest } = await readAci(`${work.path}/x.aci`, `${work.path}/tar`);
		expect([...manifest.pathWhitelist].sort()).toEqual(["/", "/etc", "/etc/group", "/etc/passwd", "/hard", "/kept", "/opt", "/opt/new"]);
		expect(manifest.dependencies.length).toBe(1);
	});

	test("squashed, and the same image makes the same bytes", async () => {
		using work = workFolder();
		const image = makeImage({ layers: two });
		for (const name of ["a", "b"]) await convert(sourceOf(image), `${work.path}/${name}.aci`, work.path, { names: ["example.com/x:1"] });
		expect(Buffer.compare(readFileSync(`${work.path}/a.aci`), readFileSync(`${work.path}/b.aci`))).toBe(0);
	});
});

test("a manifest keeps every rule a builder must keep, and has what appc has no words for", async () => {
	using work = workFolder();
	const config = {
		User: "app",
		Env: ["PATH=/bin", "A=1", "A=2", "1x=3"],
		Entrypoint: ["/bin/sh"],
		Cmd: ["-c", "x"],
		WorkingDir: "srv",
		ExposedPorts: { "80/tcp": {}, "53/udp": {}, "1000-1002/tcp": {} },
		Volumes: { "/var/lib/Data_x": {}, "/var/lib/data-x": {} },
		Labels: { "Any Key": "v" },
		StopSignal: "SIGINT",
	};
	const image = makeImage({ layers: two, config: (document) => ({ ...document, config, author: "me" }) });
	await convert(sourceOf(image), `${work.path}/x.aci`, work.path, { names: ["docker.io/library/My--app:1.0"] });
	const { manifestBytes } = await readAci(`${work.path}/x.aci`, `${work.path}/tar`);
	const manifest = decodeAppcManifest(manifestBytes, "m", "build");
	expect(manifest).toMatchObject({
		name: "docker.io/library/my-app",
		labels: [{ name: "version", value: "1.0" }, { name: "os", value: "linux" }, {}],
		app: {
			exec: ["/bin/sh", "-c", "x"],
			user: "app",
			group: "6",
			workingDirectory: "/srv",
			environment: [
				{ name: "PATH", value: "/bin" },
				{ name: "A", value: "2" },
			],
			ports: [
				{ name: "1000-1002-tcp", port: 1000, count: 3 },
				{ name: "53-udp", protocol: "udp" },
				{ name: "80-tcp", port: 80, count: 1 },
			],
			mountPoints: [
				{ name: "volume-var-lib-data-x", path: "/var/lib/Data_x" },
				{ name: "volume-var-lib-data-x-1", path: "/var/lib/data-x" },
			],
			userLabels: { "Any Key": "v" },
		},
	});
	const named = Object.fromEntries(manifest.annotations.map(({ name, value }) => [name, value]));
	expect(named).toMatchObject({ authors: "me", "appc.io/docker/entrypoint": '["/bin/sh"]', "appc.io/docker/cmd": '["-c","x"]' });
});

describe("an ACI that became an image becomes the same ACI again", () => {
	test("with its image ID, also with a dependency", async () => {
		using work = workFolder();
		mkdirSync(`${work.path}/out`);
		work.put("b.aci", aciBytes(manifestOf("example.com/b"), "x"));
		const path = work.put("a.aci", aciBytes(manifestOf("example.com/a", { dependencies: [{ imageName: "example.com/b" }] }), "d/", "d/y"));
		{
			await using source = await aciSource(path, { temporaryFolder: work.path });
			await convert(source, `${work.path}/out/a.aci`, work.path);
		}
		const id = async (file: string, tar: string) => (await readAci(file, `${work.path}/${tar}`)).imageID;
		expect(await id(`${work.path}/out/a.aci`, "1")).toBe(await id(path, "2"));
	});

	test("but an image whose last layer is another is written as it is", async () => {
		using work = workFolder();
		const path = work.put("a.aci", aciBytes(manifestOf("example.com/a"), "x"));
		await using source = await aciSource(path, { temporaryFolder: work.path });
		const { annotations } = await openManifest(source);
		const changed = makeImage({ manifest: (document) => ({ ...document, annotations }) });
		await convert(sourceOf(changed), `${work.path}/b.aci`, work.path);
		const { files } = await readAci(`${work.path}/b.aci`, `${work.path}/tar`);
		expect(files.map((file) => file.path)).toEqual(["", "etc", "etc/passwd", "etc/group"]);
	});
});

describe("a place that is not good is refused, and nothing is left there", () => {
	test("another ending, a file that is there", () => {
		using work = workFolder();
		expect(() => aciSink(`${work.path}/x.tar`, { temporaryFolder: work.path })).toThrow("must end in .aci");
		writeFileSync(`${work.path}/x.aci`, "");
		expect(() => aciSink(`${work.path}/x.aci`, { temporaryFolder: work.path })).toThrow("already");
		expect(readdirSync(work.path)).toEqual(["x.aci"]);
	});
	test("a platform without a word, a copy that fails", async () => {
		using work = workFolder();
		const image = makeImage({ architecture: "riscv64" });
		await expect(convert(sourceOf(image), `${work.path}/x.aci`, work.path)).rejects.toMatchObject({ code: "unsupported" });
		expect(readdirSync(work.path)).toEqual([]);
	});
});
