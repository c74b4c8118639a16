// What a registry gets to see of credentials, and what it is refused.

import { describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync } from "node:fs";
import { type FakeRegistry, makeImage, serveFake, temporaryFolder } from "../../../test/support/images.ts";
import { must } from "../../../test/support/must.ts";
import { pullImage } from "../pull.ts";

const patience = { stallMs: 5000, attempts: 3, backoffMs: 1 };

async function pull(root: string, server: FakeRegistry, text = "a:1", environment: Record<string, string> = {}) {
	return await pullImage(`${server.host}/${text}`, { root, registry: { patience, environment } });
}

describe("what a registry gets to see", () => {
	const file = (path: string, host: string) => {
		Bun.write(path, JSON.stringify({ auths: { [host]: { auth: btoa("user:secret") } } }));
		return { REGISTRY_AUTH_FILE: path };
	};
	const basic = `Basic ${btoa("user:secret")}`;

	test("credentials are given when they are asked for, and not before", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		server.add("1", makeImage());
		const environment = file(`${folder.path}/auth.json`, server.host);
		await pull(folder.path, server, "a:1", environment);
		expect(server.seen.every(({ authorization }) => authorization === null)).toBe(true);
		server.answer = (request) =>
			request.headers.get("authorization") === basic
				? undefined
				: new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="r"' } });
		server.add("2", makeImage({ compression: "none" }));
		await pull(folder.path, server, "a:2", environment);
		await expect(pull(folder.path, server, "a:2", file(`${folder.path}/other.json`, "other.example"))).rejects.toMatchObject({
			code: "permission-denied",
		});
	});

	test("a redirect to another server takes no credentials along, nor may that server ask for them (CVE-2020-15157)", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		using other = serveFake();
		const image = makeImage();
		server.add("1", image);
		const layer = image.layers[0]?.digest ?? "";
		let ask = true;
		other.answer = (_, url) =>
			ask
				? new Response("", { status: 401, headers: { "www-authenticate": `Bearer realm="http://${url.host}/steal"` } })
				: new Response(new Uint8Array(image.blobs.get(layer) ?? []));
		server.answer = (request, url) => {
			if (request.headers.get("authorization") !== basic)
				return new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="r"' } });
			return url.pathname.endsWith(layer) ? Response.redirect(`http://user:pass@${other.host}/blob`, 307) : undefined;
		};
		const environment = file(`${folder.path}/auth.json`, server.host);
		await expect(pull(folder.path, server, "a:1", environment)).rejects.toMatchObject({ code: "permission-denied" });
		ask = false;
		await pull(folder.path, server, "a:1", environment);
		expect(other.seen.length).toBeGreaterThan(1);
		expect(other.seen.map(({ authorization }) => authorization).filter((value) => value !== null)).toEqual([]);
		expect(other.seen.some(({ path }) => path.startsWith("/steal"))).toBe(false);
	});

	test("a token is fetched for reading this repository only, and used for all requests", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		server.add("1", makeImage());
		server.answer = (request, url) => {
			if (url.pathname === "/token") return Response.json({ token: "T0K" });
			if (request.headers.get("authorization") === "Bearer T0K") return undefined;
			const challenge = `Bearer realm="http://${url.host}/token",service="s,1",scope="repository:secret/other:pull,push"`;
			return new Response("", { status: 401, headers: { "www-authenticate": challenge } });
		};
		await pull(folder.path, server, "a/b:1", file(`${folder.path}/auth.json`, `${server.host}/a`));
		const tokens = server.seen.filter(({ path }) => path.startsWith("/token"));
		expect(tokens.map(({ path, authorization }) => [path, authorization])).toEqual([
			["/token?scope=repository%3Aa%2Fb%3Apull&service=s%2C1", basic],
		]);
		expect(server.seen.filter(({ authorization }) => authorization === "Bearer T0K").length).toBe(3);
	});

	test("an identity token is exchanged by POST, a token that cannot be a header is refused", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		server.add("1", makeImage());
		await Bun.write(`${folder.path}/auth.json`, JSON.stringify({ auths: { [server.host]: { identitytoken: "id" } } }));
		let token = "bad\r\ntoken: x";
		let body = "";
		server.answer = async (request, url) => {
			if (url.pathname === "/token") {
				body = await request.text();
				return Response.json({ access_token: token });
			}
			if (request.headers.get("authorization") === "Bearer good") return undefined;
			return new Response("", { status: 401, headers: { "www-authenticate": `Bearer realm="http://${url.host}/token"` } });
		};
		const environment = { REGISTRY_AUTH_FILE: `${folder.path}/auth.json` };
		await expect(pull(folder.path, server, "a:1", environment)).rejects.toMatchObject({ code: "invalid-spec" });
		token = "good";
		await pull(folder.path, server, "a:1", environment);
		expect(new URLSearchParams(body).get("refresh_token")).toBe("id");
	});

	test("wrong credentials end in permission-denied, not in a loop", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		server.answer = () => new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="r"' } });
		await expect(pull(folder.path, server, "a:1", file(`${folder.path}/auth.json`, server.host))).rejects.toMatchObject({
			code: "permission-denied",
		});
		expect(server.seen.length).toBe(2);
	});

	test("a failing registry is asked again, and a busy one is given time", async () => {
		using folder = temporaryFolder();
		using server = serveFake();
		server.add("1", makeImage());
		let asked = 0;
		server.answer = () => (asked++ < 2 ? new Response("", { status: asked === 1 ? 503 : 429 }) : undefined);
		await pull(folder.path, server);
		expect(asked).toBeGreaterThan(3);
	});
});

describe("TLS", () => {
	/** A server whose certificate nobody has signed. */
	function serveSecretly(folder: string, answer: (url: URL) => Response) {
		const files = ["-keyout", `${folder}/key.pem`, "-out", `${folder}/cert.pem`];
		must([
			"openssl",
			"req",
			"-x509",
			"-newkey",
			"rsa:2048",
			"-nodes",
			"-days",
			"2",
			"-subj",
			"/CN=localhost",
			"-addext",
			"subjectAltName=DNS:localhost,IP:127.0.0.1",
			...files,
		]);
		const tls = { key: Bun.file(`${folder}/key.pem`), cert: Bun.file(`${folder}/cert.pem`) };
		return Bun.serve({ hostname: "127.0.0.1", port: 0, tls, fetch: (request) => answer(new URL(request.url)) });
	}

	test("a certificate nobody has signed is refused, on this machine too, unless --tls-verify=false or the administrator trusts it", async () => {
		using folder = temporaryFolder();
		const image = makeImage();
		const server = serveSecretly(folder.path, ({ pathname }) => {
			const name = pathname.split("/").at(-1) ?? "";
			if (pathname === "/v2/") return Response.json({});
			if (name === "1")
				return new Response(new Uint8Array(image.blobs.get(image.manifest.digest) ?? []), {
					headers: { "content-type": image.manifest.mediaType },
				});
			return new Response(new Uint8Array(image.blobs.get(name) ?? []));
		});
		const name = `127.0.0.1:${server.port}/a:1`;
		const refused = await pullImage(name, { root: folder.path, registry: { patience, environment: {} } }).catch(
			(caught: unknown) => caught,
		);
		expect(refused).toMatchObject({ code: "unavailable", hint: expect.stringContaining("--tls-verify=false") });
		const pulled = await pullImage(name, { root: folder.path, registry: { patience, environment: {}, tlsVerify: false } });
		expect(pulled.digest).toBe(image.manifest.digest);
		const trusted = { patience, environment: {}, certificateFolders: [`${folder.path}/certs.d`] };
		mkdirSync(`${folder.path}/certs.d/127.0.0.1:${server.port}`, { recursive: true });
		copyFileSync(`${folder.path}/cert.pem`, `${folder.path}/certs.d/127.0.0.1:${server.port}/ca.crt`);
		expect((await pullImage(name, { root: `${folder.path}/other`, registry: trusted })).digest).toBe(image.manifest.digest);
		await server.stop(true);
	});

	test("from https no redirect leads to http", async () => {
		using folder = temporaryFolder();
		using plain = serveFake();
		const server = serveSecretly(folder.path, () => Response.redirect(`http://${plain.host}/`, 302));
		const program = `import { send } from ${JSON.stringify(`${import.meta.dir}/http.ts`)};
			await send({ url: new URL("https://localhost:${server.port}/"), tlsVerify: true, certificates: {}, patience: ${JSON.stringify(patience)} }).catch((error) => console.log(error.code, error.message));`;
		const child = Bun.spawn([process.execPath, "-e", program], {
			env: { ...process.env, NODE_EXTRA_CA_CERTS: `${folder.path}/cert.pem` },
			stdout: "pipe",
			stderr: "inherit",
		});
		const said = await child.stdout.text();
		expect(said).toContain("from https to http");
		expect(plain.seen).toEqual([]);
		await server.stop(true);
	});
});
