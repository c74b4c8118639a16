// How images are shown and cleared away: images with filters and as a tree, image prune, store df.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Result, run, top } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { makeImage, makeIndex, passwdLayer, writeImages } from "../support/images.ts";
import { remove } from "../support/leftovers.ts";
import { must } from "../support/must.ts";

const folder = mkdtempSync(`${tmpdir()}/corten-images-`);
const program = [`${top}/build/corten`, "--root", `${folder}/root`, "--runroot", `${folder}/run`];
const corten = (...args: readonly string[]): Promise<Result> => run([...program, ...args]);
const ok = async (...args: readonly string[]) => {
	const result = await corten(...args);
	if (result.status !== 0) throw new Error(`corten ${args.join(" ")}: ${result.status}\n${result.stdout}${result.stderr}`);
	return result.stdout;
};

beforeAll(async () => {
	const one = makeImage({
		layers: [passwdLayer, [{ path: "one", kind: "file" }]],
		config: (config) => ({ ...config, created: "2020-01-01T00:00:00Z" }),
	});
	const two = makeImage({
		layers: [passwdLayer, [{ path: "two", kind: "file" }]],
		config: (config) => ({ ...config, created: "2024-01-01T00:00:00Z" }),
	});
	writeImages(`${folder}/layout`, { "example.com/one:1": one, "example.com/two:1": two });
	for (const name of ["one", "two"]) await ok("pull", "-q", `oci:${folder}/layout:example.com/${name}:1`);
	await ok("load", "-q", "-i", `${fixture("busybox")}/docker.tar`);
	await ok("tag", "example.com/two:1", "example.com/two:2");
	await ok("tag", "example.com/one:1", "example.com/gone:1");
});
afterAll(async () => {
	await remove(folder);
	rmSync(folder, { recursive: true, force: true });
});

describe("images", () => {
	const names = async (...args: readonly string[]) =>
		(await ok("images", "--format", "{{.Repository}}:{{.Tag}}", ...args)).trim().split("\n").sort();
	test("--filter", async () => {
		expect(await names("--filter", "before=example.com/two:1")).toContain("example.com/one:1");
		expect(await names("--filter", "reference=example.com/two")).toEqual(["example.com/two:1", "example.com/two:2"]);
		expect(await names("--filter", "dangling=true")).toEqual([""]);
		expect((await corten("images", "--filter", "nonsense=1")).stderr).toContain("nonsense");
	});

	test("--tree shows each image once, and what is shared", async () => {
		const tree = await ok("images", "--tree", "--filter", "reference=example.com/*");
		expect(tree).toContain("example.com/two:1, example.com/two:2");
		expect(tree.match(/also in 1 other$/gm)?.length).toBe(2);
	});

	test("--digests, and docker's two words", async () => {
		expect(await ok("images", "--digests")).toContain("DIGEST");
		expect(await ok("image", "ls", "-q", "example.com/two")).toMatch(/^[0-9a-f]{12}\n$/);
		expect(JSON.parse((await ok("system", "df", "--format", "json")).split("\n")[0] ?? "")).toMatchObject({ Type: "Images" });
	});
});

test("image inspect shows all of the config, what the manifest is, and names with the digest of the index", async () => {
	const home = mkdtempSync(`${folder}/inspect-`);
	const config = {
		Env: ["A=b"],
		Cmd: ["c"],
		OnBuild: ["RUN x"],
		Shell: ["/bin/zsh", "-c"],
		Healthcheck: { Test: ["CMD", "x"], Retries: 3 },
	};
	const image = makeImage({
		config: (document) => ({ ...document, config, docker_version: "20.10" }),
		manifest: (document) => ({ ...document, annotations: { note: "n" } }),
	});
	const index = makeIndex([{ ...image.manifest, platform: { os: "linux", architecture: "amd64" } }], image.blobs);
	writeImages(`${home}/layout`, { "example.com/inspected:1": { ...image, manifest: index } });
	const own = [`${top}/build/corten`, "--root", `${home}/root`, "--runroot", `${home}/run`];
	must([...own, "pull", "-q", "--platform", "linux/amd64", `oci:${home}/layout`]);
	const [shown] = JSON.parse(must([...own, "image", "inspect", "example.com/inspected:1"]).toString());
	expect(shown).toMatchObject({
		Id: image.config.digest,
		RepoTags: ["example.com/inspected:1"],
		RepoDigests: [`example.com/inspected@${index.digest}`],
		Digest: image.manifest.digest,
		DockerVersion: "20.10",
		Config: { ...config, User: "", Labels: {} },
		ManifestType: image.manifest.mediaType,
		Annotations: { note: "n" },
		History: [{ created: "2024-01-02T03:04:05Z", created_by: "test" }],
	});
	expect(must([...own, "inspect", "-f", "{{.Config.Healthcheck.Retries}} {{index .RepoDigests 0}}", shown.Id]).toString()).toBe(
		`3 example.com/inspected@${index.digest}\n`,
	);
	must([...own, "inspect", shown.RepoDigests[0]]);
});

test("image prune takes what has no name, with --all what no container uses, and leaves what one does", async () => {
	await ok("run", "--name", "user", "--network", "none", "busybox", "true");
	// The last name moves on: the image stays, without one.
	await ok("untag", "example.com/gone:1", "example.com/gone:1");
	await ok("tag", "example.com/one:1", "example.com/kept:1");
	await ok("untag", "example.com/two:1", "example.com/two:1");
	expect(await ok("image", "prune", "-f")).toContain("Total reclaimed space: ");
	const before = readdirSync(`${folder}/root/layers`).length;
	expect(await ok("image", "prune", "-af", "--filter", "until=2021-01-01")).toContain("untagged: example.com/one:1");
	expect(readdirSync(`${folder}/root/layers`).length).toBe(before - 1);
	await ok("image", "prune", "-af");
	expect((await ok("images", "-q")).trim().split("\n").length).toBe(1);
	await ok("rm", "user");
	await ok("image", "prune", "-af");
	expect(await ok("images", "-q")).toBe("");
	for (const place of ["store/blobs/sha256", "layers", "records"]) expect(readdirSync(`${folder}/root/${place}`)).toEqual([]);
});

test("load takes a layout folder with all its images, and a folder of skopeo's", async () => {
	const home = mkdtempSync(`${folder}/load-`);
	const load = (path: string) =>
		run([`${top}/build/corten`, "--root", `${home}/root`, "--runroot", `${home}/run`, "load", "-q", "-i", path]);
	expect(await load(`${folder}/layout`)).toMatchObject({
		status: 0,
		stdout: "Loaded image: example.com/one:1\nLoaded image: example.com/two:1\n",
	});
	must(["skopeo", "--insecure-policy", "copy", "-q", `oci:${folder}/layout:example.com/one:1`, `dir:${home}/dir`]);
	expect(await load(`${home}/dir`)).toMatchObject({ status: 0, stdout: "Loaded image: localhost/dir:latest\n" });
	mkdirSync(`${home}/empty`);
	const refused = await load(`${home}/empty`);
	expect(refused.status).toBe(1);
	expect(refused.stderr).toContain(`cannot load "${home}/empty"`);
	expect(readdirSync(`${home}/root/store/tmp`)).toEqual([]);
});
