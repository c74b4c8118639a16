// Images that are there in schema 1 alone, pulled from a registry in this process: what arrives, what is fetched, what is refused and leaves nothing.

import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import {
	type FakeRegistry,
	makeImage,
	makeIndex,
	passwdLayer,
	serveFake,
	sha256,
	type TestImage,
	temporaryFolder,
} from "../../../test/support/images.ts";
import { temporaryFolder as storeTemporary } from "../blobs.ts";
import { copyImage } from "../copy.ts";
import { listImages } from "../list.ts";
import { type PullOptions, peekImage, pullImage } from "../pull.ts";
import { type Json, schema1Payload, signedDocument } from "../schema1/schema1.fixture.ts";
import { dirSink } from "../sinks/dir.ts";
import { findImage } from "../store.ts";
import { openArchive } from "./archive.ts";
import { openSource } from "./open.ts";

const registry = { patience: { stallMs: 2000, attempts: 2, backoffMs: 1 }, environment: {} };
const signedType = "application/vnd.docker.distribution.manifest.v1+prettyjws";
const unsignedType = "application/vnd.docker.distribution.manifest.v1+json";
const recipe = { layers: [passwdLayer, [{ path: "b", kind: "file", data: "b" }]] } as const;

const pull = (root: string, text: string, options: Partial<PullOptions> = {}) => pullImage(text, { root, registry, ...options });

/** Serves an image in schema 1 as `1` and by its digest. */
function add(
	server: FakeRegistry,
	image: TestImage,
	{ payload = schema1Payload(image), mediaType = signedType, document = signedDocument(payload) } = {},
) {
	for (const { digest } of image.layers) server.blobs.set(digest, image.blobs.get(digest) ?? new Uint8Array());
	for (const name of ["1", sha256(payload)]) server.manifests.set(name, { bytes: document, mediaType });
	return sha256(payload);
}

const fetched = ({ seen }: FakeRegistry) =>
	seen.filter(({ path }) => path.includes("/blobs/")).map(({ path }) => path.slice(path.lastIndexOf("/") + 1));

describe("an image in schema 1", () => {
	test("arrives by tag and by digest, each layer is fetched once, and it is found by the digest of what was signed", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		const image = makeImage(recipe);
		const digest = add(server, image);
		const result = await pull(folder.path, `${server.host}/a/b:1`);
		expect(result).toMatchObject({ digest, changed: true, names: [`${server.host}/a/b:1`] });
		expect(result.warning).toBeUndefined();
		expect(result.record.config.diffIDs).toEqual(image.layers.map(({ tar }) => sha256(tar)));
		expect(result.record.config.config).toMatchObject({ cmd: ["sh"], env: ["A=<b>"] });
		expect(fetched(server).sort()).toEqual(image.layers.map(({ digest }) => digest).sort());
		expect(await findImage(folder.path, `${server.host}/a/b@${digest}`)).toEqual(result.record);
		expect((await listImages(folder.path))[0]?.digest).toBe(digest);

		expect(await pull(folder.path, `${server.host}/a/b:1`)).toMatchObject({ changed: false, record: result.record });
		expect(await pull(folder.path, `${server.host}/a/b@${digest}`)).toMatchObject({ digest, record: result.record });
		expect(await peekImage(`${server.host}/a/b:1`, { root: folder.path, registry })).toBe(result.record.digest);
		expect(fetched(server).length).toBe(2);
		expect(readdirSync(storeTemporary(folder.path))).toEqual([]);
	});

	test("is asked for last, so that schema 2 wins where there is both", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		add(server, makeImage(recipe));
		const accepted: string[] = [];
		server.answer = (request, { pathname }) => {
			if (pathname.includes("/manifests/")) accepted.push(request.headers.get("accept") ?? "");
			return undefined;
		};
		await pull(folder.path, `${server.host}/a/b:1`);
		expect(accepted.map((types) => types.split(", ").slice(-2))).toEqual([[signedType, unsignedType]]);
	});

	test("unsigned, or announced as JSON and no more", async () => {
		for (const [mediaType, signed] of [
			[unsignedType, false],
			["application/json", false],
			["application/json", true],
			[`${unsignedType}; charset=utf-8`, true],
		] as const) {
			using folder = temporaryFolder();
			using server = serveFake();
			const image = makeImage(recipe);
			const payload = schema1Payload(image);
			const digest = add(server, image, { mediaType, ...(signed ? {} : { document: new TextEncoder().encode(payload) }) });
			expect((await pull(folder.path, `${server.host}/a/b:1`)).digest).toBe(digest);
		}
	});

	test("takes the layers that the store has, and fetches one that went bad there", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		const image = makeImage(recipe);
		server.add("2", image);
		await pull(folder.path, `${server.host}/a/b:2`);
		add(server, image);
		await pull(folder.path, `${server.host}/a/b:1`);
		expect(fetched(server).length).toBe(3); // a config, two layers
		await pull(folder.path, `${server.host}/a/b:2`);
		const [first] = image.layers;
		writeFileSync(`${folder.path}/store/blobs/${first?.digest.replace(":", "/")}`, "bad");
		const again = schema1Payload(image, (document) => ({ ...document, tag: "3" }));
		server.manifests.set("3", { bytes: signedDocument(again), mediaType: signedType });
		await pull(folder.path, `${server.host}/a/b:3`);
		expect(fetched(server).slice(3)).toEqual([first?.digest ?? ""]);
	});

	test("with one blob in two places fetches it once; plain, zstd and gzip layers are called what they are", async () => {
		for (const [compression, suffix] of [
			["none", "tar"],
			["gzip", "tar.gzip"],
			["zstd", "tar.zstd"],
		] as const) {
			using folder = temporaryFolder();
			using server = serveFake();
			const image = makeImage({ layers: [passwdLayer, passwdLayer], compression });
			add(server, image);
			mkdirSync(`${folder.path}/store/tmp`, { recursive: true });
			await using source = await openSource(`docker://${server.host}/a/b:1`, { root: folder.path, registry });
			const { bytes } = await source.root();
			const { layers } = JSON.parse(new TextDecoder().decode(bytes));
			expect(layers.map(({ mediaType }: Json) => mediaType)).toEqual(Array(2).fill(`application/vnd.docker.image.rootfs.diff.${suffix}`));
			expect(fetched(server).length).toBe(1);
		}
	});

	test("is copied as schema 2, also with --all-platforms", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		const image = makeImage(recipe);
		add(server, image);
		mkdirSync(`${folder.path}/store/tmp`, { recursive: true });
		for (const all of [false, true]) {
			await using source = await openSource(`docker://${server.host}/a/b:1`, { root: folder.path, registry });
			await using sink = dirSink(`${folder.path}/dir-${all}`);
			const { mediaType, digest } = await copyImage(source, "x", sink, { temporary: folder.path, all });
			expect(mediaType).toBe("application/vnd.docker.distribution.manifest.v2+json");
			expect(`${sha256(await Bun.file(`${folder.path}/dir-${all}/manifest.json`).bytes())}`).toBe(digest);
			expect(readdirSync(`${folder.path}/dir-${all}`).length).toBe(5); // version, manifest, config, two layers
		}
		expect(readdirSync(`${folder.path}/store/tmp`)).toEqual([]);
	});

	test("is read from a folder, by pull and by load", async () => {
		using folder = temporaryFolder();
		const image = makeImage(recipe);
		const payload = schema1Payload(image);
		mkdirSync(`${folder.path}/old`);
		writeFileSync(`${folder.path}/old/manifest.json`, signedDocument(payload));
		for (const { digest } of image.layers) writeFileSync(`${folder.path}/old/${digest.slice(7)}`, image.blobs.get(digest) ?? "");
		expect(await pull(`${folder.path}/root`, `dir:${folder.path}/old`)).toMatchObject({
			digest: sha256(payload),
			names: ["localhost/old:latest"],
		});
		using archive = await openArchive(`${folder.path}/old`, folder.path);
		expect((await archive.images[0]?.root())?.mediaType).toBe("application/vnd.docker.distribution.manifest.v2+json");
	});

	test("under another name or tag than its own comes with a warning, and by digest without", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		const image = makeImage(recipe);
		const digest = add(server, image, { payload: schema1Payload(image, (document) => ({ ...document, name: "c/d" })) });
		server.manifests.set("2", server.manifests.get("1") ?? { bytes: new Uint8Array(), mediaType: "" });
		expect((await pull(folder.path, `${server.host}/a/b:1`)).warning).toContain('says it is "c/d:1"');
		expect((await pull(folder.path, `${server.host}/c/d:2`)).warning).toContain('says it is "c/d:1"');
		expect((await pull(folder.path, `${server.host}/c/d:1`)).warning).toBeUndefined();
		expect((await pull(folder.path, `${server.host}/a/b@${digest}`)).warning).toBeUndefined();
	});
});

test("the signature policy is asked about what was signed, before a layer is fetched", async () => {
	using folder = temporaryFolder();
	using server = serveFake();
	const digest = add(server, makeImage(recipe));
	const signaturePolicy = `${folder.path}/policy.json`;
	writeFileSync(signaturePolicy, JSON.stringify({ default: [{ type: "reject" }] }));
	await expect(pull(`${folder.path}/root`, `${server.host}/a/b:1`, { signaturePolicy })).rejects.toMatchObject({
		code: "permission-denied",
		message: expect.stringContaining(digest),
	});
	expect(fetched(server)).toEqual([]);
	expect(readdirSync(`${folder.path}/root/store/tmp`)).toEqual([]);
});

describe("refused, and nothing is left of it, is", () => {
	const gzip = (data: Uint8Array) => Bun.gzipSync(new Uint8Array(data));
	type Bend = (server: FakeRegistry, image: TestImage) => string | undefined;
	const first = (image: TestImage) => image.layers[0]?.digest ?? "";
	const layered = (server: FakeRegistry, image: TestImage, blob: Uint8Array) => {
		const payload = schema1Payload(image).replaceAll(first(image), sha256(blob));
		add(server, image, { payload });
		server.blobs.set(sha256(blob), blob);
		return undefined;
	};
	const cases: readonly (readonly [why: string, bend: Bend, code: string, message: string])[] = [
		[
			"a layer with other bytes",
			(server, image) => void server.blobs.set(first(image), gzip(new Uint8Array(9))),
			"integrity",
			"its bytes have digest",
		],
		["a layer that is not there", (server, image) => void server.blobs.delete(first(image)), "not-found", "status 404"],
		[
			"a layer that breaks off",
			(server, image) => layered(server, image, image.blobs.get(first(image))?.subarray(0, 60) ?? gzip(new Uint8Array())),
			"integrity",
			"inflate",
		],
		[
			"a document of another digest than was asked for",
			(server, image) => {
				const wanted = `sha256:${"ab".repeat(32)}`;
				server.manifests.set(wanted, { bytes: signedDocument(schema1Payload(image)), mediaType: signedType });
				return `@${wanted}`;
			},
			"integrity",
			"its bytes have digest",
		],
		[
			"a signed document asked for by the digest of all its bytes",
			(server, image) => {
				const bytes = signedDocument(schema1Payload(image));
				server.manifests.set(sha256(bytes), { bytes, mediaType: signedType });
				return `@${sha256(bytes)}`;
			},
			"integrity",
			"its bytes have digest",
		],
		[
			"a document whose signature is none",
			(server, image) =>
				void add(server, image, { document: signedDocument(schema1Payload(image), [{ bend: (old) => ({ ...old, signature: "AAAA" }) }]) }),
			"integrity",
			"signature 1",
		],
		[
			"a document that is announced as schema 2",
			(server, image) => void add(server, image, { mediaType: "application/vnd.docker.distribution.manifest.v2+json" }),
			"unsupported",
			"schema 1",
		],
		[
			"schema 2 that is announced as schema 1",
			(server, image) =>
				void server.manifests.set("1", { bytes: image.blobs.get(image.manifest.digest) ?? new Uint8Array(), mediaType: unsignedType }),
			"invalid-spec",
			"/schemaVersion",
		],
	];
	for (const [why, bend, code, message] of cases)
		test(why, async () => {
			using folder = temporaryFolder();
			using server = serveFake();
			const image = makeImage(recipe);
			add(server, image);
			const name = bend(server, image) ?? ":1";
			await expect(pull(folder.path, `${server.host}/a/b${name}`)).rejects.toMatchObject({
				code,
				message: expect.stringContaining(message),
			});
			expect(readdirSync(`${folder.path}/store/tmp`)).toEqual([]);
			expect(readdirSync(`${folder.path}/store/blobs/sha256`)).toEqual([]);
			expect(await listImages(folder.path)).toEqual([]);
		});

	test("a schema 1 manifest in an index: passed over, and refused where all is copied", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		const image = makeImage(recipe);
		const digest = add(server, image);
		const platform = { os: "linux", architecture: "amd64" };
		const index = makeIndex(
			[{ mediaType: signedType, digest, size: 9, platform }],
			server.blobs,
			"application/vnd.docker.distribution.manifest.list.v2+json",
		);
		server.manifests.set("list", { bytes: server.blobs.get(index.digest) ?? new Uint8Array(), mediaType: index.mediaType });
		await expect(pull(folder.path, `${server.host}/a/b:list`, { platform })).rejects.toMatchObject({
			code: "not-found",
			hint: expect.stringContaining("schema 1"),
		});
		await using source = await openSource(`docker://${server.host}/a/b:list`, { root: folder.path, registry });
		await using sink = dirSink(`${folder.path}/dir`);
		await expect(copyImage(source, "x", sink, { temporary: folder.path, all: true })).rejects.toMatchObject({ code: "unsupported" });
		rmSync(`${folder.path}/dir`, { recursive: true, force: true });
	});
});
