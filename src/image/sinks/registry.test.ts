// Pushes to a registry in this process, honest or not.

import { describe, expect, test } from "bun:test";
import { makeImage, sha256, type TestImage, temporaryFolder, writeImages } from "../../../test/support/images.ts";
import { createStore, temporaryFolder as storeTemporary } from "../blobs.ts";
import { copyImage } from "../copy.ts";
import { parseReference } from "../reference.ts";
import { ociLayoutSource } from "../sources/oci-layout.ts";
import { type RegistrySinkOptions, registrySink } from "./registry.ts";

type Seen = { readonly method: string; readonly path: string; readonly range: string | null; readonly authorization: string | null };

/** A registry that takes uploads; `answer` may bend it. */
function serveUploads(answer: (request: Request, url: URL, body: Uint8Array) => Response | undefined = () => undefined) {
	const blobs = new Map<string, Uint8Array>();
	const manifests = new Map<string, Uint8Array>();
	const uploads = new Map<string, Uint8Array>();
	const seen: Seen[] = [];
	const server = Bun.serve({
		hostname: "127.0.0.1",
		port: 0,
		maxRequestBodySize: 1 << 30,
		fetch: async (request) => {
			const url = new URL(request.url);
			const body = new Uint8Array(await request.arrayBuffer());
			const { method, headers } = request;
			seen.push({
				method,
				path: url.pathname + url.search,
				range: headers.get("content-range"),
				authorization: headers.get("authorization"),
			});
			const bent = answer(request, url, body);
			if (bent !== undefined) return bent;
			if (url.pathname === "/v2/") return Response.json({});
			const [, kind, name = ""] = /\/(manifests|blobs|blobs\/uploads)\/([^/]*)$/.exec(url.pathname) ?? [];
			const state = (id: string, status: number) => {
				const size = uploads.get(id)?.length ?? 0;
				return new Response(null, {
					status,
					headers: { location: `${url.pathname.replace(/[^/]*$/, "")}${id}?state=${size}`, range: `0-${Math.max(size - 1, 0)}` },
				});
			};
			if (kind === "blobs/uploads" && method === "POST") {
				const id = crypto.randomUUID();
				uploads.set(id, new Uint8Array());
				return state(id, 202);
			}
			if (kind === "blobs/uploads") {
				const before = uploads.get(name) ?? new Uint8Array();
				if (method === "GET") return state(name, 204);
				if (method === "PATCH") {
					const from = Number(headers.get("content-range")?.split("-")[0]);
					if (from !== before.length) return new Response(null, { status: 416 });
				}
				uploads.set(name, new Uint8Array(Buffer.concat([before, body])));
				if (method === "PATCH") return state(name, 202);
				const whole = uploads.get(name) ?? new Uint8Array();
				const digest = url.searchParams.get("digest") ?? "";
				if (sha256(whole) !== digest) return Response.json({ errors: [{ code: "DIGEST_INVALID", message: "no" }] }, { status: 400 });
				blobs.set(digest, whole);
				return new Response(null, { status: 201 });
			}
			if (kind === "manifests" && method === "PUT") {
				manifests.set(name, body);
				return new Response(null, { status: 201, headers: { "docker-content-digest": sha256(body) } });
			}
			return new Response(null, { status: kind === "blobs" && blobs.has(name) ? 200 : 404 });
		},
	});
	return { host: `127.0.0.1:${server.port}`, blobs, manifests, seen, uploads, [Symbol.dispose]: () => void server.stop(true) };
}

const patience = { stallMs: 3000, attempts: 3, backoffMs: 1 };

async function push(image: TestImage, host: string, name = "a/b:1", options: Partial<RegistrySinkOptions> = {}) {
	using folder = temporaryFolder();
	createStore(`${folder.path}/root`);
	writeImages(`${folder.path}/from`, { "": image });
	await using source = ociLayoutSource(`${folder.path}/from`);
	await using sink = registrySink(parseReference(`${host}/${name}`), { tlsVerify: true, patience, environment: {}, ...options });
	return await copyImage(source, "a", sink, { temporary: storeTemporary(`${folder.path}/root`) });
}

function large(bytes: number) {
	const data = new Uint8Array(bytes);
	for (let at = 0; at < bytes; at++) data[at] = (at * 2654435761) >>> 24;
	return makeImage({ compression: "none", layers: [[{ path: "data", kind: "file", data }]] });
}

describe("a push", () => {
	test("sends each blob once, then the manifest under its tag", async () => {
		using server = serveUploads();
		const image = makeImage({ layers: [[{ path: "a", kind: "file" }], [{ path: "b", kind: "file" }], [{ path: "a", kind: "file" }]] });
		expect((await push(image, server.host)).digest).toBe(image.manifest.digest);
		expect(sha256(server.manifests.get("1") ?? "")).toBe(image.manifest.digest);
		expect([...server.blobs.keys()].sort()).toEqual([...image.blobs.keys()].filter((digest) => digest !== image.manifest.digest).sort());
		expect(server.seen.filter(({ method }) => method === "POST").length).toBe(server.blobs.size);
		await push(image, server.host, "a/b:2");
		expect(server.seen.filter(({ method }) => method === "POST").length).toBe(server.blobs.size);
	});

	test("sends a large blob in parts", async () => {
		using server = serveUploads();
		const image = large(20 << 20);
		await push(image, server.host);
		const ranges = server.seen.flatMap(({ range }) => range ?? []);
		expect(ranges).toContain("0-8388607");
		expect(ranges).toContain("8388608-16777215");
		expect(server.blobs.has(image.layers[0]?.digest ?? "")).toBe(true);
	});

	test("goes on where a part broke, as the registry says", async () => {
		let broken = 0;
		using server = serveUploads((request, url, body) => {
			if (request.method !== "PATCH" || body.length < 1000 || broken++ > 0) return undefined;
			// Half of it has arrived when the connection ends.
			server.uploads.set(url.pathname.split("/").at(-1) ?? "", body.slice(0, 1000));
			return new Response(null, { status: 502 });
		});
		const image = large(1 << 20);
		await push(image, server.host);
		expect(server.seen.flatMap(({ range }) => range ?? [])).toContain(`1000-${(image.layers[0]?.size ?? 0) - 1}`);
		expect(server.blobs.has(image.layers[0]?.digest ?? "")).toBe(true);
	});

	test("mounts what another repository has, and sends what may not be mounted", async () => {
		using server = serveUploads((request, url) => {
			const digest = url.searchParams.get("mount");
			return request.method === "POST" && digest === image.config.digest ? new Response(null, { status: 201 }) : undefined;
		});
		const image = makeImage();
		await push(image, server.host, "a/b:1", { mountFrom: ["other/repository", "a/b"] });
		expect(server.blobs.has(image.config.digest)).toBe(false);
		expect(server.blobs.has(image.layers[0]?.digest ?? "")).toBe(true);
		expect(server.seen.some(({ path }) => path.includes("from=other%2Frepository"))).toBe(true);
		expect(server.seen.some(({ path }) => path.includes("from=a%2Fb"))).toBe(false);
	});

	test("asks for a new token when the old one has ended", async () => {
		let token = 0;
		using server = serveUploads((request, url) => {
			if (url.pathname === "/token") return Response.json({ token: `t${++token}` });
			if (url.pathname === "/v2/") return undefined;
			const challenge = `Bearer realm="http://${url.host}/token",service="s"`;
			// Each token is good for four requests.
			const current = request.headers.get("authorization") === `Bearer t${token}`;
			const spent = server.seen.filter(({ authorization }) => authorization === `Bearer t${token}`).length > 4;
			return current && !spent ? undefined : new Response(null, { status: 401, headers: { "www-authenticate": challenge } });
		});
		const image = makeImage({ layers: [[{ path: "a", kind: "file" }], [{ path: "b", kind: "file" }]] });
		await push(image, server.host);
		expect(token).toBeGreaterThan(1);
		expect(server.seen.some(({ path }) => path.includes("scope=repository%3Aa%2Fb%3Apull%2Cpush"))).toBe(true);
	});
});

describe("a registry that lies is refused", () => {
	test("credentials do not follow an upload to another host", async () => {
		const strangers: (string | null)[] = [];
		using stranger: Disposable & { readonly port: number | undefined } = Bun.serve({
			hostname: "127.0.0.1",
			port: 0,
			fetch: (request) => {
				strangers.push(request.headers.get("authorization"));
				return new Response(null, {
					status: request.method === "PUT" ? 201 : 202,
					headers: { location: `http://127.0.0.1:${stranger.port}/up` },
				});
			},
		});
		using server = serveUploads((request, url) => {
			if (request.headers.get("authorization") === null && url.pathname !== "/v2/")
				return new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } });
			return request.method === "POST"
				? new Response(null, { status: 202, headers: { location: `http://127.0.0.1:${stranger.port}/up` } })
				: undefined;
		});
		await push(makeImage(), server.host, "a/b:1", { credentials: { username: "u", password: "secret" } });
		expect(strangers.length).toBeGreaterThan(0);
		expect(new Set(strangers)).toEqual(new Set([null]));
	});

	for (const [what, location] of [
		["no URL", ""],
		["a file", "file:///etc/passwd"],
	] as const) {
		test(`an upload that goes to ${what}`, async () => {
			using server = serveUploads((request) =>
				request.method === "POST" ? new Response(null, { status: 202, headers: { location } }) : undefined,
			);
			await expect(push(makeImage(), server.host)).rejects.toMatchObject({ code: "invalid-spec" });
		});
	}

	test("a manifest it has under another digest", async () => {
		using server = serveUploads((request, url) =>
			request.method === "PUT" && url.pathname.includes("/manifests/")
				? new Response(null, { status: 201, headers: { "docker-content-digest": sha256("other") } })
				: undefined,
		);
		await expect(push(makeImage(), server.host)).rejects.toMatchObject({ code: "integrity" });
	});

	test("one that claims to have had more than was sent", async () => {
		using server = serveUploads((request) => {
			if (request.method === "PATCH") return new Response(null, { status: 502 });
			return request.method === "GET" && request.url.includes("uploads")
				? new Response(null, { status: 204, headers: { range: "0-99999999" } })
				: undefined;
		});
		await expect(push(makeImage(), server.host)).rejects.toMatchObject({ code: "unavailable" });
	});
});
