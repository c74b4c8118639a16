// corten pull, images and rmi against Debian's docker-registry, anonymous and with a password, and against skopeo's eyes.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { Home } from "../support/corten.ts";
import { makeImage, passwdLayer, temporaryFolder, writeImages } from "../support/images.ts";
import { must } from "../support/must.ts";
import { installed, testWhen } from "../support/skip.ts";

const able = installed("docker-registry") && installed("skopeo");
const testHere = testWhen(able, "docker-registry or skopeo is not installed");
const password = "s3cr:et";
const image = makeImage({
	layers: [
		passwdLayer,
		[
			{ path: "bin/", kind: "folder" },
			{ path: "bin/x", kind: "file", data: "x".repeat(100_000), mode: 0o755 },
		],
	],
});
const folder = temporaryFolder();
const servers: Bun.Subprocess[] = [];
let open = "";
let locked = "";

/** Starts a registry and waits until it answers. @returns its host */
async function serve(name: string, htpasswd: string | undefined): Promise<string> {
	for (let attempt = 0; attempt < 5; attempt++) {
		const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
		const host = `127.0.0.1:${listener.port}`;
		listener.stop(true);
		mkdirSync(`${folder.path}/${name}`, { recursive: true });
		const auth = htpasswd === undefined ? [] : [`auth: {htpasswd: {realm: "test", path: "${htpasswd}"}}`];
		const config = [
			"version: 0.1",
			"log: {level: error}",
			`storage: {filesystem: {rootdirectory: "${folder.path}/${name}"}}`,
			`http: {addr: "${host}"}`,
			...auth,
		];
		writeFileSync(`${folder.path}/${name}.yml`, `${config.join("\n")}\n`);
		const server = Bun.spawn(["docker-registry", "serve", `${folder.path}/${name}.yml`], {
			stdin: "ignore",
			stdout: "ignore",
			stderr: "ignore",
		});
		for (const until = Date.now() + 20_000; Date.now() < until && server.exitCode === null; await Bun.sleep(20)) {
			const answer = await fetch(`http://${host}/v2/`).catch(() => undefined);
			if (answer === undefined || server.exitCode !== null) continue;
			servers.push(server);
			return host;
		}
		server.kill();
	}
	throw new Error("cannot start docker-registry");
}

beforeAll(async () => {
	if (!able) return;
	writeImages(`${folder.path}/layout`, { app: image });
	const hash = await Bun.password.hash(password, { algorithm: "bcrypt", cost: 4 });
	writeFileSync(`${folder.path}/htpasswd`, `user:${hash.replace(/^\$2b/, "$2y")}\n`);
	open = await serve("open", undefined);
	locked = await serve("locked", `${folder.path}/htpasswd`);
	const copy = ["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", `oci:${folder.path}/layout:app`];
	must([...copy, `docker://${open}/team/app:1`]);
	must([...copy, "--format", "v2s2", `docker://${open}/team/app:docker`]);
	must([...copy, "--dest-creds", `user:${password}`, `docker://${locked}/team/app:1`]);
}, 60_000);

afterAll(async () => {
	for (const server of servers) {
		server.kill();
		await server.exited;
	}
	folder[Symbol.dispose]();
});

describe("pull", () => {
	testHere("an anonymous registry: digest, status and name on stdout, nothing on stderr", async () => {
		await using home = new Home();
		const name = `${open}/team/app:1`;
		const first = await home.corten(["pull", name]);
		expect(first).toEqual({
			status: 0,
			stdout: `Digest: ${image.manifest.digest}\nStatus: Downloaded newer image for ${name}\n${name}\n`,
			stderr: "",
		});
		const again = await home.corten(["pull", name]);
		expect(again.stdout).toContain(`Status: Image is up to date for ${name}\n`);
		expect(await home.must("pull", "-q", `docker://${name}`)).toBe(name);
		const inspected = JSON.parse(must(["skopeo", "inspect", `oci:${home.root}/store:${name}`]).toString());
		expect(inspected.Digest).toBe(image.manifest.digest);
	});

	testHere("docker's manifest, by tag and by digest", async () => {
		await using home = new Home();
		await home.must("pull", `${open}/team/app:docker`);
		const digest = must(["skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", `docker://${open}/team/app:docker`])
			.toString()
			.trim();
		expect(await home.must("pull", "-q", `${open}/team/app@${digest}`)).toBe(`${open}/team/app@${digest}`);
		expect((await home.must("images", "-q", "--no-trunc")).split("\n").length).toBe(1);
	});

	testHere("a registry with a password: refused without, read with podman's credentials file", async () => {
		await using home = new Home();
		const name = `${locked}/team/app:1`;
		const pull = (auth: string) => home.corten(["pull", "-q", name], { env: { PATH: process.env.PATH ?? "", REGISTRY_AUTH_FILE: auth } });
		const write = (file: string, host: string, word: string) => {
			writeFileSync(`${folder.path}/${file}`, JSON.stringify({ auths: { [host]: { auth: btoa(`user:${word}`) } } }));
			return `${folder.path}/${file}`;
		};
		const none = await pull(`${folder.path}/none.json`);
		expect([none.status, none.stderr]).toEqual([1, expect.stringContaining("there are no credentials for it")]);
		const wrong = await pull(write("wrong.json", locked, "wrong"));
		expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringContaining("status 401")]);
		expect((await pull(write("other.json", open, password))).status).toBe(1);
		expect(await pull(write("auth.json", locked, password))).toEqual({ status: 0, stdout: `${name}\n`, stderr: "" });
	});

	testHere("processes that pull and remove at once do not hinder each other", async () => {
		await using home = new Home();
		const name = `${open}/team/app:1`;
		const results = await Promise.all([...Array(6).keys()].map((at) => home.corten(at === 3 ? ["rmi", "-f", name] : ["pull", "-q", name])));
		expect(results.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0, 0]);
		await home.must("pull", name);
		expect((await home.must("images", "-q")).split("\n").length).toBe(1);
		expect(readdirSync(`${home.root}/store/tmp`)).toEqual([]);
		expect(readdirSync(`${home.root}/store/blobs/sha256`).length).toBe(4);
	});

	testHere("what is not there is said, and leaves nothing", async () => {
		await using home = new Home();
		const result = await home.corten(["pull", `${open}/team/none:1`]);
		expect([result.status, result.stdout]).toEqual([1, ""]);
		expect(result.stderr).toContain(`cannot read manifest "${open}/team/none:1"`);
		expect(await home.must("images", "-q")).toBe("");
	});
});

describe("images and rmi", () => {
	testHere("names, IDs and formats; removal frees the disk", async () => {
		await using home = new Home();
		const name = `${open}/team/app:1`;
		await home.must("pull", name);
		const id = image.config.digest.slice(7, 19);
		const [heading, row] = (await home.must("images")).split("\n");
		expect(heading).toMatch(/^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$/);
		expect(row).toMatch(new RegExp(`^${open}/team/app +1 +${id} +\\d+ (?:months|years) ago +\\d[\\d.]*k?B$`));
		expect(await home.must("images", "--digests", "--no-trunc")).toContain(`${image.manifest.digest}   ${image.config.digest}`);
		expect(await home.must("images", "--format", "{{.Repository}}:{{.Tag}}")).toBe(name);
		expect(JSON.parse(await home.must("images", "--format", "json")).ID).toBe(id);
		expect(await home.must("images", "-q", `${open}/team/app`)).toBe(id);
		expect(await home.must("images", "-q", `${open}/team/app:2`)).toBe("");
		expect(await home.must("rmi", id)).toBe(`Untagged: ${name}\nDeleted: ${image.config.digest}`);
		for (const place of ["store/blobs/sha256", "layers", "records", "store/tmp"]) expect(readdirSync(`${home.root}/${place}`)).toEqual([]);
		const gone = await home.corten(["rmi", id]);
		expect([gone.status, gone.stderr]).toEqual([1, `corten: cannot find image "${id}"\n`]);
		expect((await home.corten(["rmi", "-f", id])).status).toBe(0);
	});
});
