// Pulls by registries.conf from registries in this process: which is asked, with whose credentials, and what the store then knows.

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { type FakeRegistry, makeImage, serveFake, temporaryFolder } from "../../../test/support/images.ts";
import { must } from "../../../test/support/must.ts";
import { type PullOptions, pullImage } from "../pull.ts";
import { parseReference } from "../reference.ts";
import { removeImage } from "../remove.ts";
import { registrySink } from "../sinks/registry.ts";
import { isRegistryAbsent } from "../sources/absent.ts";
import { checkCredentials } from "../sources/login.ts";
import { registrySource } from "../sources/registry.ts";
import type { RegistryOptions } from "../sources/registry-session.ts";
import { entryName, findImage, readEntries } from "../store.ts";
import { tagImage } from "../tag.ts";
import { decodeRegistries } from "./decode.ts";
import { placedSource } from "./source.ts";

const patience = { stallMs: 5000, attempts: 3, backoffMs: 1 };

/** A store with a configuration file. */
function world(text: string) {
	const folder = temporaryFolder();
	const file = `${folder.path}/registries.conf`;
	const environment: Record<string, string> = {
		CONTAINERS_REGISTRIES_CONF: file,
		XDG_CACHE_HOME: folder.path,
		REGISTRY_AUTH_FILE: `${folder.path}/auth.json`,
	};
	writeFileSync(file, text);
	return {
		...folder,
		environment,
		write: (changed: string) => writeFileSync(file, changed),
		login: (hosts: Record<string, string>) =>
			writeFileSync(
				environment.REGISTRY_AUTH_FILE ?? "",
				JSON.stringify({
					auths: Object.fromEntries(Object.entries(hosts).map(([host, user]) => [host, { auth: btoa(`${user}:secret`) }])),
				}),
			),
		pull: (name: string, options: Partial<PullOptions> = {}, registry: Partial<RegistryOptions> = {}) =>
			pullImage(name, { root: folder.path, ...options, registry: { patience, environment, ...registry } }),
	};
}

const mirrored = (name: string, location: string, ...mirrors: readonly string[]) =>
	`[[registry]]\nprefix = "${name}"\nlocation = "${location}"\n${mirrors.map((mirror) => `[[registry.mirror]]\nlocation = "${mirror}"\n`).join("")}`;
const manifests = (server: FakeRegistry) => server.seen.map(({ path }) => path).filter((path) => path.includes("/manifests/"));
const refuse = (server: FakeRegistry, status: number) => {
	server.answer = (_, url) => (url.pathname.includes("/manifests/") ? new Response("", { status }) : undefined);
};

describe("mirrors", () => {
	test("the first that has the image is the source of all of it, and the name is what was asked for", async () => {
		using down = serveFake();
		using mirror = serveFake();
		using origin = serveFake();
		mirror.add("1", makeImage());
		using place = world(mirrored("example.com/team", `${origin.host}/t`, `${down.host}/m`, `${mirror.host}/m`));
		refuse(down, 503);
		const result = await place.pull("example.com/team/app:1");
		expect(result.names).toEqual(["example.com/team/app:1"]);
		expect(manifests(down)).toEqual(["/v2/m/app/manifests/1"]);
		expect(manifests(mirror)).toEqual(["/v2/m/app/manifests/1"]);
		expect(origin.seen).toEqual([]);
	});

	test("where none has it the location is asked, at last", async () => {
		using mirror = serveFake();
		using origin = serveFake();
		origin.add("1", makeImage());
		using place = world(mirrored("example.com", `${origin.host}/t`, `127.0.0.1:1/dead`, mirror.host));
		await place.pull("example.com/app:1");
		expect(manifests(mirror)).toEqual(["/v2/app/manifests/1"]);
		expect(manifests(origin)).toEqual(["/v2/t/app/manifests/1"]);
	});

	test("a mirror with other bytes than the digest is passed over", async () => {
		using mirror = serveFake();
		using origin = serveFake();
		const image = makeImage();
		origin.add("1", image);
		mirror.manifests.set(image.manifest.digest, { bytes: new Uint8Array([123, 125]), mediaType: image.manifest.mediaType });
		using place = world(mirrored("example.com", origin.host, mirror.host));
		await place.pull(`example.com/app@${image.manifest.digest}`);
		expect(manifests(mirror)).toHaveLength(1);
		expect(manifests(origin)).toHaveLength(1);
	});

	test("credentials go to the host they are for: a mirror never sees the original's, nor those of the command line", async () => {
		using mirror = serveFake();
		using origin = serveFake();
		for (const server of [mirror, origin])
			server.answer = () => new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="r"' } });
		using place = world(mirrored("example.com", origin.host, mirror.host));
		place.login({ "example.com": "original", [origin.host]: "location" });
		const failed = (registry: Partial<RegistryOptions> = {}) =>
			place.pull("example.com/app:1", {}, registry).catch((error: unknown) => error);
		expect(await failed()).toMatchObject({ code: "permission-denied" });
		const sent = (server: FakeRegistry) => [
			...new Set(server.seen.map(({ authorization }) => authorization).filter((value) => value !== null)),
		];
		expect(sent(mirror)).toEqual([]);
		expect(sent(origin)).toEqual([`Basic ${btoa("location:secret")}`]);
		place.login({ [mirror.host]: "mirror" });
		origin.seen.length = 0;
		expect(await failed({ credentials: { username: "typed", password: "secret" } })).toMatchObject({ code: "permission-denied" });
		expect(sent(mirror)).toEqual([`Basic ${btoa("mirror:secret")}`]);
		expect(sent(origin)).toEqual([]);
	});

	test("when all fail each is named with its cause, and the error is absence only where all are absent", async () => {
		using mirror = serveFake();
		using origin = serveFake();
		using place = world(mirrored("example.com", origin.host, "127.0.0.1:1/dead", mirror.host));
		const failure = async () => await place.pull("example.com/app:1", { policy: "always" }).catch((error: unknown) => error as Error);
		const config = decodeRegistries(mirrored("example.com", origin.host, "127.0.0.1:1/dead", mirror.host), "f");
		const root = async () => {
			const source = placedSource([parseReference("example.com/app:1")], config, {
				tlsVerify: true,
				patience,
				environment: place.environment,
			});
			return await source.root().catch((error: unknown) => error as Error);
		};
		const absent = await root();
		expect(String(absent)).toContain("any of 3 places: 127.0.0.1:1/dead/app:1: [cannot reach");
		expect(String(absent)).toContain(`${mirror.host}/app:1: [`);
		expect(String(absent)).toContain(`; ${origin.host}/app:1`);
		expect(absent).toMatchObject({ code: "not-found" });
		expect(isRegistryAbsent(absent)).toBe(true);
		refuse(mirror, 403);
		const refused = await root();
		expect(refused).toMatchObject({ code: "permission-denied" });
		expect(isRegistryAbsent(refused)).toBe(false);
		expect(await failure()).toMatchObject({ code: "permission-denied" });
	});
});

test("a blocked registry is not spoken to: not to pull, not to push, not to log in", async () => {
	using server = serveFake();
	server.add("1", makeImage());
	using place = world(`[[registry]]\nlocation = "${server.host}"\nblocked = true\n`);
	const { environment } = place;
	const options = { tlsVerify: true, patience, environment };
	const expected = {
		code: "permission-denied",
		message: expect.stringContaining(`it is blocked in "${environment.CONTAINERS_REGISTRIES_CONF}"`),
	};
	await expect(place.pull(`${server.host}/app:1`)).rejects.toMatchObject(expected);
	const reference = parseReference(`${server.host}/app:1`);
	expect(() => registrySink(reference, options)).toThrow("it is blocked");
	expect(() => registrySource(reference, options)).toThrow("it is blocked");
	await expect(checkCredentials(server.host, { username: "u", password: "p" }, options)).rejects.toMatchObject(expected);
	expect(server.seen).toEqual([]);
});

test("a push goes to the registry that was named, not to its location and to no mirror", async () => {
	using mirror = serveFake();
	using origin = serveFake();
	using elsewhere = serveFake();
	const asked: string[] = [];
	origin.answer = (request, url) => {
		if (url.pathname === "/token") {
			asked.push(...url.searchParams.getAll("scope"));
			return Response.json({ token: "T" });
		}
		if (request.headers.get("authorization") === "Bearer T") return new Response("", { status: 404 });
		return new Response("", { status: 401, headers: { "www-authenticate": `Bearer realm="http://${url.host}/token"` } });
	};
	using place = world(mirrored(`${origin.host}/a`, `${elsewhere.host}/b`, mirror.host));
	await using sink = registrySink(parseReference(`${origin.host}/a/app:1`), {
		tlsVerify: true,
		patience,
		environment: place.environment,
		mountFrom: ["a/other"],
	});
	expect(await sink.has({ mediaType: "x", digest: `sha256:${"a".repeat(64)}`, size: 1 })).toBe(false);
	expect(asked).toContain("repository:a/app:pull,push");
	expect(origin.seen.every(({ path }) => path.startsWith("/token") || path === "/v2/" || path.startsWith("/v2/a/app/"))).toBe(true);
	expect([...mirror.seen, ...elsewhere.seen]).toEqual([]);
});

test("insecure accepts any certificate, unless --tls-verify was given", async () => {
	using plain = serveFake();
	using folder = temporaryFolder();
	const subject = ["-subj", "/CN=x", "-addext", "subjectAltName=DNS:other.example"];
	must([
		"openssl",
		"req",
		"-x509",
		"-newkey",
		"rsa:2048",
		"-nodes",
		"-days",
		"2",
		...subject,
		"-keyout",
		`${folder.path}/key`,
		"-out",
		`${folder.path}/crt`,
	]);
	plain.add("1", makeImage());
	using server = Bun.serve({
		hostname: "127.0.0.1",
		port: 0,
		tls: { cert: Bun.file(`${folder.path}/crt`), key: Bun.file(`${folder.path}/key`) },
		fetch: (request) => fetch(request.url.replace(/^https:\/\/[^/]+/, `http://${plain.host}`), { headers: request.headers }),
	});
	const host = `127.0.0.1:${server.port}`;
	using place = world(`[[registry]]\nprefix = "example.com"\nlocation = "${host}"\ninsecure = true\n`);
	await expect(place.pull("example.com/app:1", {}, { tlsVerify: true, tlsVerifyGiven: true })).rejects.toMatchObject({
		code: "unavailable",
	});
	expect((await place.pull("example.com/app:1")).names).toEqual(["example.com/app:1"]);
	place.write(mirrored("example.com", host));
	await expect(place.pull("example.com/app:1")).rejects.toMatchObject({ code: "unavailable" });
	await place.pull("example.com/app:1", {}, { tlsVerify: false, tlsVerifyGiven: true });
});

describe("short names", () => {
	test("search registries are tried in order, and the short name finds the image again without the configuration", async () => {
		using first = serveFake();
		using second = serveFake();
		const image = makeImage();
		second.add("1", image);
		using place = world(`unqualified-search-registries = ["${first.host}", "${second.host}"]\n`);
		const full = `${second.host}/app:1`;
		const { record, names } = await place.pull("app:1");
		expect(names).toEqual([full]);
		expect(manifests(first)).toEqual(["/v2/app/manifests/1"]);
		place.write("not toml");
		expect((await findImage(place.path, "app:1"))?.digest).toBe(record.digest);
		expect(await findImage(place.path, "app")).toBeUndefined();
		expect(await findImage(place.path, "docker.io/library/app:1")).toBeUndefined();
		expect((await place.pull("app:1", { policy: "missing" })).changed).toBe(false);
		tagImage(place.path, "app:1", ["other:2"]);
		expect(removeImage(place.path, "app:1", { force: false }).untagged).toEqual([full]);
		expect(await findImage(place.path, "app:1")).toBeUndefined();
	});

	test("an image that is there by its full name is found by a short one without asking a registry", async () => {
		using server = serveFake();
		server.add("1", makeImage());
		using place = world(`[aliases]\napp = "${server.host}/team/app"\n`);
		const { record } = await place.pull(`${server.host}/team/app:1`);
		server.seen.length = 0;
		expect(await findImage(place.path, "app:1")).toBeUndefined();
		expect((await place.pull("app:1", { policy: "missing" })).record.digest).toBe(record.digest);
		expect((await findImage(place.path, "app:1"))?.digest).toBe(record.digest);
		expect(server.seen).toEqual([]);
	});

	test("it goes where its name goes, is up to date when nothing is new, and ends when another is given the name", async () => {
		using server = serveFake();
		server.add("1", makeImage());
		using place = world(`[aliases]\napp = "${server.host}/app"\n`);
		await place.pull("app:1");
		expect((await place.pull("app:1")).changed).toBe(false);
		const newer = makeImage({ compression: "none" });
		server.add("1", newer);
		expect((await place.pull(`${server.host}/app:1`)).changed).toBe(true);
		expect((await findImage(place.path, "app:1"))?.digest).toBe(newer.manifest.digest);
		const other = makeImage({ docker: true });
		server.add("2", other);
		await place.pull(`${server.host}/app:2`);
		tagImage(place.path, `${server.host}/app:2`, ["app:1"]);
		expect((await findImage(place.path, "app:1"))?.digest).toBe(other.manifest.digest);
		expect(readEntries(place.path).map(entryName)).toContain("docker.io/library/app:1");
	});
});
