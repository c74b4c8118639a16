// registries.conf with Debian's docker-registry: mirrors, locations, blocks, insecure registries, short names. skopeo and podman read the same file and
// must come to the same image.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Result, run, top } from "../support/corten.ts";
import { makeImage, passwdLayer, sha256, type TestImage, writeImages } from "../support/images.ts";
import { must } from "../support/must.ts";
import { type Registry, serveStorage } from "../support/registry.ts";

const folder = mkdtempSync(`${tmpdir()}/corten-registries-`);
const conf = `${folder}/registries.conf`;
const tls = { certificate: `${folder}/crt`, key: `${folder}/key` };
const numbered = (name: string) => makeImage({ layers: [passwdLayer, [{ path: name, kind: "file", data: name }]] });
/** Who serves which: "a" and "b" over plain http, "s" with a certificate nobody trusts. */
const images: Readonly<Record<string, TestImage>> = { a: numbered("a"), b: numbered("b"), s: numbered("s") };
let a: Registry;
let b: Registry;
let s: Registry;

beforeAll(async () => {
	const subject = ["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1"];
	must(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...subject, "-keyout", tls.key, "-out", tls.certificate]);
	a = await serveStorage(`${folder}/a`, { writable: true });
	b = await serveStorage(`${folder}/b`, { writable: true });
	s = await serveStorage(`${folder}/s`, { writable: true, tls });
	writeImages(`${folder}/image`, images);
	writeFileSync(`${folder}/auth.json`, "{}"); // podman wants to see the file
	for (const [registry, image, name] of [
		[a, "a", "t/app:1"],
		[b, "b", "t/app:1"],
		[b, "b", "t/only-b:1"],
		[s, "s", "t/app:1"],
	] as const)
		must([
			"skopeo",
			"--insecure-policy",
			"copy",
			"-q",
			"--dest-tls-verify=false",
			`oci:${folder}/image:${image}`,
			`docker://${registry.host}/${name}`,
		]);
});
afterAll(async () => {
	for (const registry of [a, b, s]) await registry[Symbol.asyncDispose]();
	rmSync(folder, { recursive: true, force: true });
});

function environment(): Record<string, string> {
	const own = Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
	return { ...Object.fromEntries(own), HOME: folder, CONTAINERS_REGISTRIES_CONF: conf, REGISTRY_AUTH_FILE: `${folder}/auth.json` };
}

function corten(...args: readonly string[]): Promise<Result> {
	return run([`${top}/build/corten`, "--root", `${folder}/root`, "--runroot", `${folder}/run`, ...args], { env: environment() });
}

/** Which image corten finds under a name now; "" when it finds none. */
async function cortenFinds(name: string): Promise<string> {
	const result = await corten("pull", name);
	const digest = /^Digest: (\S+)$/m.exec(result.stdout)?.[1];
	return Object.entries(images).find(([, image]) => image.manifest.digest === digest)?.[0] ?? "";
}

async function skopeoFinds(name: string): Promise<string> {
	const program = ["skopeo", "--insecure-policy", "--registries-conf", conf, "inspect", "--raw", `docker://${name}`];
	const { stdout } = await run(program, { env: environment() });
	return Object.entries(images).find(([, image]) => image.manifest.digest === sha256(stdout))?.[0] ?? "";
}

async function podmanFinds(name: string): Promise<string> {
	// A store of its own each time: what podman has already decides what it pulls.
	const root = mkdtempSync(`${folder}/podman-`);
	const place = ["--root", `${root}/root`, "--runroot", `${root}/run`, "--storage-driver", "vfs"];
	const { stdout } = await run(["podman", ...place, "pull", "-q", name], { env: environment() });
	return Object.entries(images).find(([, image]) => image.config.digest === `sha256:${stdout.trim()}`)?.[0] ?? "";
}

const table = (prefix: string, location: string, ...lines: readonly string[]) =>
	`[[registry]]\nprefix = "${prefix}"\nlocation = "${location}"\n${lines.map((line) => `${line}\n`).join("")}`;
const insecure = "insecure = true";
const mirror = (location: string, ...lines: readonly string[]) =>
	["[[registry.mirror]]", `location = "${location}"`, insecure, ...lines].join("\n");

describe("corten and skopeo come to the same image", () => {
	const cases: [name: string, text: () => string, reference: () => string, found: string][] = [
		["a mirror has it", () => table("example.com/t", `${b.host}/t`, insecure, mirror(`${a.host}/t`)), () => "example.com/t/app:1", "a"],
		["the mirror is down", () => table("example.com", b.host, insecure, mirror("127.0.0.1:1")), () => "example.com/t/app:1", "b"],
		["the mirror does not have it", () => table("example.com", b.host, insecure, mirror(a.host)), () => "example.com/t/only-b:1", "b"],
		[
			"the second mirror has it",
			() => table("example.com", "127.0.0.1:1", mirror(a.host), mirror(b.host)),
			() => "example.com/t/only-b:1",
			"b",
		],
		[
			"a mirror for digests is not asked for a tag",
			() => table("example.com", b.host, insecure, "mirror-by-digest-only = true", mirror(a.host)),
			() => "example.com/t/app:1",
			"b",
		],
		[
			"a mirror for digests is asked for a digest",
			() => table("example.com", b.host, insecure, mirror(a.host, 'pull-from-mirror = "digest-only"')),
			() => `example.com/t/app@${images.a?.manifest.digest}`,
			"a",
		],
		[
			"a mirror for tags is not asked for a digest",
			() => table("example.com", b.host, insecure, mirror(a.host, 'pull-from-mirror = "tag-only"')),
			() => `example.com/t/app@${images.a?.manifest.digest}`,
			"",
		],
		["the registry is blocked", () => table("example.com", "example.com", "blocked = true"), () => "example.com/t/app:1", ""],
		[
			"the registry is blocked and a mirror is not",
			() => table("example.com", "example.com", "blocked = true", mirror(a.host)),
			() => "example.com/t/app:1",
			"a",
		],
		[
			"the mirror is blocked",
			() => `${table("example.com", b.host, insecure, mirror(a.host))}${table(a.host, a.host, "blocked = true")}`,
			() => "example.com/t/app:1",
			"b",
		],
		["the certificate is nobody's", () => table("example.com", s.host), () => "example.com/t/app:1", ""],
		["any certificate will do", () => table("example.com", s.host, insecure), () => "example.com/t/app:1", "s"],
		["a wildcard", () => table("*.example.com", `${b.host}/t`, insecure), () => "deep.www.example.com/app:1", "b"],
		[
			"the longest prefix",
			() => `${table("example.com", a.host, insecure)}${table("example.com/t", `${b.host}/t`, insecure)}`,
			() => "example.com/t/app:1",
			"b",
		],
		[
			"a prefix ends where a part ends",
			() => `${table("example.com/u", "127.0.0.1:1")}${table("example.com", a.host, insecure)}`,
			() => "example.com/t/app:1",
			"a",
		],
		["docker.io's library", () => table("docker.io/library", `${a.host}/t`, insecure), () => "docker.io/app:1", "a"],
		["no TOML", () => "nonsense", () => `${a.host}/t/app:1`, ""],
		["a broken rule", () => '[[registry]]\nprefix = "example.com"\n', () => `${a.host}/t/app:1`, ""],
	];
	for (const [name, text, reference, found] of cases) {
		test(name, async () => {
			writeFileSync(conf, text());
			expect(await skopeoFinds(reference())).toBe(found);
			expect(await cortenFinds(reference())).toBe(found);
		});
	}
});

describe("corten and podman resolve a short name alike", () => {
	const both = () => `${table(a.host, a.host, insecure)}${table(b.host, b.host, insecure)}`;
	const search = (mode = "permissive") =>
		`unqualified-search-registries = ["${a.host}", "${b.host}"]\nshort-name-mode = "${mode}"\n${both()}`;
	const cases: [name: string, text: () => string, reference: string, found: string][] = [
		["in the first search registry", search, "t/app:1", "a"],
		["in the second", search, "t/only-b:1", "b"],
		["in none", search, "t/none:1", ""],
		["by an alias before search registries", () => `${search()}[aliases]\n"t/app" = "${b.host}/t/app"\n`, "t/app:1", "b"],
		["where the mode is enforcing and there are two", () => search("enforcing"), "t/app:1", ""],
		["where nobody is to be asked", () => search("disabled"), "t/only-b:1", "b"],
	];
	for (const [name, text, reference, found] of cases) {
		test(name, async () => {
			writeFileSync(conf, text());
			expect(await podmanFinds(reference)).toBe(found);
			expect(await cortenFinds(reference)).toBe(found);
		}, 30_000);
	}
});

test("an image of a short name starts again without the configuration being read", async () => {
	writeFileSync(conf, `[aliases]\nshort = "${b.host}/t/only-b"\n`);
	expect((await corten("pull", "-q", "short:1")).stdout).toBe(`${b.host}/t/only-b:1\n`);
	writeFileSync(conf, "nonsense");
	expect((await corten("create", "--name", "one", "short:1", "/x")).status).toBe(0);
	expect((await corten("rm", "one")).status).toBe(0);
	expect((await corten("rmi", "short:1")).status).toBe(0);
	const missing = await corten("create", "short:1", "/x");
	expect(missing.status).not.toBe(0);
	expect(missing.stderr).toContain(conf);
});

test("a block says which file, also to a push and a login", async () => {
	writeFileSync(conf, "");
	expect((await corten("pull", "-q", `${a.host}/t/app:1`)).status).toBe(0);
	writeFileSync(conf, table(a.host, a.host, "blocked = true"));
	for (const words of [
		["pull", `${a.host}/t/app:1`],
		["push", `${a.host}/t/app:1`],
		["login", "-u", "user", "-p", "secret", a.host],
	]) {
		const { status, stderr } = await corten(...words);
		expect(status).not.toBe(0);
		expect(stderr).toContain(`it is blocked in "${conf}"`);
	}
});

test("insecure holds for pushes; --tls-verify, when given, holds instead", async () => {
	writeFileSync(conf, table(s.host, s.host, insecure));
	expect((await corten("pull", "-q", `${a.host}/t/app:1`)).status).toBe(0);
	const refused = await corten("push", "-q", "--tls-verify=true", `${a.host}/t/app:1`, `${s.host}/pushed:1`);
	expect(refused.status).toBe(1);
	expect(refused.stderr).toContain("certificate is not trusted");
	expect((await corten("push", "-q", `${a.host}/t/app:1`, `${s.host}/pushed:1`)).status).toBe(0);
	expect(await cortenFinds(`${s.host}/pushed:1`)).toBe("a");
	expect(readFileSync(`${folder}/s/docker/registry/v2/repositories/pushed/_manifests/tags/1/current/link`, "utf8")).toBe(
		images.a?.manifest.digest ?? "",
	);
});
