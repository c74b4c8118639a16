// Listings of registries that page, lie and never end.

import { describe, expect, test } from "bun:test";
import { serveFake } from "../../../test/support/images.ts";
import type { Digest } from "../../spec/image.ts";
import { ociIndex } from "../media-types.ts";
import { deleteManifest, listReferrers, listRepositories, listTags, referrersTag, tagsOf } from "./registry-list.ts";
import { createSession } from "./registry-session.ts";

const patience = { stallMs: 5000, attempts: 2, backoffMs: 1 };
const digestA: Digest = `sha256:${"a".repeat(64)}`;
const digestB: Digest = `sha256:${"b".repeat(64)}`;

function sessionOf(host: string, repository = "app") {
	return createSession({ domain: host, repository }, { tlsVerify: true, patience, environment: {}, placed: true });
}

function page(tags: readonly unknown[] | null, next?: string): Response {
	return Response.json({ name: "app", tags }, { headers: next === undefined ? {} : { link: `<${next}>; rel="next"` } });
}

describe("tags", () => {
	test("come in pages, each once, in order; a limit ends the asking", async () => {
		using server = serveFake();
		server.answer = (_, url) => {
			if (!url.pathname.endsWith("/tags/list")) return undefined;
			const last = url.searchParams.get("last");
			if (last === null) return page(["v1", "v2"], "/v2/app/tags/list?n=2&last=v2");
			return last === "v2" ? page(["v2", "v3"], "?n=2&last=v3") : page(["v4"]);
		};
		expect(await listTags(sessionOf(server.host))).toEqual(["v1", "v2", "v3", "v4"]);
		const before = server.seen.length;
		expect(await listTags(sessionOf(server.host), 1)).toEqual(["v1"]);
		expect(server.seen.slice(before).filter(({ path }) => path.includes("tags")).length).toBe(1);
	});

	test("null is none, and a missing repository is not found", async () => {
		using server = serveFake();
		await expect(listTags(sessionOf(server.host))).rejects.toMatchObject({ code: "not-found" });
		server.answer = (_, url) => (url.pathname.endsWith("/tags/list") ? page(null) : undefined);
		expect(await listTags(sessionOf(server.host))).toEqual([]);
	});

	test("a next page on another host is asked for on this one: the other sees nothing, and no credentials", async () => {
		using server = serveFake();
		using other = serveFake();
		server.answer = (request, url) => {
			if (!url.pathname.endsWith("/tags/list")) return undefined;
			if (request.headers.get("authorization") === null)
				return new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } });
			return url.searchParams.has("last") ? page(["v2"]) : page(["v1"], `http://${other.host}/v2/app/tags/list?last=v1`);
		};
		const credentials = { username: "ci", password: "secret" };
		const options = { tlsVerify: true, patience, environment: {}, placed: true, credentials };
		expect(await listTags(createSession({ domain: server.host, repository: "app" }, options))).toEqual(["v1", "v2"]);
		expect(other.seen).toEqual([]);
	});

	const bad: [name: string, message: string, answer: (url: URL) => Response][] = [
		["pages in a circle", "go in circles", () => page(["v1"], "/v2/app/tags/list?last=v1")],
		["pages without end", "1000 pages", (url) => page([], `?last=${Number(url.searchParams.get("last")) + 1}`)],
		["tags without end", "100000 entries", (url) => page(Array(50_000).fill("v"), `?last=${Number(url.searchParams.get("last")) + 1}`)],
		["a page of many megabytes", "larger than", () => page(["v".repeat(5 << 20)])],
		["what is no tag", "is no tag", () => page(["\u001b[31mred"])],
		["a path for a tag", "is no tag", () => page(["../../etc"])],
		["what is no list", "tags", () => Response.json({ tags: "v1" })],
		["no JSON", "cannot decode", () => new Response("<html>")],
	];
	for (const [name, message, answer] of bad) {
		test(`refused: ${name}`, async () => {
			using server = serveFake();
			server.answer = (_, url) => (url.pathname.endsWith("/tags/list") ? answer(url) : undefined);
			await expect(listTags(sessionOf(server.host))).rejects.toMatchObject({
				code: "invalid-spec",
				message: expect.stringContaining(message),
			});
		});
	}
});

test("repositories: those that are wanted, and a catalog that is not there is not found", async () => {
	using server = serveFake();
	await expect(listRepositories(sessionOf(server.host, ""), () => true)).rejects.toMatchObject({ code: "not-found" });
	server.answer = (_, url) => (url.pathname === "/v2/_catalog" ? Response.json({ repositories: ["team/app", "team/web"] }) : undefined);
	expect(await listRepositories(sessionOf(server.host, ""), (name) => name.includes("web"))).toEqual(["team/web"]);
});

describe("referrers", () => {
	const referrer = (digest: string, artifactType: string) => ({
		mediaType: "application/vnd.oci.image.manifest.v1+json",
		digest,
		size: 2,
		artifactType,
	});
	const index = (...manifests: readonly unknown[]) =>
		new Response(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests }), { headers: { "content-type": ociIndex } });

	test("by the API, filtered here too where the registry did not", async () => {
		using server = serveFake();
		const asked: (string | null)[] = [];
		server.answer = (_, url) => {
			if (url.pathname !== `/v2/app/referrers/${digestA}`) return undefined;
			asked.push(url.searchParams.get("artifactType"));
			return index(referrer(digestA, "text/a"), referrer(digestB, "text/b+x"));
		};
		expect((await listReferrers(sessionOf(server.host), digestA)).map(({ digest }) => digest)).toEqual([digestA, digestB]);
		expect((await listReferrers(sessionOf(server.host), digestA, "text/b+x")).map(({ digest }) => digest)).toEqual([digestB]);
		expect(asked).toEqual([null, "text/b+x"]);
	});

	test("by the tag that stands in for it, where there is no API or it is a page for people; none is no error", async () => {
		using server = serveFake();
		expect(await listReferrers(sessionOf(server.host), digestA)).toEqual([]);
		server.answer = (_, url) => {
			if (url.pathname.includes("/referrers/")) return new Response("<html>", { headers: { "content-type": "text/html" } });
			return url.pathname === `/v2/app/manifests/sha256-${"a".repeat(64)}` ? index(referrer(digestB, "text/b")) : undefined;
		};
		expect((await listReferrers(sessionOf(server.host), digestA)).map(({ artifactType }) => artifactType)).toEqual(["text/b"]);
	});

	test("a digest that is none is refused", async () => {
		using server = serveFake();
		server.answer = (_, url) => (url.pathname.includes("/referrers/") ? index(referrer("sha256:../x", "")) : undefined);
		await expect(listReferrers(sessionOf(server.host), digestA)).rejects.toMatchObject({ code: "invalid-spec" });
	});

	test("the tag of a sha512 digest is cut to what a tag may be", () => {
		expect(referrersTag(digestA)).toBe(`sha256-${"a".repeat(64)}`);
		expect(referrersTag(`sha512:${"c".repeat(128)}`)).toBe(`sha512-${"c".repeat(64)}`);
	});
});

describe("deleting", () => {
	test("what else names the digest is found, and a tag without a manifest is passed over", async () => {
		using server = serveFake();
		server.answer = (_, url) => {
			if (url.pathname.endsWith("/tags/list")) return page(["a", "b", "gone", "same"]);
			const name = /manifests\/(\w+)$/.exec(url.pathname)?.[1];
			if (name === undefined || name === "gone") return undefined;
			return new Response("{}", { headers: { "docker-content-digest": name === "b" ? digestB : digestA } });
		};
		expect(await tagsOf(sessionOf(server.host), digestA, "a")).toEqual(["same"]);
	});

	test("a registry that lets nobody delete says so", async () => {
		using server = serveFake();
		server.answer = (request) => (request.method === "DELETE" ? new Response(null, { status: 405 }) : undefined);
		await expect(deleteManifest(sessionOf(server.host), digestA)).rejects.toMatchObject({
			code: "unsupported",
			hint: expect.stringContaining("REGISTRY_STORAGE_DELETE_ENABLED"),
		});
		server.answer = (request) => (request.method === "DELETE" ? new Response(null, { status: 404 }) : undefined);
		await expect(deleteManifest(sessionOf(server.host), digestA)).rejects.toMatchObject({ code: "not-found" });
	});
});
