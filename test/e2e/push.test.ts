// Pushes to Debian's docker-registry: over TLS, with a password, with tokens; what arrives is what skopeo reads.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createSign } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Result, run, top } from "../support/corten.ts";
import { makeImage, passwdLayer, sha256, writeImages } from "../support/images.ts";
import { must } from "../support/must.ts";
import { type Registry, type StorageOptions, serveStorage } from "../support/registry.ts";

const folder = mkdtempSync(`${tmpdir()}/corten-push-`);
const program = [`${top}/build/corten`, "--root", `${folder}/root`, "--runroot", `${folder}/run`];
const tls = { certificate: `${folder}/registry.crt`, key: `${folder}/registry.key` };
const image = makeImage({ layers: [passwdLayer, [{ path: "a", kind: "file", data: "a" }], [{ path: "b", kind: "file", data: "b" }]] });

beforeAll(() => {
	const subject = ["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1"];
	must(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...subject, "-keyout", tls.key, "-out", tls.certificate]);
	must(["mkdir", `${folder}/certs`]);
	must(["cp", tls.certificate, `${folder}/certs/ca.crt`]);
	writeImages(`${folder}/image`, { "example.com/app:1": image });
	must([...program, "pull", "-q", `oci:${folder}/image`]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function corten(...args: readonly string[]): Promise<Result> {
	return run([...program, ...args], { env: { ...environment(), REGISTRY_AUTH_FILE: `${folder}/auth.json` } });
}

function environment(): Record<string, string> {
	return Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

async function withRegistry(options: StorageOptions, use: (registry: Registry) => Promise<void>): Promise<void> {
	const storage = mkdtempSync(`${folder}/storage-`);
	await using registry = await serveStorage(storage, { writable: true, ...options });
	await use(registry);
	rmSync(`${folder}/auth.json`, { force: true });
}

function rawDigest(place: string, ...options: readonly string[]): string {
	return sha256(must(["skopeo", "--insecure-policy", "inspect", "--raw", "--tls-verify=false", ...options, place]));
}

test("over plain http on this machine: every digest stays, a second tag sends nothing, and it is pulled back", async () => {
	await withRegistry({}, async ({ host }) => {
		const pushed = await corten("push", "example.com/app:1", `${host}/app:1`);
		expect(pushed).toMatchObject({ status: 0, stdout: `${host}/app:1: digest: ${image.manifest.digest}\n` });
		expect(rawDigest(`docker://${host}/app:1`)).toBe(image.manifest.digest);
		expect((await corten("push", "-q", "--digestfile", `${folder}/digest`, "example.com/app:1", `${host}/app:2`)).status).toBe(0);
		expect(readFileSync(`${folder}/digest`, "utf8")).toBe(image.manifest.digest);
		expect((await corten("push", "-q", "example.com/app:1", `docker://${host}/other/app:1`)).status).toBe(0);
		expect((await corten("pull", "-q", `${host}/other/app:1`)).stdout).toBe(`${host}/other/app:1\n`);
		expect((await corten("push", "-q", "--format", "v2s2", "example.com/app:1", `${host}/docker:1`)).status).toBe(0);
		expect(
			must(["skopeo", "--insecure-policy", "inspect", "--raw", "--tls-verify=false", `docker://${host}/docker:1`]).toString(),
		).toContain("application/vnd.docker.distribution.manifest.v2+json");
		const refused = await corten("push", `example.com/missing:1`, `${host}/app:1`);
		expect(refused.status).toBe(1);
		expect(refused.stderr).toContain("example.com/missing:1");
	});
});

test("over TLS: with the administrator's certificate, or without looking; a strange one is refused", async () => {
	await withRegistry({ tls }, async ({ host }) => {
		const refused = await corten("push", "-q", "example.com/app:1", `${host}/app:1`);
		expect(refused.status).toBe(1);
		expect(refused.stderr).toContain("--tls-verify=false");
		expect((await corten("push", "-q", "--cert-dir", `${folder}/certs`, "example.com/app:1", `${host}/app:1`)).status).toBe(0);
		expect((await corten("push", "-q", "--tls-verify=false", "example.com/app:1", `${host}/app:2`)).status).toBe(0);
		expect((await corten("pull", "-q", "--cert-dir", `${folder}/certs`, `${host}/app:1`)).status).toBe(0);
		expect(rawDigest(`docker://${host}/app:2`)).toBe(image.manifest.digest);
	});
});

test("with a password: login checks and keeps it, push and pull use it, skopeo too, and logout forgets it", async () => {
	// bcrypt of "secret", at its lowest cost.
	writeFileSync(`${folder}/htpasswd`, "ci:$2b$04$n82czBmEkKha1k11xTsITuC3L3Ao6ry25VUkoJvSMm95mIw8PjZuW\n");
	await withRegistry({ tls, lines: [`auth: {htpasswd: {realm: test, path: "${folder}/htpasswd"}}`] }, async ({ host }) => {
		const options = ["--cert-dir", `${folder}/certs`];
		expect((await corten("push", "-q", ...options, "example.com/app:1", `${host}/app:1`)).stderr).toContain("no credentials");
		const wrong = await corten("login", ...options, "-u", "ci", "-p", "wrong", host);
		expect(wrong.status).toBe(1);
		const login = await run([...program, "login", ...options, "-u", "ci", "--password-stdin", host], {
			env: { ...environment(), REGISTRY_AUTH_FILE: `${folder}/auth.json` },
			input: "secret\n",
		});
		expect(login).toMatchObject({ status: 0, stdout: "Login Succeeded!\n" });
		expect((await corten("login", "--get-login", host)).stdout).toBe("ci\n");
		expect((await corten("push", "-q", ...options, "example.com/app:1", `${host}/app:1`)).status).toBe(0);
		expect(rawDigest(`docker://${host}/app:1`, "--authfile", `${folder}/auth.json`)).toBe(image.manifest.digest);
		expect((await corten("pull", "-q", ...options, "--creds", "ci:secret", "--authfile", "/dev/null", `${host}/app:1`)).status).toBe(0);
		expect((await corten("logout", host)).stdout).toBe(`Removed login credentials for ${host}\n`);
		expect((await corten("login", "--get-login", host)).status).toBe(1);
		expect(
			must(["stat", "-c", "%a", `${folder}/auth.json`])
				.toString()
				.trim(),
		).toBe("600");
	});
});

describe("with tokens", () => {
	test("a token for pull and push of this repository alone is asked for, with the password, at the service the registry names", async () => {
		const asked: URL[] = [];
		const encode = (value: object | Buffer) => Buffer.from(Buffer.isBuffer(value) ? value : JSON.stringify(value)).toString("base64url");
		const chain = [must(["openssl", "x509", "-in", tls.certificate, "-outform", "DER"]).toString("base64")];
		using service = Bun.serve({
			hostname: "127.0.0.1",
			port: 0,
			tls: { cert: readFileSync(tls.certificate, "utf8"), key: readFileSync(tls.key, "utf8") },
			fetch: (request) => {
				const url = new URL(request.url);
				asked.push(url);
				if (request.headers.get("authorization") !== `Basic ${btoa("ci:secret")}`) return new Response("no", { status: 401 });
				const access = url.searchParams.getAll("scope").map((scope) => {
					const [type, name, actions = ""] = scope.split(":");
					return { type, name, actions: actions.split(",") };
				});
				const now = Math.floor(Date.now() / 1000);
				const claims = { iss: "corten", aud: "registry", sub: "ci", iat: now, nbf: now - 60, exp: now + 300, jti: "1", access };
				const signed = `${encode({ typ: "JWT", alg: "RS256", x5c: chain })}.${encode(claims)}`;
				return Response.json({ token: `${signed}.${encode(createSign("RSA-SHA256").update(signed).sign(readFileSync(tls.key)))}` });
			},
		});
		const auth = `auth: {token: {realm: "https://127.0.0.1:${service.port}/token", service: registry, issuer: corten, rootcertbundle: "${tls.certificate}"}}`;
		await withRegistry({ tls, lines: [auth] }, async ({ host }) => {
			const options = ["--cert-dir", `${folder}/certs`, "--creds", "ci:secret"];
			expect(await corten("push", "-q", ...options, "example.com/app:1", `${host}/team/app:1`)).toMatchObject({ status: 0, stderr: "" });
			expect((await corten("pull", "-q", ...options, `${host}/team/app:1`)).status).toBe(0);
			const scopes = asked.map((url) => url.searchParams.getAll("scope").join(" "));
			expect(scopes[0]).toBe("repository:team/app:pull,push");
			expect(scopes.at(-1)).toBe("repository:team/app:pull");
			expect(
				(await corten("push", "-q", ...options.slice(0, 2), "--creds", "ci:wrong", "example.com/app:1", `${host}/team/app:2`)).status,
			).toBe(1);
		});
	});
});
