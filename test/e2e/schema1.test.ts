// Docker's schema 1, as skopeo writes it and Debian's docker-registry keeps it, and as that registry makes it of schema 2 for old clients: corten pulls, runs and
// converts it, and what it makes of it is what skopeo makes, byte for byte.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { startDocker } from "../support/clients/docker.ts";
import { lacks } from "../support/clients/scratch.ts";
import { Home } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { Gpg } from "../support/gpg.ts";
import { makeImage, passwdLayer, sha256, temporaryFolder, writeImages } from "../support/images.ts";
import { must } from "../support/must.ts";
import { type Registry, serveStorage } from "../support/registry.ts";
import { installed, testWhen } from "../support/skip.ts";

const able = ["docker-registry", "skopeo", "gpg"].every(installed);
const testHere = testWhen(able, "docker-registry, skopeo or gpg is not installed");
const docker = lacks("docker", "dockerd", "containerd");
const signedType = "application/vnd.docker.distribution.manifest.v1+prettyjws";
const dockerType = "application/vnd.docker.distribution.manifest.v2+json";
const folder = temporaryFolder();
const copy = ["skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false"];

// Steps with and without files, and all that Go writes otherwise than JavaScript.
const odd = makeImage({
	layers: [passwdLayer, [{ path: "a", kind: "file", data: "a" }], [{ path: "b", kind: "file", data: "b" }]],
	config: (config) => ({
		...config,
		author: "A <a@example.com>",
		// Docker writes the config of older versions, and of none, anew in words of its own.
		docker_version: "1.8.3",
		config: { Cmd: ["/a"], Labels: { "10": "x", "2": "y", "&": "\u2028" } },
		history: [
			{ created: "2024-01-02T03:04:05.120300Z", created_by: "first && <second>" },
			{ created: "2024-01-02T03:04:05Z", created_by: "ENV A=b", empty_layer: true, author: "somebody" },
			{ created: "2024-01-02T03:04:05Z", comment: "no command" },
			{ created: "2024-01-02T05:04:05.000000001+02:00", created_by: "third" },
			{ created: "2024-01-02T03:04:06Z", created_by: "CMD", empty_layer: true },
		],
	}),
});

let registry: Registry;
let gpg: Gpg;
let environment: Record<string, string> = {};

beforeAll(async () => {
	if (!able) return;
	gpg = new Gpg();
	for (const name of ["ours", "others"]) {
		gpg.makeKey(name, "rsa2048");
		writeFileSync(`${folder.path}/${name}.gpg`, gpg.export(name));
	}
	// Without the line the registry knows no schema 1, since 2.8.
	registry = await serveStorage(`${folder.path}/storage`, { writable: true, lines: ["compatibility: {schema1: {enabled: true}}"] });
	const config = `${folder.path}/home/.config/containers/registries.d`;
	mkdirSync(config, { recursive: true });
	writeFileSync(`${config}/test.yaml`, `docker:\n  ${registry.host}:\n    lookaside: file://${folder.path}/lookaside\n`);
	environment = { PATH: process.env.PATH ?? "", HOME: `${folder.path}/home`, GNUPGHOME: gpg.home, TMPDIR: folder.path };
	writeImages(`${folder.path}/layout`, { odd });
	const busybox = `docker-archive:${fixture("busybox")}/docker.tar`;
	must([...copy, "--format", "v2s1", busybox, `docker://${registry.host}/team/busybox:1`]);
	must([...copy, "--format", "v2s1", `oci:${folder.path}/layout:odd`, `docker://${registry.host}/team/odd:1`]);
	must([...copy, "--format", "v2s2", `oci:${folder.path}/layout:odd`, `docker://${registry.host}/team/odd:2`]);
	const sign = ["skopeo", "--registries.d", config, ...copy.slice(1), "--sign-by", gpg.fingerprint("ours"), "--format", "v2s1"];
	must([...sign, `oci:${folder.path}/layout:odd`, `docker://${registry.host}/signed/odd:1`], { env: environment });
}, 120_000);

afterAll(async () => {
	await registry?.[Symbol.asyncDispose]();
	gpg?.[Symbol.dispose]();
	folder[Symbol.dispose]();
});

/** What skopeo says is the digest. */
const digestOf = (name: string) =>
	must(["skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", `docker://${registry.host}/${name}`])
		.toString()
		.trim();

/** Skopeo's translation. @returns the bytes of its manifest */
function translated(name: string): Buffer {
	const place = `${folder.path}/v2s2-${name.replaceAll(/[/:]/g, "-")}`;
	must([...copy, "--format", "v2s2", `docker://${registry.host}/${name}`, `dir:${place}`]);
	return readFileSync(`${place}/manifest.json`);
}

describe("an image that a registry has in schema 1", () => {
	for (const name of ["team/busybox:1", "team/odd:1"])
		testHere(`${name} is pulled by tag and by digest, and is the image that skopeo makes of it`, async () => {
			await using home = new Home();
			const full = `${registry.host}/${name}`;
			const digest = digestOf(name);
			const pulled = await home.corten(["pull", full]);
			expect(pulled).toEqual({ status: 0, stdout: `Digest: ${digest}\nStatus: Downloaded newer image for ${full}\n${full}\n`, stderr: "" });
			expect((await home.corten(["pull", full])).stdout).toContain("Image is up to date");
			const theirs = translated(name);
			const [image] = JSON.parse(await home.must("inspect", full));
			expect(image.Digest).toBe(sha256(theirs));
			expect(readFileSync(`${home.root}/store/blobs/${image.Digest.replace(":", "/")}`)).toEqual(Buffer.from(theirs));
			expect(image.Id).toBe(JSON.parse(theirs.toString()).config.digest);
			const byDigest = full.replace(/:1$/, `@${digest}`);
			expect(JSON.parse(await home.must("inspect", byDigest))[0].Id).toBe(image.Id);
			expect(await home.must("pull", "-q", byDigest)).toBe(byDigest);
			expect(await home.must("images", "--digests", "--format", "{{.Digest}}")).toBe(`${digest}\n${digest}`);
			expect(await home.must("store", "check")).toContain("all is well");
			expect(home.leftovers()).toEqual([]);
		});

	testHere("runs", async () => {
		await using home = new Home();
		const result = await home.run([], `${registry.host}/team/busybox:1`, ["echo", "hello"]);
		expect(result).toMatchObject({ status: 0, stdout: "hello\n" });
	});

	testHere("is converted and pushed as schema 2, and comes back the same", async () => {
		await using home = new Home();
		const from = `docker://${registry.host}/team/odd:1`;
		const digest = sha256(translated("team/odd:1"));
		for (const to of [
			`dir:${folder.path}/converted`,
			`docker://${registry.host}/team/converted:1`,
			`docker-archive:${folder.path}/converted.tar:a/b:1`,
		])
			expect(await home.must("convert", from, to)).toBe(digest);
		expect(`${sha256(readFileSync(`${folder.path}/converted/manifest.json`))}`).toBe(digest);
		expect(digestOf("team/converted:1")).toBe(digest);
		expect(await home.must("convert", "-q", from, `oci:${folder.path}/converted-layout:a`)).toBe("");
		const layout = JSON.parse(must(["skopeo", "inspect", "--raw", `oci:${folder.path}/converted-layout:a`]).toString());
		expect(layout.config.digest).toBe(JSON.parse(readFileSync(`${folder.path}/converted/manifest.json`, "utf8")).config.digest);
	});

	testHere("and in schema 2 as well comes in schema 2", async () => {
		await using home = new Home();
		const name = `${registry.host}/team/odd:2`;
		await home.must("pull", "-q", name);
		expect(await home.must("inspect", "--format", "{{.Digest}}", name)).toBe(digestOf("team/odd:2"));
		expect(await home.must("inspect", "--format", "{{.Id}}", name)).toBe(odd.config.digest);
	});

	testHere("lies in a folder of skopeo's as it was signed, and is read from there", async () => {
		await using home = new Home();
		must([...copy, `docker://${registry.host}/team/odd:1`, `dir:${folder.path}/as-signed`]);
		expect(JSON.parse(readFileSync(`${folder.path}/as-signed/manifest.json`, "utf8")).signatures.length).toBe(1);
		expect(await home.must("pull", `dir:${folder.path}/as-signed`)).toContain(`Digest: ${digestOf("team/odd:1")}\n`);
		await home.must("rmi", "localhost/as-signed");
		expect(await home.must("load", "-i", `${folder.path}/as-signed`)).toBe("Loaded image: localhost/as-signed:latest");
	});
});

testWhen(able && docker === undefined, docker ?? "no registry")(
	"docker makes the same image of it",
	async () => {
		await using home = new Home();
		const engine = await startDocker();
		await using _world = engine.world;
		const name = `${registry.host}/team/odd:1`;
		const digest = digestOf("team/odd:1");
		for (const asked of [name, name.replace(/:1$/, `@${digest}`)]) {
			const pulled = await engine.docker(["pull", asked], { timeoutMs: 60_000 });
			expect({ ...pulled, stdout: "" }).toMatchObject({ status: 0 });
			expect(pulled.stdout).toContain(`Digest: ${digest}\n`);
		}
		await home.must("pull", "-q", name);
		const theirs = JSON.parse((await engine.docker(["image", "inspect", name])).stdout)[0];
		const ours = JSON.parse(await home.must("inspect", name))[0];
		expect(ours.Id).toBe(theirs.Id);
		expect(ours.RootFS).toEqual(theirs.RootFS);
	},
	120_000,
);

testHere("what the registry makes of schema 2 for clients that know nothing else has the same layers and the same words", async () => {
	await using home = new Home();
	const reply = await fetch(`http://${registry.host}/v2/team/odd/manifests/2`, { headers: { accept: signedType } });
	expect(reply.headers.get("content-type")).toBe(signedType);
	must([...copy, "--format", "v2s2", `docker://${registry.host}/team/odd:2`, `dir:${folder.path}/by-registry`]);
	expect(JSON.parse(readFileSync(`${folder.path}/by-registry/manifest.json`, "utf8")).mediaType).toBe(dockerType);
	writeFileSync(`${folder.path}/by-registry/manifest.json`, await reply.bytes());
	expect(await home.must("pull", `dir:${folder.path}/by-registry`)).toContain(`Digest: ${reply.headers.get("docker-content-digest")}\n`);
	const [image] = JSON.parse(await home.must("inspect", "localhost/by-registry"));
	expect(image.RootFS.Layers).toEqual(odd.layers.map(({ tar }) => sha256(tar)));
	expect(image.Config).toMatchObject({ Cmd: ["/a"], Labels: { "10": "x", "2": "y", "&": "\u2028" } });
	const history = await home.must("history", "--no-trunc", "--format", "{{.CreatedBy}}", "localhost/by-registry");
	expect(history.split("\n").toReversed().slice(0, 2)).toEqual(["first && <second>", "ENV A=b"]);
});

testHere("a signature is one of the document in schema 1: corten takes and refuses what skopeo does", async () => {
	await using home = new Home();
	const name = `docker://${registry.host}/signed/odd:1`;
	for (const [key, accepted] of [
		["ours", true],
		["others", false],
	] as const) {
		const policy = `${folder.path}/policy-${key}.json`;
		writeFileSync(policy, JSON.stringify({ default: [{ type: "signedBy", keyType: "GPGKeys", keyPath: `${folder.path}/${key}.gpg` }] }));
		const registries = ["--registries.d", `${folder.path}/home/.config/containers/registries.d`];
		const theirs = Bun.spawnSync(
			["skopeo", "--policy", policy, ...registries, ...copy.slice(2), name, `dir:${folder.path}/judged-${key}`],
			{
				env: environment,
				stderr: "ignore",
			},
		);
		expect(theirs.exitCode === 0).toBe(accepted);
		const ours = await home.corten(["pull", "-q", "--signature-policy", policy, name], { env: environment });
		expect(ours.status === 0).toBe(accepted);
		if (!accepted) expect(ours.stderr).toContain(digestOf("signed/odd:1"));
	}
});
