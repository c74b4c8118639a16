// corten trust, and images of appc's by name: a web server with TLS on a loopback address of its own, names for it in a copy of /etc that only
// corten sees, keys and signatures by gpg.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Home, type Result, run } from "../support/corten.ts";
import { Gpg } from "../support/gpg.ts";
import { must } from "../support/must.ts";
import { installed, testWhen } from "../support/skip.ts";
import { makeCertificates } from "../support/tls.ts";

const able = ["gpg", "gpg-agent", "openssl", "unshare", "busybox", "script"].every(installed);
const testHere = testWhen(able, "gpg, openssl, unshare, busybox or script is not installed");
const folder = mkdtempSync(`${tmpdir()}/discovery-e2e-`);
const etc = `${folder}/etc`;
const files = new Map<string, Uint8Array | string | (() => Response)>();
const plain = new Map<string, Uint8Array | string>();
const asked: string[] = [];
const servers: Bun.Server<undefined>[] = [];
let home: Home;
let gpg: Gpg;

const names = { version: "1.0", name: "images.test/app" };

/** An image that prints its version. */
function build(name: string, version: string): Uint8Array {
	const layout = `${folder}/layout`;
	rmSync(layout, { recursive: true, force: true });
	mkdirSync(`${layout}/rootfs/bin`, { recursive: true });
	must(["cp", must(["which", "busybox"]).toString().trim(), `${layout}/rootfs/bin/echo`]);
	const labels = [
		{ name: "version", value: version },
		{ name: "os", value: "linux" },
		{ name: "arch", value: "amd64" },
	];
	const app = { exec: ["/bin/echo", `this is ${version}`], user: "0", group: "0" };
	writeFileSync(`${layout}/manifest`, JSON.stringify({ acKind: "ImageManifest", acVersion: "0.8.11", name, labels, app }));
	return new Uint8Array(must(["tar", "--owner=0", "--group=0", "-C", layout, "-czf", "-", "manifest", "rootfs"]));
}

function put(version: string, image: Uint8Array, signature?: Uint8Array): void {
	files.set(`/images/app-${version}.aci`, image);
	if (signature !== undefined) files.set(`/images/app-${version}.aci.asc`, signature);
}

const page = (name: string, base: string) =>
	`<html><head><meta name=ac-discovery content="${name} ${base}/images/app-{version}.{ext}">` +
	`<meta name="ac-discovery-pubkeys" content="${name} ${base}/keys.asc"></head><body>an app</body></html>`;

/** Serves on ports 443 and 80 of a loopback address that nobody uses. @returns the address */
function serve(certificate: string, key: string): string {
	for (let attempt = 0; attempt < 50; attempt++) {
		const [a = 1, b = 1, c = 1] = crypto.getRandomValues(new Uint8Array(3));
		const hostname = `127.${a || 1}.${b}.${Math.max(1, c & 0xfe)}`;
		const opened: Bun.Server<undefined>[] = [];
		try {
			const tls = { cert: Bun.file(certificate), key: Bun.file(key) };
			const answer = (from: ReadonlyMap<string, Uint8Array | string | (() => Response)>, scheme: string) => (request: Request) => {
				const url = new URL(request.url);
				asked.push(`${scheme}://${url.host}${url.pathname}`);
				const found = from.get(url.pathname);
				return found === undefined ? new Response("nothing", { status: 404 }) : typeof found === "function" ? found() : new Response(found);
			};
			opened.push(Bun.serve({ hostname, port: 443, tls, fetch: answer(files, "https") }));
			opened.push(Bun.serve({ hostname, port: 80, fetch: answer(plain, "http") }));
			servers.push(...opened);
			return hostname;
		} catch {
			for (const server of opened) server.stop(true);
		}
	}
	throw new Error("no address of this machine is free");
}

beforeAll(() => {
	if (!able) return;
	home = new Home();
	gpg = new Gpg();
	for (const name of ["maker", "stranger", "neighbour"]) gpg.makeKey(name, name === "maker" ? "rsa3072" : "ed25519");
	gpg.makeKey("old", "ed25519", true);
	const { certificate, key } = makeCertificates(folder, ["images.test"]);
	const address = serve(certificate, key);
	must(["cp", "-a", "/etc", etc]);
	rmSync(`${etc}/corten`, { recursive: true, force: true });
	// Port 443 of plain.test is images.test's, whose certificate is not for it.
	writeFileSync(`${etc}/hosts`, `127.0.0.1 localhost\n${address} images.test plain.test\n`);
	files.set("/app", page("images.test/app", "https://images.test"));
	files.set("/keys.asc", gpg.export("maker"));
	for (const [version, signer] of [
		["1.0", "maker"],
		["2.0", "stranger"],
		["3.0", "neighbour"],
	] as const) {
		const image = build(names.name, version);
		put(version, image, gpg.sign(signer, image));
	}
}, 120_000);

afterAll(async () => {
	for (const server of servers) server.stop(true);
	if (!able) return;
	gpg[Symbol.dispose]();
	await home[Symbol.asyncDispose]();
	rmSync(folder, { recursive: true, force: true });
});

/** corten with the copy of /etc, and the test's authority as the machine's. */
function command(...args: readonly string[]): string[] {
	return ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"', etc, ...home.command(...args)];
}

function corten(...args: readonly string[]): Promise<Result> {
	return run(command(...args), { env: { PATH: process.env.PATH ?? "", HOME: folder, SSL_CERT_FILE: `${folder}/ca.crt` } });
}

/** On a terminal, where somebody types. */
async function answering(answer: string, ...args: readonly string[]): Promise<Result> {
	const line = command(...args)
		.map((word) => `'${word}'`)
		.join(" ");
	const env = { PATH: process.env.PATH ?? "", HOME: folder, SSL_CERT_FILE: `${folder}/ca.crt`, SHELL: "/bin/sh" };
	return run(["script", "-qec", line, "/dev/null"], { input: `${answer}\n`, env });
}

const image = `${names.name}:${names.version}`;

describe("an image by its name", () => {
	testHere("does not run before somebody trusts a key for it, and the error says how", async () => {
		const { status, stderr } = await corten("run", "--rm", image);
		expect(status).toBe(125);
		expect(stderr).toContain(`cannot find "${image}": its registry: `);
		expect(stderr).toContain(`discovery: cannot verify the signature of "${image}": no key is trusted for it`);
		expect(stderr).toContain("corten trust --prefix images.test/app");
	});

	testHere("runs when its key is trusted, from then on from the store", async () => {
		const fingerprint = gpg.fingerprint("maker");
		const silent = await corten("trust", "--prefix", "images.test/app");
		expect([silent.status, silent.stderr]).toEqual([1, expect.stringContaining("the input is no terminal")]);
		const refused = await answering("no", "trust", "--prefix", "images.test/app");
		expect(refused.stdout).toContain(fingerprint.toUpperCase().replace(/.{4}(?=.)/g, "$& "));
		expect(refused.stdout).toContain("Trust this key for images.test/app? (yes/no)");
		expect(existsSync(`${etc}/corten/trustedkeys/prefix.d`)).toBe(false);
		const accepted = await answering("yes", "trust", "--prefix", "images.test/app");
		expect(accepted.status).toBe(0);
		expect(readdirSync(`${etc}/corten/trustedkeys/prefix.d/images.test/app`)).toEqual([fingerprint]);

		const first = await corten("run", "--rm", "--quiet", image);
		expect(first).toEqual({ status: 0, stdout: "this is 1.0\n", stderr: "" });
		expect((await corten("images", "--format", "{{.Repository}}:{{.Tag}}")).stdout).toBe(`${image}\n`);
		const before = asked.length;
		expect((await corten("run", "--rm", image)).stdout).toBe("this is 1.0\n");
		expect(asked.length).toBe(before);
		expect((await corten("pull", "-q", `appc:${image},os=linux`)).stdout).toBe(`${image}\n`);
	});

	testHere("is refused with a stranger's signature, another name's, none, or an old key's", async () => {
		writeFileSync(`${folder}/neighbour.asc`, gpg.export("neighbour"));
		await corten("trust", "--skip-fingerprint-review", "--prefix", "images.test/apple", `${folder}/neighbour.asc`);
		writeFileSync(`${folder}/old.asc`, gpg.export("old"));
		const old = await corten("trust", "--skip-fingerprint-review", "--prefix", "images.test/app", `${folder}/old.asc`);
		expect(old.stderr).toContain("verifies nothing: ");
		const bytes = build(names.name, "4.0");
		put("4.0", bytes);
		put("5.0", bytes, gpg.signLongAgo("old", bytes));
		const refusal = async (version: string) => {
			const { status, stdout, stderr } = await corten("run", "--rm", `${names.name}:${version}`);
			expect([status, stdout]).toEqual([125, ""]);
			return stderr;
		};
		expect(await refusal("2.0")).toContain(`key ${gpg.fingerprint("stranger").slice(-16)} is not trusted for it`);
		expect(await refusal("3.0")).toContain(`key ${gpg.fingerprint("neighbour").slice(-16)} is not trusted for it`);
		expect(await refusal("4.0")).toContain("it is not signed");
		expect(await refusal("5.0")).toContain("expired");
		expect((await corten("run", "--rm", "--quiet", "--insecure-options=image", `${names.name}:4.0`)).stdout).toBe("this is 4.0\n");
	});

	testHere("is refused when it is another image, changed, or comes by http", async () => {
		const other = build("images.test/other", "6.0");
		put("6.0", other, gpg.sign("maker", other));
		const former = build(names.name, "1.0");
		put("7.0", former, gpg.sign("maker", former));
		put("8.0", build(names.name, "8.0"), gpg.sign("maker", other));
		const good = build(names.name, "9.0");
		put("9.0", good, gpg.sign("maker", good));
		files.set("/images/app-9.0.aci", () => Response.redirect("http://images.test/images/app-9.0.aci", 302));
		plain.set("/images/app-9.0.aci", good);
		const refusal = async (version: string) => (await corten("pull", "-q", `appc:${names.name}:${version}`)).stderr;
		expect(await refusal("6.0")).toContain('the image is named "images.test/other"');
		expect(await refusal("7.0")).toContain('the image has version "1.0", asked for was "7.0"');
		expect(await refusal("8.0")).toContain("Signed digest did not match");
		expect(await refusal("9.0")).toContain("from https to http");
		expect(asked.filter((line) => line.startsWith("http:"))).toEqual([]);
	});

	testHere("over plain http only when told so, and then signed all the same", async () => {
		const bytes = build("plain.test/app", "1.0");
		plain.set("/app", page("plain.test/app", "http://plain.test"));
		plain.set("/images/app-1.0.aci", bytes);
		plain.set("/images/app-1.0.aci.asc", gpg.sign("maker", bytes));
		plain.set("/keys.asc", gpg.export("maker"));
		const get = (...options: readonly string[]) => corten("pull", "-q", ...options, "appc:plain.test/app:1.0");
		expect((await get()).stderr).toContain('cannot discover "plain.test/app:1.0');
		expect((await get("--insecure-options=http")).stderr).toContain("no key is trusted for it");
		const trust = ["trust", "--skip-fingerprint-review", "--prefix", "plain.test/app"];
		expect((await corten(...trust)).status).toBe(1);
		expect((await corten(...trust, "--insecure-allow-http")).status).toBe(0);
		expect((await get("--insecure-options=http")).stdout).toBe("plain.test/app:1.0\n");
	});

	testHere("of a registry that refuses, or has a certificate of nobody's, is not looked for elsewhere", async () => {
		files.set("/v2/app/manifests/10.0", () => new Response("", { status: 403 }));
		const bytes = build(names.name, "10.0");
		put("10.0", bytes, gpg.sign("maker", bytes));
		const { status, stderr } = await corten("pull", `${names.name}:10.0`);
		expect(status).toBe(1);
		expect(stderr).not.toContain("discovery");
		expect((await corten("pull", "plain.test/app:2.0")).stderr).not.toContain("discovery");
		expect((await corten("pull", "docker://images.test/app:1.0")).stderr).not.toContain("discovery");
	});
});

describe("an archive on this machine", () => {
	testHere("runs when it is signed, or when nobody asks", async () => {
		const path = `${folder}/file.aci`;
		const bytes = build(names.name, "11.0");
		writeFileSync(path, bytes);
		expect((await corten("run", "--rm", `aci:${path}`)).stderr).toContain("it is not signed");
		expect((await corten("run", "--rm", "--quiet", "--insecure-options=image", `aci:${path}`)).stdout).toBe("this is 11.0\n");
		writeFileSync(`${path}.asc`, gpg.sign("maker", bytes));
		expect((await corten("run", "--rm", "--quiet", `aci:${path}`)).stdout).toBe("this is 11.0\n");
	});
});

describe("trust", () => {
	testHere("lists who is trusted, and takes the trust away", async () => {
		const fingerprint = gpg.fingerprint("stranger");
		writeFileSync(`${folder}/stranger.gpg`, gpg.export("stranger", false));
		const stored = await corten("trust", "--root", "--skip-fingerprint-review", `${folder}/stranger.gpg`);
		expect(stored.stdout).toBe(`/etc/corten/trustedkeys/root.d/${fingerprint}\n`);
		expect(readFileSync(`${etc}/corten/trustedkeys/root.d/${fingerprint}`, "utf8")).toContain("BEGIN PGP PUBLIC KEY BLOCK");
		const list = await corten("trust", "list", "--format", "{{.Scope}} {{.Fingerprint}} {{.User}}");
		expect(list.stdout).toContain(`all images ${fingerprint} stranger\n`);
		expect((await corten("trust", "list")).stdout).toMatch(/^SCOPE +FINGERPRINT +USER +FILE\n/);
		expect((await corten("run", "--rm", "--quiet", `${names.name}:2.0`)).stdout).toBe("this is 2.0\n");
		expect((await corten("trust", "rm", fingerprint)).stdout).toBe(`No longer trusted for all images: ${fingerprint}\n`);
		expect((await corten("trust", "rm", fingerprint)).status).toBe(1);
		expect((await corten("pull", "-q", `appc:${names.name}:2.0`)).status).toBe(1);
	});

	testHere("refuses what it cannot do", async () => {
		const refusal = async (...args: readonly string[]) => (await corten("trust", ...args)).stderr;
		expect(await refusal()).toContain("give --prefix NAME, or --root");
		expect(await refusal("--root", "--prefix", "x")).toContain("at once");
		expect(await refusal("--root")).toContain("cannot discover keys for all images");
		expect(await refusal("--prefix", "../x", "--skip-fingerprint-review", `${folder}/stranger.gpg`)).toContain("it is no name of images");
		expect(await refusal("--prefix", "images.test", "http://images.test/keys.asc")).toContain("it is plain http");
		expect(await refusal("--prefix", "images.test", `${folder}/none`)).toContain("ENOENT");
		expect(await refusal("--prefix", "images.test", `${folder}/ca.crt`)).toContain("holds no OpenPGP public key");
		expect(await refusal("--prefix", "nothing.test")).toContain("cannot discover");
	});
});
