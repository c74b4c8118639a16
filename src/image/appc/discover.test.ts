// Discovery, download, signatures and names against a web server with TLS; keys and signatures are gpg's.

import { afterAll, afterEach, beforeAll, describe, expect } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { installed, testWhen } from "../../../test/support/skip.ts";
import { aciBytes, manifestOf, openManifest } from "../aci/aci.fixture.ts";
import { appcSource, signedAciSource } from "../sources/appc.ts";
import { parseAppString } from "./app-string.ts";
import { discoverEndpoints, discoverKeys } from "./discover.ts";
import { download } from "./download.ts";
import { discoveryLabels } from "./fetch.ts";
import { Site } from "./site.fixture.ts";
import { discoverOffered, readKeysAt } from "./trust.ts";
import type { Web } from "./web.ts";

const able = installed("gpg") && installed("gpg-agent") && installed("openssl");
const testHere = testWhen(able, "gpg or openssl is not installed");
const platform = { os: "linux", architecture: "amd64" };
let site: Site;

const version = (value: string) => ({ name: "version", value });
const image = (name: string, labels: readonly { name: string; value: string }[], more: Record<string, unknown> = {}, ...files: string[]) =>
	aciBytes(
		manifestOf(name, { labels, app: { exec: ["/bin/x"], user: "0", group: "0" }, ...more }),
		...(files.length === 0 ? ["x"] : files),
	);

beforeAll(async () => {
	if (!able) return;
	site = new Site();
	for (const name of ["maker", "stranger", "neighbour"]) site.gpg.makeKey(name);
	site.gpg.makeKey("old", "ed25519", true);
	await site.trust("localhost/app", "maker");
	await site.trust("localhost/app", "old");
	await site.trust("localhost/apple", "neighbour");
}, 60_000);
afterEach(() => {
	if (!able) return;
	site.files.clear();
	site.plain.clear();
	site.asked.length = 0;
	rmSync(`${site.folder.path}/auth.d`, { recursive: true, force: true });
	// Whatever happened, nothing stays in the temporary folder.
	expect(readdirSync(`${site.folder.path}/tmp`)).toEqual([]);
});
afterAll(() => {
	if (able) site[Symbol.dispose]();
});

function endpoints(text: string, web: Web = site.web()) {
	const app = parseAppString(text);
	return discoverEndpoints({ name: app.name, labels: discoveryLabels(app, platform) }, web);
}

async function open(text: string, web: Web = site.web()) {
	await using source = await appcSource(text, { temporaryFolder: `${site.folder.path}/tmp`, appc: web, platform });
	const { manifest } = await openManifest(source);
	return { names: source.names(), layers: manifest.layers.length };
}

describe("discovery", () => {
	testHere("finds the image and its signature at the name itself", async () => {
		site.page("/app", "localhost/app");
		const [endpoint] = await endpoints("localhost/app:1.0");
		expect(endpoint?.image.pathname).toBe("/images/localhost/app-1.0-linux-amd64.aci");
		expect(endpoint?.signature.pathname).toBe("/images/localhost/app-1.0-linux-amd64.aci.asc");
		expect(site.asked).toEqual(["https /app?ac-discovery=1"]);
	});

	testHere("walks up to the bare host, one element at a time, and says what each level had", async () => {
		site.files.set("/a/b", "<html>no tags</html>");
		site.files.set("/a", () => new Response("broken", { status: 403 }));
		site.page("/", "localhost/a");
		expect((await endpoints("localhost/a/b/c")).length).toBe(1);
		expect(site.asked).toEqual(["/a/b/c", "/a/b", "/a", "/"].map((path) => `https ${path}?ac-discovery=1`));
		site.page("/", "localhost/b");
		await expect(endpoints("localhost/a/b/c")).rejects.toThrow(
			/cannot discover "localhost\/a\/b\/c[^"]*": .*\/a\/b\/c: status 404; .*\/a\/b: no ac-discovery tag for this name; .*\/a: status 403; .*: no ac-discovery tag/,
		);
	});

	testHere("passes over tags that cannot be filled or used, and goes on upwards when none can", async () => {
		const tag = (template: string) => `<meta name="ac-discovery" content="localhost ${template}">`;
		site.files.set(
			"/app",
			["{channel}.{ext}", "https://x/{nope}", "ftp://x/{ext}", "http://x/{ext}", "https://u:p@x/{ext}", "file:///etc/{ext}"]
				.map(tag)
				.join(""),
		);
		site.files.set("/", tag(`ftp://x/{name}`) + tag(`https://second/{name}.{ext}`) + tag(`https://third/{name}.{ext}`));
		expect((await endpoints("localhost/app")).map(({ image }) => image.host)).toEqual(["second", "third"]);
		site.files.set("/", "");
		await expect(endpoints("localhost/app")).rejects.toThrow(
			/a label it asks for is not given.*its scheme is ftp.*it is plain http.*it holds a password.*its scheme is file/,
		);
	});

	testHere("follows redirects, ten of them, and never from https to http", async () => {
		site.files.set("/app", () => new Response(null, { status: 302, headers: { location: "/elsewhere" } }));
		site.page("/elsewhere", "localhost/app");
		expect((await endpoints("localhost/app")).length).toBe(1);
		site.files.set("/app", () => new Response(null, { status: 302, headers: { location: "/app" } }));
		await expect(endpoints("localhost/app")).rejects.toThrow("more than 10 redirects");
		site.plain.set("/app", `<meta name="ac-discovery" content="localhost http://localhost:${site.open.port}/{name}.{ext}">`);
		site.files.set("/app", () => new Response(null, { status: 302, headers: { location: `http://localhost:${site.open.port}/app` } }));
		await expect(endpoints("localhost/app")).rejects.toThrow("from https to http");
		await expect(endpoints("localhost/app", site.web(new Set(["tls"])))).rejects.toThrow("from https to http");
		expect((await endpoints("localhost/app", site.web(new Set(["http"])))).length).toBe(1);
	});

	testHere("asks plain http only when told so, and then after https has failed", async () => {
		site.plain.set("/app", `<meta name="ac-discovery" content="localhost http://localhost/{name}.{ext}">`);
		const port = site.open.port ?? 0;
		await expect(endpoints("localhost/app", site.web(new Set(), port))).rejects.toThrow("cannot reach");
		expect(site.asked).toEqual([]);
		expect((await endpoints("localhost/app", site.web(new Set(["http"]), port))).length).toBe(1);
		expect(site.asked).toEqual(["http /app?ac-discovery=1"]);
	});

	testHere("does not take a certificate of nobody's, unless told so", async () => {
		site.page("/app", "localhost/app");
		const web = (insecure: Web["insecure"]) => ({ ...site.web(insecure), certificateFolders: [] });
		await expect(endpoints("localhost/app", web(new Set()))).rejects.toThrow("cannot discover");
		expect(site.asked).toEqual([]);
		expect((await endpoints("localhost/app", web(new Set(["tls"])))).length).toBe(1);
	});

	testHere("does not read pages without end", async () => {
		site.files.set("/app", "x".repeat((1 << 20) + 1));
		await expect(endpoints("localhost/app")).rejects.toThrow("larger than 1048576 bytes");
	});
});

describe("keys", () => {
	testHere("are discovered apart from images, over https", async () => {
		site.page("/app", "localhost/app");
		site.page("/", "localhost", `https://${site.host}/keys.asc`);
		site.files.set("/keys.asc", site.gpg.run("--armor", "--export", "maker", "stranger"));
		const [offered] = await discoverOffered("localhost/app", site.web(), false);
		expect(offered?.keys.map(({ fingerprint }) => fingerprint)).toEqual([site.gpg.fingerprint("maker"), site.gpg.fingerprint("stranger")]);
		site.page("/", "localhost", `http://localhost:${site.open.port}/keys.asc`);
		site.plain.set("/keys.asc", site.gpg.export("stranger"));
		await expect(discoverKeys("localhost/app", site.web(), false)).rejects.toThrow("it is plain http");
		expect((await discoverOffered("localhost/app", site.web(), true)).length).toBe(1);
		await expect(readKeysAt(`http://localhost:${site.open.port}/keys.asc`, site.web(), false)).rejects.toThrow("it is plain http");
		await expect(readKeysAt(`https://${site.host}/none.asc`, site.web(), false)).rejects.toThrow("it is not there");
	});
});

describe("an image by name", () => {
	testHere("is fetched, verified, and named as it was asked for", async () => {
		site.page("/app", "localhost/app");
		site.image("localhost/app-1.0-linux-amd64", image("localhost/app", [version("1.0")]), "maker");
		site.image("localhost/app-latest-linux-amd64", image("localhost/app", [version("2.0+5")]), "maker");
		expect(await open("localhost/app:1.0")).toEqual({ names: ["localhost/app:1.0"], layers: 1 });
		expect((await open("localhost/app")).names).toEqual(["localhost/app:latest", "localhost/app:2.0_5"]);
	});

	testHere("with dependencies, which are discovered and verified too", async () => {
		site.page("/", "localhost");
		const base = image("localhost/app/base", [version("1")], {}, "base");
		const dependencies = [{ imageName: "localhost/app/base", labels: [version("1")] }];
		site.image("localhost/app-1.0-linux-amd64", image("localhost/app", [version("1.0")], { dependencies }), "maker");
		site.image("localhost/app/base-1-linux-amd64", base, "maker");
		expect((await open("localhost/app:1.0")).layers).toBe(2);
		site.image("localhost/app/base-1-linux-amd64", base, "stranger");
		await expect(open("localhost/app:1.0")).rejects.toThrow('cannot verify the signature of "localhost/app/base:1"');
		const pinned = [{ imageName: "localhost/app/base", labels: [version("1")], imageID: `sha512-${"0".repeat(128)}` }];
		site.image("localhost/app-1.0-linux-amd64", image("localhost/app", [version("1.0")], { dependencies: pinned }), "maker");
		site.image("localhost/app/base-1-linux-amd64", base, "maker");
		await expect(open("localhost/app:1.0")).rejects.toThrow("expected sha512-000");
	});

	testHere("is refused unsigned, signed by others, by keys of other names, by old keys, or changed", async () => {
		site.page("/app", "localhost/app");
		const bytes = image("localhost/app", [version("1.0")]);
		const name = "localhost/app-1.0-linux-amd64";
		site.image(name, bytes);
		await expect(open("localhost/app:1.0")).rejects.toThrow('cannot verify "localhost/app:1.0": it is not signed');
		expect(site.asked.some((line) => line.endsWith(".aci"))).toBe(false);
		expect((await open("localhost/app:1.0", site.web(new Set(["image"])))).layers).toBe(1);
		for (const signer of ["stranger", "neighbour"]) {
			site.image(name, bytes, signer);
			await expect(open("localhost/app:1.0")).rejects.toThrow(`key ${site.gpg.fingerprint(signer).slice(-16)} is not trusted for it`);
		}
		site.files.set(`/images/${name}.aci.asc`, site.gpg.signLongAgo("old", bytes));
		await expect(open("localhost/app:1.0")).rejects.toThrow("expired");
		site.image(name, bytes, "maker");
		site.files.set(`/images/${name}.aci`, image("localhost/app", [version("1.0")], {}, "changed"));
		await expect(open("localhost/app:1.0")).rejects.toThrow("Signed digest did not match");
		site.files.set(`/images/${name}.aci.asc`, "<html>");
		await expect(open("localhost/app:1.0")).rejects.toThrow("no OpenPGP signature");
		site.page("/none", "localhost/none");
		await expect(open("localhost/none:1.0")).rejects.toThrow("no key is trusted for it");
	});

	testHere("is refused when its manifest is another's", async () => {
		site.page("/app", "localhost/app");
		const put = (name: string, labels: readonly { name: string; value: string }[]) =>
			site.image("localhost/app-1.0-linux-amd64", image(name, labels), "maker");
		put("localhost/other", [version("1.0")]);
		await expect(open("localhost/app:1.0")).rejects.toThrow('the image is named "localhost/other"');
		put("localhost/app", [version("0.9")]);
		await expect(open("localhost/app:1.0")).rejects.toThrow('the image has version "0.9", asked for was "1.0"');
		put("localhost/app", []);
		await expect(open("localhost/app:1.0")).rejects.toThrow("the image has no label version");
		put("localhost/app", [version("1.0")]);
		await expect(open("localhost/app:1.0,channel=beta")).rejects.toThrow("the image has no label channel");
	});

	testHere("that is not there, or not to be had, is said", async () => {
		site.page("/app", "localhost/app");
		site.files.set("/images/localhost/app-1.0-linux-amd64.aci.asc", site.gpg.sign("maker", new Uint8Array(3)));
		await expect(open("localhost/app:1.0")).rejects.toThrow("answered with status 404");
		site.files.set("/images/localhost/app-1.0-linux-amd64.aci", () => new Response("", { status: 401 }));
		await expect(open("localhost/app:1.0")).rejects.toThrow("answered with status 401");
	});
});

describe("an archive on this machine", () => {
	testHere("needs a signature beside it, of a key for the name in its manifest", async () => {
		const folder = `${site.folder.path}/files`;
		mkdirSync(folder);
		const openFile = async (insecure: Web["insecure"] = new Set()) => {
			await using source = await signedAciSource(`${folder}/x.aci`, {
				temporaryFolder: `${site.folder.path}/tmp`,
				appc: site.web(insecure),
			});
			return source.names();
		};
		const bytes = image("localhost/app", [version("1.0")]);
		writeFileSync(`${folder}/x.aci`, bytes);
		await expect(openFile()).rejects.toThrow("it is not signed");
		expect(await openFile(new Set(["image"]))).toEqual(["localhost/app:1.0"]);
		writeFileSync(`${folder}/x.aci.asc`, site.gpg.sign("neighbour", bytes));
		await expect(openFile()).rejects.toThrow("is not trusted for it");
		writeFileSync(`${folder}/x.aci.asc`, site.gpg.sign("maker", bytes, []));
		expect(await openFile()).toEqual(["localhost/app:1.0"]);
	});
});

describe("a download", () => {
	const body = new Uint8Array(9000).map((_, at) => at % 251);
	type Sent = { readonly head: string; readonly from: number; readonly to: number };
	/** Downloads from a server that answers by the script, the last line for ever, and hangs up after each. @returns whether all came, and what ranges were asked for */
	const get = async (script: readonly Sent[]) => {
		const asked: string[] = [];
		let hangUp = () => undefined as unknown;
		using server = Bun.listen({
			hostname: "127.0.0.1",
			port: 0,
			socket: {
				data(socket, data) {
					const range = /^range: (.*)\r$/im.exec(data.toString())?.[1] ?? "all";
					const condition = /^if-range: (.*)\r$/im.exec(data.toString())?.[1] ?? "";
					const { head, from, to } = script[Math.min(asked.length, script.length - 1)] ?? { head: "", from: 0, to: 0 };
					asked.push(`${range} ${condition}`.trim());
					socket.write(`HTTP/1.1 ${head}\r\nconnection: close\r\n\r\n`);
					socket.write(body.subarray(from, to));
					// Not before what was sent has been taken: fetch drops it otherwise.
					hangUp = () => socket.end();
					if (to - from !== 9000 && to > from) return;
					socket.end();
				},
			},
		});
		const path = `${site.folder.path}/download`;
		rmSync(path, { force: true });
		await download(site.web(), new URL(`http://127.0.0.1:${server.port}/file`), true, path, () => hangUp());
		return { whole: Buffer.from(body).equals(Buffer.from(await Bun.file(path).bytes())), asked };
	};
	const whole = "200 OK\r\ncontent-length: 9000";

	testHere("goes on where it broke, when the server says it is the same file", async () => {
		const result = await get([
			{ head: `${whole}\r\netag: "one"`, from: 0, to: 3000 },
			{ head: "206 Partial Content\r\ncontent-length: 6000\r\ncontent-range: bytes 3000-8999/9000", from: 3000, to: 5000 },
			{ head: "206 Partial Content\r\ncontent-length: 4000\r\ncontent-range: bytes 5000-8999/9000", from: 5000, to: 9000 },
		]);
		expect(result).toEqual({ whole: true, asked: ["all", 'bytes=3000- "one"', 'bytes=5000- "one"'] });
	});

	testHere("begins anew when it is another file now, or nobody can say", async () => {
		const anew = { head: whole, from: 0, to: 9000 };
		expect(await get([{ head: `${whole}\r\netag: "one"`, from: 4000, to: 7000 }, anew])).toEqual({
			whole: true,
			asked: ["all", 'bytes=3000- "one"'],
		});
		expect(await get([{ head: `${whole}\r\netag: W/"one"`, from: 4000, to: 7000 }, anew])).toEqual({ whole: true, asked: ["all", "all"] });
	});

	testHere("that breaks off each time ends with an error, and a part that was not asked for is none", async () => {
		await expect(get([{ head: whole, from: 0, to: 0 }])).rejects.toThrow("it breaks off");
		await expect(
			get([{ head: "206 Partial Content\r\ncontent-length: 9000\r\ncontent-range: bytes 1-9000/9001", from: 0, to: 9000 }]),
		).rejects.toThrow("status 206");
	});
});

describe("credentials", () => {
	const seen: (string | null)[] = [];
	const answer = () => (request: Request) => {
		seen.push(request.headers.get("authorization"));
		return new Response("x");
	};
	const get = async (url: string) => {
		seen.length = 0;
		rmSync(`${site.folder.path}/file`, { force: true });
		await download(site.web(), new URL(url), url.startsWith("http:"), `${site.folder.path}/file`);
		return seen;
	};
	const write = (name: string, document: unknown) => {
		mkdirSync(`${site.folder.path}/auth.d`, { recursive: true });
		writeFileSync(`${site.folder.path}/auth.d/${name}`, typeof document === "string" ? document : JSON.stringify(document));
	};
	const basic = (domains: readonly string[]) => ({
		rktKind: "auth",
		rktVersion: "v1",
		domains,
		type: "basic",
		credentials: { user: "me", password: "wo:rd" },
	});

	testHere("go to their host alone, over TLS alone", async () => {
		write("a.json", basic([site.host, `localhost:${site.open.port}`]));
		write("b.json", { ...basic(["other.test"]), type: "oauth", credentials: { token: "abc" } });
		write("docker.json", { rktKind: "dockerAuth", rktVersion: "v1", registries: [site.host] });
		site.files.set("/x", answer());
		site.plain.set("/x", answer());
		expect(await get(`https://${site.host}/x`)).toEqual([`Basic ${btoa("me:wo:rd")}`]);
		expect(await get(`http://localhost:${site.open.port}/x`)).toEqual([null]);
		write("a.json", basic(["other.test:1"]));
		expect(await get(`https://${site.host}/x`)).toEqual([null]);
		write("a.json", { ...basic([site.host]), type: "oauth", credentials: { token: "abc" } });
		expect(await get(`https://${site.host}/x`)).toEqual(["Bearer abc"]);
	});

	testHere("of broken files are errors, and are not passed over", async () => {
		site.files.set("/x", answer());
		for (const [document, why] of [
			["{", "cannot"],
			[{ ...basic([site.host]), type: "aws", credentials: {} }, "AWS"],
			[{ ...basic([site.host]), credentials: { user: "me" } }, "expected user and password"],
			[{ ...basic([site.host]), type: "oauth", credentials: { token: "a\nb" } }, "expected a token"],
			[{ ...basic([site.host]), rktVersion: "v2" }, "rktVersion"],
		] as const) {
			write("a.json", document);
			await expect(get(`https://${site.host}/x`)).rejects.toThrow(why);
		}
		write("a.json", basic([site.host]));
		write("b.json", basic([site.host]));
		await expect(get(`https://${site.host}/x`)).rejects.toThrow("cannot choose credentials");
	});
});
