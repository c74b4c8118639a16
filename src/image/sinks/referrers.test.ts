// Lists of referrers: kept by the registry, kept under a tag, and what else may lie there.

import { expect, test } from "bun:test";
import { type FakeRegistry, serveFake, sha256 } from "../../../test/support/images.ts";
import type { Digest } from "../../spec/image.ts";
import { ociIndex, ociManifest } from "../media-types.ts";
import { referrersTag } from "../sources/registry-list.ts";
import { createSession } from "../sources/registry-session.ts";
import { addReferrer, referrerOf, removeReferrer } from "./referrers.ts";

const subject: Digest = `sha256:${"a".repeat(64)}`;
const tag = referrersTag(subject);

function manifestOf(document: object) {
	const bytes = new TextEncoder().encode(
		JSON.stringify({ schemaVersion: 2, config: { mediaType: "application/vnd.a.config" }, ...document }),
	);
	return { bytes, descriptor: { mediaType: ociManifest, digest: sha256(bytes), size: bytes.length } };
}
const referring = (name: string) =>
	manifestOf({ artifactType: "text/x", annotations: { name }, subject: { mediaType: ociManifest, digest: subject, size: 1 } });

function sessionOf({ host }: FakeRegistry) {
	const patience = { stallMs: 5000, attempts: 1, backoffMs: 1 };
	return createSession({ domain: host, repository: "app" }, { tlsVerify: true, patience, environment: {}, placed: true });
}

/** A registry that takes manifests; with `conditions` it heeds If-Match. */
function serveTags(conditions: boolean): FakeRegistry {
	const server = serveFake();
	server.answer = async (request, url) => {
		const name = url.pathname.split("/").pop() ?? "";
		if (!url.pathname.includes("/manifests/")) return undefined;
		const before = server.manifests.get(name);
		const etag = before === undefined ? undefined : `"${sha256(before.bytes)}"`;
		if (request.method === "GET" && before !== undefined && etag !== undefined)
			return new Response(new Uint8Array(before.bytes), { headers: { "content-type": before.mediaType, etag } });
		if (request.method !== "PUT") return undefined;
		const condition = request.headers.get("if-match");
		if (conditions && condition !== null && condition !== etag) return new Response(null, { status: 412 });
		const bytes = new Uint8Array(await request.arrayBuffer());
		server.manifests.set(name, { bytes, mediaType: request.headers.get("content-type") ?? "" });
		return new Response(null, { status: 201 });
	};
	return server;
}
const listed = (server: FakeRegistry) =>
	(JSON.parse(new TextDecoder().decode(server.manifests.get(tag)?.bytes)) as { manifests: { digest: string }[] }).manifests;

test("a manifest's entry has its type, its annotations, and the config's type where it says none", () => {
	const { bytes, descriptor } = referring("a");
	expect(referrerOf(descriptor, bytes)).toEqual({ subject, entry: { ...descriptor, artifactType: "text/x", annotations: { name: "a" } } });
	const plain = manifestOf({ subject: { digest: subject } });
	expect(referrerOf(plain.descriptor, plain.bytes)?.entry).toEqual({ ...plain.descriptor, artifactType: "application/vnd.a.config" });
	expect(referrerOf(plain.descriptor, manifestOf({}).bytes)).toBeUndefined();
	expect(() => referrerOf(plain.descriptor, manifestOf({ subject: { digest: "../x" } }).bytes)).toThrow("no sha256");
});

test("nothing is sent where the registry says OCI-Subject, and for what has no subject", async () => {
	using server = serveTags(false);
	const { bytes, descriptor } = referring("a");
	await addReferrer(sessionOf(server), descriptor, bytes, new Headers({ "oci-subject": subject }));
	const plain = manifestOf({});
	await addReferrer(sessionOf(server), plain.descriptor, plain.bytes, new Headers());
	expect(server.seen).toEqual([]);
});

test("the list under the tag grows, holds nothing twice, keeps what others wrote, and shrinks", async () => {
	using server = serveTags(false);
	const foreign = { mediaType: ociManifest, digest: `sha256:${"f".repeat(64)}`, size: 1, data: "eA==" };
	const index = { schemaVersion: 2, mediaType: ociIndex, manifests: [foreign], annotations: { keep: "me" } };
	server.manifests.set(tag, { bytes: new TextEncoder().encode(JSON.stringify(index)), mediaType: ociIndex });
	const session = sessionOf(server);
	const { bytes, descriptor } = referring("a");
	for (let round = 0; round < 2; round++) await addReferrer(session, descriptor, bytes, new Headers());
	expect(listed(server)).toEqual([foreign, { ...descriptor, artifactType: "text/x", annotations: { name: "a" } } as never]);
	expect(new TextDecoder().decode(server.manifests.get(tag)?.bytes)).toContain('"keep":"me"');
	await removeReferrer(session, subject, descriptor.digest);
	await removeReferrer(session, subject, descriptor.digest);
	expect(listed(server)).toEqual([foreign]);
});

test("where the registry keeps the list itself its tag is left alone", async () => {
	using server = serveTags(false);
	const tags = server.answer;
	server.answer = (request, url) =>
		url.pathname.includes("/referrers/")
			? Response.json({ schemaVersion: 2, manifests: [] }, { headers: { "content-type": ociIndex } })
			: tags(request, url);
	await removeReferrer(sessionOf(server), subject, subject);
	expect(server.seen.filter(({ path }) => path.includes("/manifests/"))).toEqual([]);
});

test("of several that write at once none is lost where conditions are heeded", async () => {
	using server = serveTags(true);
	const first = referring("first");
	await addReferrer(sessionOf(server), first.descriptor, first.bytes, new Headers());
	const others = ["a", "b", "c", "d"].map(referring);
	await Promise.all(others.map(({ descriptor, bytes }) => addReferrer(sessionOf(server), descriptor, bytes, new Headers())));
	expect(
		listed(server)
			.map(({ digest }) => digest)
			.sort(),
	).toEqual([first, ...others].map(({ descriptor }) => descriptor.digest).sort());
});

test("a tag that names no index is an error, and stays", async () => {
	using server = serveTags(false);
	const { bytes, descriptor } = referring("a");
	server.manifests.set(tag, {
		bytes: manifestOf({
			config: { ...descriptor, mediaType: "application/vnd.oci.image.config.v1+json" },
			layers: [{ ...descriptor, mediaType: "application/vnd.oci.image.layer.v1.tar" }],
		}).bytes,
		mediaType: ociManifest,
	});
	await expect(addReferrer(sessionOf(server), descriptor, bytes, new Headers())).rejects.toMatchObject({ code: "invalid-spec" });
	expect(server.seen.every(({ method }) => method === "GET")).toBe(true);
});

test("a list that never settles is given up", async () => {
	using server = serveTags(false);
	const { bytes, descriptor } = referring("a");
	const tags = server.answer;
	server.answer = (request, url) => (request.method === "PUT" ? new Response(null, { status: 201 }) : tags(request, url));
	await expect(addReferrer(sessionOf(server), descriptor, bytes, new Headers())).rejects.toMatchObject({ code: "busy" });
});
