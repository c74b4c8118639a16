// Archives of docker before 1.10: one made here, and what skopeo writes for such readers, without its manifest.json.

import { describe, expect, test } from "bun:test";
import { copyFileSync, writeFileSync } from "node:fs";
import { type TarEntry, writeTar } from "../../../scripts/lib/tar.ts";
import { fixture } from "../../../test/support/fixture.ts";
import { passwdLayer, sha256, temporaryFolder } from "../../../test/support/images.ts";
import { must } from "../../../test/support/must.ts";
import { openArchive } from "./archive.ts";

const [a, b] = ["a".repeat(64), "b".repeat(64)];
const base = writeTar(passwdLayer);
const top = writeTar([{ path: "top", kind: "file", data: "top" }]);
const json = (path: string, value: unknown): TarEntry => ({ path, kind: "file", data: JSON.stringify(value) });

function archive(change: Readonly<Record<string, unknown>> = {}): TarEntry[] {
	const documents: Readonly<Record<string, unknown>> = {
		repositories: { "example.com/old": { 1: b, 2: b } },
		[`${a}/json`]: { id: a, created: "2014-01-01T00:00:00Z", container_config: { Cmd: ["/bin/sh", "-c", "one"] } },
		[`${b}/json`]: {
			id: b,
			parent: a,
			created: "2014-01-02T00:00:00Z",
			os: "linux",
			architecture: "amd64",
			config: { Cmd: ["sh"], Env: ["A=b"] },
		},
		...change,
	};
	return [
		...Object.entries(documents).flatMap(([path, value]) => (value === undefined ? [] : [json(path, value)])),
		{ path: `${a}/layer.tar`, kind: "file", data: base },
		{ path: `${b}/layer.tar`, kind: "file", data: top },
	];
}

async function read(entries: readonly TarEntry[] | string) {
	using folder = temporaryFolder();
	const path = `${folder.path}/archive.tar`;
	if (typeof entries === "string") copyFileSync(entries, path);
	else writeFileSync(path, writeTar(entries));
	using opened = await openArchive(path, folder.path);
	const images = [];
	for (const image of opened.images) {
		const { bytes } = await image.root();
		const manifest = JSON.parse(new TextDecoder().decode(bytes));
		const config = await Array.fromAsync(image.blob(manifest.config));
		images.push({ names: image.names(), manifest, config: JSON.parse(new TextDecoder().decode(Buffer.concat(config))) });
	}
	return images;
}

test("the chain of parents becomes layers, and the last one's words the config", async () => {
	const [image, ...others] = await read(archive());
	expect(others).toEqual([]);
	expect(image?.names).toEqual(["example.com/old:1", "example.com/old:2"]);
	expect(image?.manifest.layers.map((layer: { digest: string }) => layer.digest)).toEqual([sha256(base), sha256(top)]);
	expect(image?.config).toEqual({
		created: "2014-01-02T00:00:00Z",
		architecture: "amd64",
		os: "linux",
		config: { Cmd: ["sh"], Env: ["A=b"] },
		rootfs: { type: "layers", diff_ids: [sha256(base), sha256(top)] },
		history: [{ created: "2014-01-01T00:00:00Z", created_by: "/bin/sh -c one" }, { created: "2014-01-02T00:00:00Z" }],
	});
	expect(await read(archive())).toEqual(image === undefined ? [] : [image]);
});

test("what skopeo writes beside manifest.json gives the same layers", async () => {
	using folder = temporaryFolder();
	const path = `${folder.path}/docker.tar`;
	copyFileSync(`${fixture("busybox")}/docker.tar`, path);
	const [today] = await read(path);
	const legacy = `${folder.path}/legacy.tar`;
	must([
		"sh",
		"-c",
		'mkdir "$1/tree" && tar -xf "$2" -C "$1/tree" --exclude manifest.json && tar -cf "$3" -C "$1/tree" .',
		"-",
		folder.path,
		path,
		legacy,
	]);
	const [image] = await read(legacy);
	expect(image?.names).toEqual(today?.names ?? []);
	expect(image?.config.rootfs).toEqual(today?.config.rootfs);
	expect(image?.config.config).toMatchObject({ Cmd: today?.config.config.Cmd, Env: today?.config.config.Env });
});

describe("refused is", () => {
	const cases: readonly (readonly [string, Readonly<Record<string, unknown>>, string])[] = [
		["a layer that is its own ancestor", { [`${a}/json`]: { id: a, parent: b } }, "is its own ancestor"],
		["a parent that is not there", { [`${a}/json`]: { id: a, parent: "c".repeat(64) } }, "cannot find"],
		["a parent that is a path", { [`${a}/json`]: { id: a, parent: "../../etc" } }, "is no layer ID"],
		["a name that leads to a path", { repositories: { x: { 1: "../../etc/passwd" } } }, "is no layer ID"],
		["a layer that says to be another", { [`${a}/json`]: { id: b } }, "it says to be"],
		["a layer without a document", { [`${a}/json`]: undefined }, "cannot find"],
		["a name that is none", { repositories: { "UPPER//x": { 1: b } } }, "cannot decode"],
		["a list of repositories", { repositories: [] }, "cannot decode repositories"],
	];
	for (const [name, change, message] of cases) test(name, () => expect(read(archive(change))).rejects.toThrow(message));
});
