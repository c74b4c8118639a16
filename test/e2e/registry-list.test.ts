// search and delete against Debian's docker-registry, which lists tags in no order and has no referrers API.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Result, run, top } from "../support/corten.ts";
import { makeImage, passwdLayer, writeImages } from "../support/images.ts";
import { must } from "../support/must.ts";
import { serveStorage } from "../support/registry.ts";

const folder = mkdtempSync(`${tmpdir()}/corten-list-`);
const program = [`${top}/build/corten`, "--root", `${folder}/root`, "--runroot", `${folder}/run`];
const one = makeImage({ layers: [passwdLayer] });
const two = makeImage({ layers: [passwdLayer, [{ path: "b", kind: "file", data: "b" }]] });

function corten(...args: readonly string[]): Promise<Result> {
	return run([...program, ...args]);
}

beforeAll(() => {
	writeImages(`${folder}/image`, { "example.com/app:1": one, "example.com/app:2": two });
	must([...program, "pull", "-q", `oci:${folder}/image:example.com/app:1`]);
	must([...program, "pull", "-q", `oci:${folder}/image:example.com/app:2`]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("tags and repositories are listed, and an image is deleted with its tags when that is said", async () => {
	await using registry = await serveStorage(`${folder}/storage`, { writable: true });
	const app = `${registry.host}/team/app`;
	for (const tag of ["a", "b", "c"]) must([...program, "push", "-q", "example.com/app:1", `${app}:${tag}`]);
	must([...program, "push", "-q", "example.com/app:2", `${app}:d`]);

	expect((await corten("search", "--list-tags", "--format", "{{.Name}}:{{.Tag}}", app)).stdout).toBe(
		`${app}:a\n${app}:b\n${app}:c\n${app}:d\n`,
	);
	expect(JSON.parse((await corten("search", "--list-tags", "--limit", "2", "--format", "json", app)).stdout)).toEqual([
		{ Name: app, Tags: ["a", "b"] },
	]);
	expect((await corten("search", "--format", "{{.Name}}", `${registry.host}/`)).stdout).toBe(`${app}\n`);
	expect((await corten("search", "--format", "{{.Name}}", `${registry.host}/other`)).stdout).toBe("");
	const nowhere = await corten("search", "alpine");
	expect(nowhere.status).toBe(1);
	expect(nowhere.stderr).toContain("--list-tags alpine");
	expect((await corten("search", "--referrers", "--format", "{{.Digest}}", `${app}:a`)).stdout).toBe("");

	const refused = await corten("delete", `${app}:a`);
	expect(refused.status).toBe(1);
	expect(refused.stderr).toContain("b, c");
	expect((await corten("delete", `docker://${app}:d`)).stdout).toBe(`untagged: ${app}:d\ndeleted: ${app}@${two.manifest.digest}\n`);
	expect((await corten("delete", "--force", "-q", `${app}:a`)).stdout).toBe(`${one.manifest.digest}\n`);
	for (const tag of ["a", "b", "c", "d"]) expect((await corten("pull", "-q", `${app}:${tag}`)).stderr).toContain("404");
	expect((await corten("images", "-q")).stdout.trim().split("\n").length).toBe(2);
});

test("all tags go to a registry and come back, without those that stand for referrers", async () => {
	await using registry = await serveStorage(`${folder}/all`, { writable: true });
	const app = `${registry.host}/all/app`;
	expect((await corten("push", "-a", app)).stderr).toContain("the store has none");
	must([...program, "tag", "example.com/app:1", `${app}:1`]);
	must([...program, "tag", "example.com/app:2", `${app}:2`]);
	expect((await corten("push", "--all-tags", app)).stdout).toBe(
		`${app}:1: digest: ${one.manifest.digest}\n${app}:2: digest: ${two.manifest.digest}\n`,
	);
	must([...program, "push", "-q", "example.com/app:1", `${app}:sha256-${"a".repeat(64)}`]);
	must([...program, "rmi", `${app}:1`, `${app}:2`]);
	expect(await corten("pull", "-q", "--all-tags", app)).toMatchObject({ status: 0, stdout: `${app}:1\n${app}:2\n` });
	expect((await corten("pull", "-a", `${app}:1`)).stderr).toContain("without tag");
	expect((await corten("push", "-a", app, `${app}2`)).status).toBe(1);
});
