// corten artifact: files in the store, in registries with and without a referrers API, and in skopeo's hands.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Result, run, top } from "../support/corten.ts";
import { makeImage, makeIndex, sha256, writeImages } from "../support/images.ts";
import { must } from "../support/must.ts";
import { type Registry, serveStorage } from "../support/registry.ts";

const folder = mkdtempSync(`${tmpdir()}/corten-artifact-`);
const program = [`${top}/build/corten`, "--root", `${folder}/root`, "--runroot", `${folder}/run`];
const image = makeImage();
const type = "application/vnd.example.report.v1";
let registry: Registry;
let app: string;

const corten = (...args: readonly string[]): Promise<Result> => run([...program, ...args]);
const ok = (...args: readonly string[]) => must([...program, ...args]).toString();
const blobs = () => readdirSync(`${folder}/root/store/blobs/sha256`).sort();

beforeAll(async () => {
	registry = await serveStorage(`${folder}/storage`, { writable: true });
	app = `${registry.host}/team/app`;
	writeImages(`${folder}/image`, { [`${app}:1`]: image });
	ok("pull", "-q", `oci:${folder}/image`);
	writeFileSync(`${folder}/report.json`, '{"fine":true}\n');
	writeFileSync(`${folder}/log.txt`, "log\n");
});
afterAll(async () => {
	await registry[Symbol.asyncDispose]();
	rmSync(folder, { recursive: true, force: true });
});

describe("in the store", () => {
	test("files become an artifact, the same files the same one, and come out again", async () => {
		const files = [`${folder}/report.json`, `${folder}/log.txt`];
		const digest = ok("artifact", "add", "--type", type, "--annotation", "a=b", "example.com/one:1", ...files).trim();
		expect(ok("artifact", "add", "--type", type, "--annotation", "a=b", "example.com/two:1", ...files).trim()).toBe(digest);
		expect(await corten("artifact", "add", "example.com/two:1", ...files)).toMatchObject({
			status: 1,
			stderr: expect.stringContaining("taken"),
		});
		expect(ok("artifact", "ls", "--format", "{{.Repository}}:{{.Tag}} {{.ArtifactType}} {{.Size}}")).toBe(
			`example.com/one:1 ${type} 18B\nexample.com/two:1 ${type} 18B\n`,
		);
		const { Manifest, Digest } = JSON.parse(ok("artifact", "inspect", "example.com/one:1"));
		expect(Digest).toBe(digest);
		expect(Manifest).toMatchObject({
			schemaVersion: 2,
			artifactType: type,
			config: { mediaType: "application/vnd.oci.empty.v1+json" },
			layers: [
				{ mediaType: "application/octet-stream", size: 14, annotations: { "org.opencontainers.image.title": "report.json", a: "b" } },
				{ size: 4, annotations: { "org.opencontainers.image.title": "log.txt" } },
			],
		});
		mkdirSync(`${folder}/out`);
		ok("artifact", "extract", "example.com/one:1", `${folder}/out`);
		expect(readdirSync(`${folder}/out`).sort()).toEqual(["log.txt", "report.json"]);
		expect(readFileSync(`${folder}/out/report.json`, "utf8")).toBe('{"fine":true}\n');
		expect(ok("artifact", "extract", "--title", "log.txt", digest.slice(7, 20), "-")).toBe("log\n");
		expect((await corten("artifact", "extract", "example.com/one:1", `${folder}/file`)).stderr).toContain("--title");
		expect((await corten("artifact", "extract", "--title", "none", "example.com/one:1", `${folder}/file`)).status).toBe(1);
		expect(existsSync(`${folder}/file`)).toBe(false);
	});

	test("more files are appended; one that is there is not replaced by them", async () => {
		expect((await corten("artifact", "add", "-a", "example.com/one:1", `${folder}/log.txt`)).stderr).toContain("log.txt");
		writeFileSync(`${folder}/more`, "more");
		const digest = ok("artifact", "add", "--append", "example.com/one:1", `${folder}/more`).trim();
		expect(JSON.parse(ok("artifact", "inspect", digest)).Manifest.layers.length).toBe(3);
		ok("artifact", "add", "--replace", "--type", type, "example.com/one:1", `${folder}/report.json`);
	});

	test("images and artifacts are kept apart, checked and collected together", async () => {
		expect(ok("images", "--format", "{{.Repository}}:{{.Tag}}")).toBe(`${app}:1\n`);
		for (const args of [
			["run", "--rm", "--pull", "never", "example.com/one:1", "true"],
			["inspect", "example.com/one:1"],
		]) {
			const refused = await corten(...args);
			expect(refused.status).not.toBe(0);
			expect(refused.stderr).toContain("it is an artifact");
		}
		expect((await corten("artifact", "inspect", `${app}:1`)).stderr).toContain("container image");
		ok("image", "prune", "-f");
		expect(ok("store", "check")).toContain("all is well");
		ok("tag", "example.com/two:1", "example.com/three:1");
		ok("artifact", "rm", "example.com/two:1");
		expect(ok("artifact", "ls", "--format", "{{.Repository}}")).toBe("example.com/one\nexample.com/three\n");
		ok("rmi", "example.com/three:1");
		expect(ok("store", "gc")).toBe("removed 0 files\n");
	});

	test("a blob that is damaged is found, and healed by being pulled again", async () => {
		const { Manifest, Digest } = JSON.parse(ok("artifact", "inspect", "example.com/one:1"));
		ok("artifact", "push", "-q", "example.com/one:1", `oci:${folder}/kept:x`);
		writeFileSync(`${folder}/root/store/blobs/sha256/${Manifest.layers[0].digest.slice(7)}`, "x".repeat(14));
		expect(await corten("store", "check")).toMatchObject({ status: 1, stdout: expect.stringContaining('artifact "example.com/one:1"') });
		expect((await corten("artifact", "extract", "example.com/one:1", "-")).status).toBe(1);
		expect(ok("store", "repair")).toContain("corten artifact pull example.com/one:1");
		expect(ok("artifact", "pull", "-q", `oci:${folder}/kept:x`).trim()).toBe(Digest);
		expect(ok("store", "check")).toContain("all is well");
		ok("artifact", "rm", "--all");
		expect(ok("artifact", "ls", "-q")).toBe("");
		expect(blobs()).toEqual([...image.blobs.keys()].map((digest) => digest.slice(7)).sort());
	});
});

describe("hostile titles (CVE-2025-62725)", () => {
	const titled = (titles: readonly string[]) => {
		const data = new TextEncoder().encode("evil");
		const config = new TextEncoder().encode("{}");
		const layers = titles.map((title) => ({
			mediaType: "text/plain",
			digest: sha256(data),
			size: data.length,
			annotations: { "org.opencontainers.image.title": title },
		}));
		const document = {
			schemaVersion: 2,
			mediaType: "application/vnd.oci.image.manifest.v1+json",
			artifactType: type,
			config: { mediaType: "application/vnd.oci.empty.v1+json", digest: sha256(config), size: 2 },
			layers,
		};
		const bytes = new TextEncoder().encode(JSON.stringify(document));
		const manifest = { mediaType: document.mediaType, digest: sha256(bytes), size: bytes.length };
		const blobs = new Map([data, config, bytes].map((content) => [sha256(content) as string, content]));
		rmSync(`${folder}/evil`, { recursive: true, force: true });
		writeImages(`${folder}/evil`, { x: { manifest, config: { digest: sha256(config), size: 2 }, layers: [], blobs } });
		ok("artifact", "pull", "-q", `oci:${folder}/evil:x`);
		return manifest.digest;
	};
	for (const title of ["../evil", "/tmp/evil", "a/b", "..", ".", ""]) {
		test(`${JSON.stringify(title)} is no file name`, async () => {
			mkdirSync(`${folder}/in/here`, { recursive: true });
			const result = await corten("artifact", "extract", titled([title]), `${folder}/in/here`);
			expect(result).toMatchObject({ status: 1, stderr: expect.stringContaining("no file name") });
			expect([readdirSync(`${folder}/in`), readdirSync(`${folder}/in/here`)]).toEqual([["here"], []]);
		});
	}
	test("a file that is there stays, and a link in its place is replaced and not followed", async () => {
		const digest = titled([".bashrc"]);
		mkdirSync(`${folder}/home`);
		writeFileSync(`${folder}/victim`, "mine");
		symlinkSync("../victim", `${folder}/home/.bashrc`);
		expect(await corten("artifact", "extract", digest, `${folder}/home`)).toMatchObject({
			status: 1,
			stderr: expect.stringContaining("exists"),
		});
		expect(readlinkSync(`${folder}/home/.bashrc`)).toBe("../victim");
		ok("artifact", "extract", "--overwrite", digest, `${folder}/home`);
		expect(readFileSync(`${folder}/home/.bashrc`, "utf8")).toBe("evil");
		expect(readFileSync(`${folder}/victim`, "utf8")).toBe("mine");
	});
	test("two files of one title are refused", async () => {
		expect((await corten("artifact", "extract", titled(["a", "a"]), `${folder}/in/here`)).status).toBe(1);
	});
});

describe("in a registry without a referrers API", () => {
	test("an artifact goes there and back, and skopeo reads it", () => {
		const digest = ok("artifact", "add", "--type", type, `${app}:report`, `${folder}/report.json`).trim();
		ok("artifact", "push", "-q", `${app}:report`);
		ok("untag", `${app}:report`);
		ok("artifact", "push", "-q", digest, `${app}:report`);
		const raw = must(["skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${app}:report`]);
		expect(sha256(raw)).toBe(digest as `sha256:${string}`);
		must(["skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false", `docker://${app}:report`, `oci:${folder}/skopeo:x`]);
		ok("artifact", "rm", "--all");
		expect(ok("artifact", "pull", "-q", `oci:${folder}/skopeo:x`).trim()).toBe(digest);
		ok("artifact", "rm", "--all");
		expect(ok("artifact", "pull", `${app}:report`)).toBe(`Digest: ${digest}\n${app}:report\n`);
	});

	test("what is said of an image is listed with it, from the store and from the registry, and goes from the list when it is deleted", async () => {
		ok("push", "-q", `${app}:1`);
		const add = (name: string, ...more: readonly string[]) =>
			ok(
				"artifact",
				"add",
				"--type",
				type,
				"--artifact-annotation",
				"by=me",
				"--subject",
				`${app}:1`,
				name,
				`${folder}/report.json`,
				...more,
			).trim();
		const one = add(`${app}:first`);
		const two = add(`${app}:second`, `${folder}/log.txt`);
		ok("artifact", "push", "-q", `${app}:first`);
		ok("artifact", "push", "-q", one, `${app}@${one}`);
		ok("artifact", "push", "-q", two, `${app}@${two}`);
		const listed = () => ok("search", "--referrers", "--format", "{{.Digest}} {{.ArtifactType}}", `${app}:1`);
		expect(listed()).toBe(`${one} ${type}\n${two} ${type}\n`);
		expect(ok("search", "--referrers", "--artifact-type", "text/other", "--format", "{{.Digest}}", `${app}:1`)).toBe("");
		const index = JSON.parse(
			must(["skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${app}:${image.manifest.digest.replace(":", "-")}`]).toString(),
		);
		expect(index.manifests[0]).toMatchObject({ artifactType: type, annotations: { by: "me" } });

		ok("rmi", `${app}:1`);
		expect(blobs()).not.toContain(image.config.digest.slice(7));
		ok("artifact", "add", "--replace", "--type", type, "--subject", `${app}:1`, `${app}:first`, `${folder}/report.json`);
		expect(JSON.parse(ok("artifact", "inspect", `${app}:first`)).Manifest.subject.digest).toBe(image.manifest.digest);

		ok("delete", "-q", `${app}@${two}`);
		expect(listed()).toBe(`${one} ${type}\n`);
		expect((await corten("delete", "--untag", `${app}:1`)).stderr).toContain("takes no tags away alone");
		expect((await corten("delete", `${app}:1`)).stderr).toContain("name sha256:");
	});

	test("of an image of several platforms the subject is the index, which is what its name means", () => {
		const index = makeIndex([{ ...image.manifest, platform: { os: "linux", architecture: "amd64" } }], image.blobs);
		writeImages(`${folder}/index`, { [`${app}:multi`]: { ...image, manifest: index } });
		ok("pull", "-q", "--platform", "linux/amd64", "--all-platforms", `oci:${folder}/index`);
		ok("push", "-q", "--all-platforms", `${app}:multi`);
		const digest = ok("artifact", "add", "--subject", `${app}:multi`, `${app}:of-multi`, `${folder}/log.txt`).trim();
		ok("artifact", "push", "-q", `${app}:of-multi`);
		expect(JSON.parse(ok("artifact", "inspect", digest)).Manifest.subject).toEqual(index);
		expect(ok("search", "--referrers", "--format", "{{.Digest}}", `${app}:multi`)).toBe(`${digest}\n`);
	});

	test("an image is no artifact, and an artifact no image", async () => {
		expect((await corten("artifact", "pull", `oci:${folder}/image`)).stderr).toContain("corten pull");
		expect((await corten("pull", `${app}:report`)).stderr).toContain("corten artifact");
		expect((await corten("push", `${app}:report`)).status).toBe(1);
	});
});
