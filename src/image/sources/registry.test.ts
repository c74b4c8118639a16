// Hostile and broken registries, through the whole of pullImage: each must fail with the right code and leave the store as it was.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import {
	type FakeRegistry,
	makeImage,
	makeIndex,
	serveFake,
	sha256,
	type TestImage,
	temporaryFolder,
} from "../../../test/support/images.ts";
import { CortenError, type ErrorCode } from "../../base/errors.ts";
import { pullImage } from "../pull.ts";
import { readEntries } from "../store.ts";
import { isLoopback } from "./registry-session.ts";

const patience = { stallMs: 5000, attempts: 3, backoffMs: 1 };
/** For those who stall: the shorter, the sooner the test is over. */
const impatience = { ...patience, stallMs: 100 };

async function pull(root: string, server: FakeRegistry, text = "a:1", environment: Record<string, string> = {}, patient = true) {
	return await pullImage(`${server.host}/${text}`, { root, registry: { patience: patient ? patience : impatience, environment } });
}

const isManifest = (url: URL) => url.pathname.includes("/manifests/");
const isBlob = (url: URL, digest: string | undefined) => url.pathname.endsWith(`/blobs/${digest}`);
const typed = (body: string | Uint8Array<ArrayBuffer>, type: string, more: Record<string, string> = {}) =>
	new Response(body, { headers: { "content-type": type, ...more } });

/** Sends some bytes and then nothing. */
function stalled(bytes: Uint8Array, length?: number): Response {
	const stream = new ReadableStream({ start: (controller) => controller.enqueue(bytes), pull: () => new Promise<void>(() => undefined) });
	return new Response(stream, { headers: length === undefined ? {} : { "content-length": String(length) } });
}

/** Never ends. */
function endless(chunk: Uint8Array): Response {
	return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(chunk) }));
}

type Setting = { readonly server: FakeRegistry; readonly image: TestImage; readonly layer: string; readonly config: string };
type Case = [name: string, code: ErrorCode, message: string | RegExp, prepare: (setting: Setting) => void];

const cases: Case[] = [
	["404 for the manifest", "not-found", 'status 404: "not here"', ({ server }) => server.manifests.clear()],
	[
		"403",
		"permission-denied",
		"status 403",
		({ server }) => {
			server.answer = () => new Response("no", { status: 403 });
		},
	],
	[
		"401 without a challenge",
		"permission-denied",
		"names no way to authenticate",
		({ server }) => {
			server.answer = (_, url) => (isManifest(url) ? new Response("", { status: 401 }) : undefined);
		},
	],
	[
		"401 with an unknown scheme",
		"unsupported",
		"Negotiate",
		({ server }) => {
			server.answer = (_, url) =>
				isManifest(url) ? new Response("", { status: 401, headers: { "www-authenticate": "Negotiate" } }) : undefined;
		},
	],
	[
		"Basic without credentials",
		"permission-denied",
		"there are no credentials",
		({ server }) => {
			server.answer = (_, url) =>
				isManifest(url) ? new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } }) : undefined;
		},
	],
	[
		"a realm in plain http elsewhere",
		"invalid-spec",
		"neither https nor the same host",
		({ server }) => {
			server.answer = (_, url) =>
				isManifest(url)
					? new Response("", {
							status: 401,
							headers: { "www-authenticate": 'Bearer realm="http://localhost.evil.example/token",service="x"' },
						})
					: undefined;
		},
	],
	[
		"a realm that is a file",
		"invalid-spec",
		"neither https nor the same host",
		({ server }) => {
			server.answer = (_, url) =>
				isManifest(url)
					? new Response("", { status: 401, headers: { "www-authenticate": 'Bearer realm="file:///etc/shadow"' } })
					: undefined;
		},
	],
	[
		"a challenge without realm",
		"invalid-spec",
		"neither https nor the same host",
		({ server }) => {
			server.answer = (_, url) =>
				isManifest(url) ? new Response("", { status: 401, headers: { "www-authenticate": "Bearer" } }) : undefined;
		},
	],
	[
		"500 for ever",
		"unavailable",
		"status 500",
		({ server }) => {
			server.answer = (_, url) => (isManifest(url) ? new Response("", { status: 500 }) : undefined);
		},
	],
	[
		"429 for ever",
		"unavailable",
		"status 429",
		({ server }) => {
			server.answer = (_, url) => (isManifest(url) ? new Response("", { status: 429 }) : undefined);
		},
	],
	[
		"418",
		"unavailable",
		"status 418",
		({ server }) => {
			server.answer = () => new Response("", { status: 418 });
		},
	],
	[
		"an error document with control characters",
		"not-found",
		"\\u001b[2J",
		({ server }) => {
			server.answer = (_, url) => (isManifest(url) ? Response.json({ errors: [{ message: "\x1b[2J" }] }, { status: 404 }) : undefined);
		},
	],
	[
		"an endless error document",
		"not-found",
		"status 404",
		({ server }) => {
			server.answer = (_, url) => (isManifest(url) ? new Response(endless(new Uint8Array(65536)).body, { status: 404 }) : undefined);
		},
	],
	[
		"an endless manifest",
		"invalid-spec",
		"larger than 4194304 bytes",
		({ server }) => {
			server.answer = (_, url) => (isManifest(url) ? endless(new Uint8Array(65536)) : undefined);
		},
	],
	[
		"a manifest that stalls",
		"unavailable",
		"cannot read manifest",
		({ server }) => {
			server.answer = (_, url) => (isManifest(url) ? stalled(new Uint8Array(1)) : undefined);
		},
	],
	[
		"headers that never come",
		"unavailable",
		"cannot reach",
		({ server }) => {
			server.answer = (_, url) => (isManifest(url) ? new Promise<Response>(() => undefined) : undefined);
		},
	],
	[
		"HTML instead of a manifest",
		"unsupported",
		"text/html",
		({ server }) => {
			server.answer = (_, url) => (isManifest(url) ? typed("<html>", "text/html; charset=utf-8") : undefined);
		},
	],
	[
		"a manifest announced as index",
		"invalid-spec",
		"announced as",
		({ server, image }) => {
			server.answer = (_, url) =>
				isManifest(url)
					? typed(new Uint8Array(image.blobs.get(image.manifest.digest) ?? []), "application/vnd.oci.image.index.v1+json")
					: undefined;
		},
	],
	[
		"a lying Docker-Content-Digest",
		"integrity",
		"the registry announced",
		({ server, image }) => {
			server.answer = (_, url) =>
				isManifest(url)
					? typed(new Uint8Array(image.blobs.get(image.manifest.digest) ?? []), image.manifest.mediaType, {
							"docker-content-digest": sha256("x"),
						})
					: undefined;
		},
	],
	[
		"a redirect without end",
		"invalid-spec",
		"more than 10 redirects",
		({ server }) => {
			server.answer = (_, url) => (isManifest(url) ? Response.redirect(url.href, 302) : undefined);
		},
	],
	[
		"a redirect to a file",
		"invalid-spec",
		"neither https nor http",
		({ server }) => {
			server.answer = (_, url) =>
				isManifest(url) ? new Response("", { status: 307, headers: { location: "file:///etc/passwd" } }) : undefined;
		},
	],
	[
		"a redirect to nowhere",
		"invalid-spec",
		"not a URL",
		({ server }) => {
			server.answer = (_, url) => (isManifest(url) ? new Response("", { status: 307, headers: { location: "http://[" } }) : undefined);
		},
	],
	[
		"a redirect to a closed port",
		"unavailable",
		"cannot reach",
		({ server }) => {
			server.answer = (_, url) =>
				isManifest(url) ? new Response("", { status: 307, headers: { location: "http://127.0.0.1:1/x" } }) : undefined;
		},
	],
	[
		"a redirect without location",
		"unavailable",
		"status 302",
		({ server }) => {
			server.answer = (_, url) => (isManifest(url) ? new Response("", { status: 302 }) : undefined);
		},
	],
	["no config", "not-found", "status 404", ({ server, config }) => void server.blobs.delete(config)],
	[
		"a config with other bytes",
		"integrity",
		"its bytes have digest",
		({ server, config }) => void server.blobs.set(config, new Uint8Array(server.blobs.get(config)?.length ?? 0)),
	],
	[
		"a config that is too long",
		"integrity",
		"more than the",
		({ server, config }) => void server.blobs.set(config, new Uint8Array(100_000)),
	],
	[
		"a config that is too short",
		"integrity",
		"not the",
		({ server, config }) => {
			server.answer = (_, url) => (isBlob(url, config) ? new Response("{}") : undefined);
		},
	],
	[
		"an endless config",
		"integrity",
		"more than the",
		({ server, config }) => {
			server.answer = (_, url) => (isBlob(url, config) ? endless(new Uint8Array(65536)) : undefined);
		},
	],
	["no layer", "not-found", "status 404", ({ server, layer }) => void server.blobs.delete(layer)],
	[
		"a layer with one bit changed",
		"integrity",
		"its bytes have digest",
		({ server, layer }) => {
			const bytes = new Uint8Array(server.blobs.get(layer) ?? []);
			bytes[20] = (bytes[20] ?? 0) ^ 1;
			server.blobs.set(layer, bytes);
		},
	],
	[
		"an endless layer",
		"integrity",
		"more than the",
		({ server, layer }) => {
			server.answer = (_, url) => (isBlob(url, layer) ? endless(new Uint8Array(65536)) : undefined);
		},
	],
	[
		"an empty layer",
		"integrity",
		"it has 0 bytes",
		({ server, layer }) => {
			server.answer = (_, url) => (isBlob(url, layer) ? new Response("") : undefined);
		},
	],
	[
		"204 for a layer",
		"unavailable",
		"status 204",
		({ server, layer }) => {
			server.answer = (_, url) => (isBlob(url, layer) ? new Response(null, { status: 204 }) : undefined);
		},
	],
	[
		"a layer that stalls",
		"unavailable",
		"cannot read blob",
		({ server, layer }) => {
			server.answer = (_, url) => (isBlob(url, layer) ? stalled(new Uint8Array(3)) : undefined);
		},
	],
	[
		"a layer that always breaks off",
		"integrity",
		"it has 10 bytes",
		({ server, layer, image }) => {
			server.answer = (_, url) =>
				isBlob(url, layer) ? new Response((image.blobs.get(layer) ?? new Uint8Array()).slice(0, 10)) : undefined;
		},
	],
	[
		"a range of another place",
		"unavailable",
		"status 206",
		({ server, layer }) => {
			server.answer = (request, url) => {
				if (!isBlob(url, layer)) return undefined;
				return request.headers.has("range")
					? new Response("x", { status: 206, headers: { "content-range": "bytes 0-9/10" } })
					: new Response("0123456789");
			};
		},
	],
	[
		"a layer sent with Content-Encoding that was not asked for",
		"integrity",
		"cannot verify",
		({ server, layer, image }) => {
			server.answer = (_, url) =>
				isBlob(url, layer)
					? new Response(Bun.gzipSync(new Uint8Array(image.blobs.get(layer) ?? [])), { headers: { "content-encoding": "gzip" } })
					: undefined;
		},
	],
];

/** Images that a well-behaved registry serves. */
const images: [name: string, code: ErrorCode, message: string, image: () => TestImage][] = [
	["a layer that is no tar", "invalid-spec", "cannot", () => bent((tar) => tar.fill(0x41))],
	[
		"a lying diffID",
		"integrity",
		"cannot verify layer",
		() => makeImage({ config: (config) => ({ ...config, rootfs: { type: "layers", diff_ids: [sha256("x")] } }) }),
	],
	[
		"more diffIDs than layers",
		"invalid-spec",
		"has 2 elements",
		() => makeImage({ config: (config) => ({ ...config, rootfs: { type: "layers", diff_ids: [sha256("x"), sha256("y")] } }) }),
	],
	["a config that is no JSON", "invalid-spec", "cannot decode config", () => makeImage({ config: () => 5 })],
	[
		"a config of 16 MiB",
		"invalid-spec",
		"larger than 8388608",
		() => makeImage({ config: (config) => ({ ...config, x: "x".repeat(16 << 20) }) }),
	],
	[
		"a layer that says 16 EiB",
		"invalid-spec",
		"/layers/0/size",
		() => makeImage({ manifest: (manifest) => ({ ...manifest, layers: [{ ...(manifest.layers as object[])[0], size: 2 ** 64 }] }) }),
	],
	[
		"a config that says it is larger",
		"integrity",
		"bytes, not the",
		() => makeImage({ manifest: (manifest) => ({ ...manifest, config: { ...(manifest.config as { size: number }), size: 5000 } }) }),
	],
	[
		"/etc/passwd of 2 MiB (CVE-2026-47262)",
		"invalid-spec",
		"passwd",
		() => makeImage({ layers: [[{ path: "etc/passwd", kind: "file", data: "x".repeat(2 << 20) }]] }),
	],
];

function bent(change: (tar: Uint8Array) => void): TestImage {
	const bytes = new Uint8Array(1024);
	change(bytes);
	const packed = Bun.gzipSync(bytes);
	const image = makeImage({
		config: (config) => ({ ...config, rootfs: { type: "layers", diff_ids: [sha256(bytes)] } }),
		manifest: (manifest) => ({
			...manifest,
			layers: [{ ...(manifest.layers as object[])[0], digest: sha256(packed), size: packed.length }],
		}),
	});
	image.blobs.set(sha256(packed), packed);
	return image;
}

async function expectRefused(server: FakeRegistry, code: ErrorCode, message: string | RegExp, patient = true): Promise<void> {
	using folder = temporaryFolder();
	const error = await pull(folder.path, server, "a:1", {}, patient).catch((caught: unknown) => caught);
	if (!(error instanceof CortenError)) throw error;
	expect(error.message).toMatch(typeof message === "string" ? new RegExp(message.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")) : message);
	expect(error.code).toBe(code);
	expect(readEntries(folder.path)).toEqual([]);
	expect(readdirSync(`${folder.path}/store/tmp`)).toEqual([]);
	expect(readdirSync(`${folder.path}/records`)).toEqual([]);
}

describe("a hostile registry leaves the store as it was", () => {
	for (const [name, code, message, prepare] of cases) {
		test(name, async () => {
			using server = serveFake();
			const image = makeImage();
			server.add("1", image);
			prepare({ server, image, layer: image.layers[0]?.digest ?? "", config: image.config.digest });
			await expectRefused(server, code, message, !/stall|never come/.test(name));
		});
	}
	for (const [name, code, message, make] of images) {
		test(name, async () => {
			using server = serveFake();
			server.add("1", make());
			await expectRefused(server, code, message);
		});
	}

	test("a manifest that is not what its digest says", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		const image = makeImage();
		server.add(sha256("other"), image);
		await expect(pull(folder.path, server, `a@${sha256("other")}`)).rejects.toMatchObject({ code: "integrity" });
	});

	test("indexes that lead to indexes without end", async () => {
		using server = serveFake();
		let entry = makeImage().manifest as { mediaType: string; digest: string; size: number };
		for (let depth = 0; depth < 6; depth++) {
			entry = makeIndex([entry], server.blobs);
			server.manifests.set(entry.digest, { bytes: server.blobs.get(entry.digest) ?? new Uint8Array(), mediaType: entry.mediaType });
		}
		server.manifests.set("1", { bytes: server.blobs.get(entry.digest) ?? new Uint8Array(), mediaType: entry.mediaType });
		await expectRefused(server, "invalid-spec", "without end");
	});

	test("an index whose entry lies about size or type", async () => {
		for (const lie of [{ size: 1 }, { mediaType: "application/vnd.docker.distribution.manifest.v2+json" }]) {
			using server = serveFake();
			const image = makeImage();
			server.add("x", image);
			const index = makeIndex([{ ...image.manifest, ...lie }], server.blobs);
			server.manifests.set("1", { bytes: server.blobs.get(index.digest) ?? new Uint8Array(), mediaType: index.mediaType });
			await expectRefused(server, "size" in lie ? "integrity" : "invalid-spec", "size" in lie ? "more than the 1 bytes" : "announced as");
		}
	});
});

test("a registry that is not there is unavailable", async () => {
	using folder = temporaryFolder();
	await expect(pullImage("127.0.0.1:1/a:1", { root: folder.path, registry: { patience } })).rejects.toMatchObject({ code: "unavailable" });
	expect(existsSync(`${folder.path}/store/index.json`)).toBe(true);
});

test("only this machine is spoken to without TLS", () => {
	for (const host of ["localhost", "localhost:5000", "127.0.0.1", "127.1.2.3:80", "[::1]:5000", "LOCALHOST"])
		expect(isLoopback(host)).toBe(true);
	for (const host of ["localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "127.example:5000", "[::2]", "docker.io"])
		expect(isLoopback(host)).toBe(false);
});
