// Copies: what stays byte for byte, and what is converted how.

import { describe, expect, test } from "bun:test";
import { makeImage, makeIndex, passwdLayer, sha256, type TestImage, temporaryFolder } from "../../test/support/images.ts";
import type { Descriptor } from "../spec/image.ts";
import { type CopyOptions, copyImage } from "./copy.ts";
import type { ImageFormat, ImageSink } from "./sinks/sink.ts";
import type { ImageSource } from "./sources/source.ts";

function memorySource(
	blobs: ReadonlyMap<string, Uint8Array>,
	root: { readonly digest: `sha256:${string}`; readonly mediaType: string },
): ImageSource {
	const find = (digest: string) => {
		const bytes = blobs.get(digest);
		if (bytes === undefined) throw new Error(`no ${digest}`);
		return bytes;
	};
	return {
		names: () => ["example.com/a:1"],
		root: async () => ({ ...root, bytes: find(root.digest) }),
		manifest: async ({ digest }) => find(digest),
		blob: async function* ({ digest }) {
			yield find(digest);
		},
		[Symbol.asyncDispose]: async () => undefined,
	};
}

function memorySink(formats: readonly ImageFormat[] = ["oci", "docker"], index = true) {
	const blobs = new Map<string, Uint8Array>();
	const sent: string[] = [];
	let root: Descriptor | undefined;
	const sink: ImageSink = {
		takes: { formats, index, foreign: true },
		has: async ({ digest }) => blobs.has(digest),
		blob: async ({ digest, size }, content) => {
			const bytes = Buffer.concat(await Array.fromAsync(content));
			expect(bytes.length).toBe(size);
			expect(sha256(bytes)).toBe(digest as `sha256:${string}`);
			sent.push(digest);
			blobs.set(digest, bytes);
		},
		manifest: async ({ digest }, bytes) => {
			expect(sha256(bytes)).toBe(digest as `sha256:${string}`);
			blobs.set(digest, bytes);
		},
		commit: async (descriptor) => {
			root = descriptor;
		},
		[Symbol.asyncDispose]: async () => undefined,
	};
	return { sink, blobs, sent, root: () => root };
}

async function copy(image: TestImage, to: ReturnType<typeof memorySink>, options: Partial<CopyOptions> = {}) {
	using folder = temporaryFolder();
	return await copyImage(memorySource(image.blobs, image.manifest), "a", to.sink, { temporary: folder.path, ...options });
}

function manifestIn(blobs: ReadonlyMap<string, Uint8Array>, digest: string) {
	return JSON.parse(new TextDecoder().decode(blobs.get(digest))) as { mediaType: string; config: Descriptor; layers: Descriptor[] };
}

describe("copyImage", () => {
	for (const docker of [false, true]) {
		test(`keeps every byte of ${docker ? "a docker" : "an OCI"} image where both formats are taken`, async () => {
			const image = makeImage({ docker, layers: [passwdLayer, [{ path: "a", kind: "file", data: "a" }], passwdLayer] });
			const to = memorySink();
			expect((await copy(image, to)).digest).toBe(image.manifest.digest);
			expect(to.root()?.digest).toBe(image.manifest.digest);
			expect([...to.blobs.keys()].sort()).toEqual([...image.blobs.keys()].sort());
			expect(new Set(to.sent).size).toBe(to.sent.length);
		});
	}

	test("writes docker's words for a sink that takes nothing else, zstd becomes gzip, and the image ID stays", async () => {
		const image = makeImage({ compression: "zstd" });
		const to = memorySink(["docker"]);
		const root = await copy(image, to);
		const manifest = manifestIn(to.blobs, root.digest);
		expect(manifest.mediaType).toBe("application/vnd.docker.distribution.manifest.v2+json");
		expect(manifest.config.digest).toBe(image.config.digest);
		expect(manifest.config.mediaType).toBe("application/vnd.docker.container.image.v1+json");
		expect(manifest.layers[0]?.mediaType).toBe("application/vnd.docker.image.rootfs.diff.tar.gzip");
		const layer = to.blobs.get(manifest.layers[0]?.digest ?? "") ?? new Uint8Array();
		expect(Bun.gunzipSync(new Uint8Array(layer))).toEqual(new Uint8Array(image.layers[0]?.tar ?? []));
		const again = memorySink(["docker"]);
		expect((await copy(image, again)).digest).toBe(root.digest);
	});

	for (const compression of ["gzip", "zstd", "none"] as const) {
		test(`compresses layers anew: ${compression}, and back to the same tar`, async () => {
			const image = makeImage({ compression: compression === "none" ? "gzip" : "none" });
			const to = memorySink();
			const root = await copy(image, to, { compression });
			const layer = manifestIn(to.blobs, root.digest).layers[0];
			expect(layer?.mediaType).toBe(`application/vnd.oci.image.layer.v1.tar${compression === "none" ? "" : `+${compression}`}`);
			const back = memorySink();
			using folder = temporaryFolder();
			const source = memorySource(to.blobs, { digest: root.digest as `sha256:${string}`, mediaType: root.mediaType });
			const plain = await copyImage(source, "a", back.sink, { temporary: folder.path, compression: "none" });
			expect(manifestIn(back.blobs, plain.digest).layers[0]?.digest).toBe(sha256(image.layers[0]?.tar ?? new Uint8Array()));
		});
	}

	test("takes an index with all it leads to, artifacts too, or one platform of it", async () => {
		const image = makeImage();
		const other = makeImage({ architecture: "s390x" });
		const blobs = new Map([...image.blobs, ...other.blobs]);
		const statement = new TextEncoder().encode("{}");
		blobs.set(sha256(statement), statement);
		const attestation = new TextEncoder().encode(
			JSON.stringify({
				schemaVersion: 2,
				mediaType: image.manifest.mediaType,
				config: { mediaType: "application/vnd.oci.image.config.v1+json", ...image.config },
				layers: [{ mediaType: "application/vnd.in-toto+json", digest: sha256(statement), size: statement.length }],
			}),
		);
		blobs.set(sha256(attestation), attestation);
		const platform = (architecture: string) => ({ platform: { os: "linux", architecture } });
		const index = makeIndex(
			[
				{ ...image.manifest, ...platform("amd64") },
				{ ...other.manifest, ...platform("s390x") },
				{ mediaType: image.manifest.mediaType, digest: sha256(attestation), size: attestation.length, ...platform("unknown") },
			],
			blobs,
		);
		using folder = temporaryFolder();
		const all = memorySink();
		const options = { temporary: folder.path };
		expect((await copyImage(memorySource(blobs, index), "a", all.sink, { ...options, all: true })).digest).toBe(index.digest);
		expect([...all.blobs.keys()].sort()).toEqual([...blobs.keys()].sort());
		const one = memorySink();
		const platformOption = { os: "linux", architecture: "s390x" };
		expect((await copyImage(memorySource(blobs, index), "a", one.sink, { ...options, platform: platformOption })).digest).toBe(
			other.manifest.digest,
		);
		await expect(
			copyImage(memorySource(blobs, index), "a", memorySink(["oci"], false).sink, { ...options, all: true }),
		).rejects.toMatchObject({ code: "unsupported" });
	});

	test("says nothing to the sink's name when a blob is not what it claims", async () => {
		const image = makeImage();
		image.blobs.set(image.layers[0]?.digest ?? "", new Uint8Array(image.layers[0]?.size ?? 0));
		const to = memorySink();
		await expect(copy(image, to)).rejects.toMatchObject({ code: "integrity" });
		expect(to.root()).toBeUndefined();
	});
});
