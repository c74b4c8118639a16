// Images between corten and its peers: what corten writes, skopeo, umoci, docker and podman read; what they write, corten reads; digests stay.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Docker, startDocker } from "../support/clients/docker.ts";
import { imageID, podmanIn, rawDigest, skopeo } from "../support/clients/images.ts";
import { lacks } from "../support/clients/scratch.ts";
import { top } from "../support/corten.ts";
import { type ImageRecipe, makeImage, makeIndex, passwdLayer, type TestImage, writeImages } from "../support/images.ts";
import { must } from "../support/must.ts";
import { testWhen } from "../support/skip.ts";

let folder: string;
beforeAll(() => {
	folder = mkdtempSync(`${tmpdir()}/corten-formats-`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function corten(...args: readonly string[]): string {
	return must([`${top}/build/corten`, "--root", `${folder}/root`, "--runroot", `${folder}/run`, ...args]).toString();
}

const file = (index: number) => ({ path: `f${index}`, kind: "file", data: `${index}` }) as const;
const many = (count: number) => [passwdLayer, ...Array.from({ length: count - 1 }, (_, index) => [file(index)])];

const shapes: Readonly<Record<string, ImageRecipe>> = {
	one: {},
	docker: { docker: true },
	zstd: { compression: "zstd" },
	plain: { compression: "none" },
	ten: { layers: many(10) },
	hundred: { layers: many(100) },
	empty: { layers: [passwdLayer, [], [file(1)]] },
	duplicate: { layers: [passwdLayer, [file(1)], [file(2)], [file(1)]] },
};
const images: Record<string, TestImage> = {};

beforeAll(() => {
	for (const [shape, recipe] of Object.entries(shapes)) {
		const image = makeImage(recipe);
		images[shape] = image;
		writeImages(`${folder}/from-${shape}`, { [`example.com/shape:${shape}`]: image });
		corten("pull", "-q", `oci:${folder}/from-${shape}`);
	}
});

function imageOf(shape: string): TestImage {
	const image = images[shape];
	if (image === undefined) throw new Error(`no image "${shape}"`);
	return image;
}

describe("what corten writes, skopeo reads, with the digest it had", () => {
	for (const shape of Object.keys(shapes)) {
		test(`${shape}: layout, archives and folder`, () => {
			const { manifest, config } = imageOf(shape);
			const name = `example.com/shape:${shape}`;
			corten("save", "--format", "oci-dir", "-o", `${folder}/oci`, name);
			corten("save", "--format", "oci-archive", "-o", `${folder}/${shape}.oci.tar`, name);
			corten("save", "-o", `${folder}/${shape}.docker.tar`, name);
			corten("save", "--format", "docker-dir", "-o", `${folder}/${shape}.dir`, name);
			for (const place of [`oci:${folder}/oci:${name}`, `oci-archive:${folder}/${shape}.oci.tar:${name}`]) {
				// skopeo sees OCI's media types alone in a layout, so docker's become those.
				if (shape !== "docker") expect(rawDigest(place)).toBe(manifest.digest);
				expect(imageID(place)).toBe(config.digest);
			}
			expect(rawDigest(`dir:${folder}/${shape}.dir`)).toBe(manifest.digest);
			// containers-image makes a manifest of its own for docker's archives.
			expect(imageID(`docker-archive:${folder}/${shape}.docker.tar:${name}`)).toBe(config.digest);
			for (const place of [
				`oci:${folder}/oci:${name}`,
				`oci-archive:${folder}/${shape}.oci.tar`,
				`docker-archive:${folder}/${shape}.docker.tar`,
			]) {
				must([...skopeo, "copy", "-q", place, `dir:${folder}/copied`]);
				rmSync(`${folder}/copied`, { recursive: true });
			}
		});

		test(`${shape}: and corten, from each`, () => {
			const { manifest, config } = imageOf(shape);
			const name = `example.com/shape:${shape}`;
			const again = (...args: readonly string[]) =>
				must([`${top}/build/corten`, "--root", `${folder}/again`, "--runroot", `${folder}/run`, ...args]).toString();
			for (const load of [
				["pull", "-q", `oci:${folder}/oci:${name}`],
				["load", "-i", `${folder}/${shape}.oci.tar`],
				["load", "-i", `${folder}/${shape}.docker.tar`],
			]) {
				again(...load);
				const digest = again("inspect", "--format", "{{.Digest}}", name).trim();
				expect(digest === manifest.digest).toBe(shape !== "docker" || load.at(-1)?.endsWith(".docker.tar") === true);
				expect(again("inspect", "--format", "{{.Id}}", name).trim()).toBe(config.digest);
				again("rmi", name);
			}
			again("pull", "-q", `dir:${folder}/${shape}.dir`);
			expect(again("inspect", "--format", "{{.Digest}}", `localhost/${shape}-dir:latest`).trim()).toBe(manifest.digest);
			again("rmi", `localhost/${shape}-dir`);
		});
	}

	test("what is no regular file stays what it is", () => {
		must(["mknod", `${folder}/null`, "c", "1", "3"]);
		must(["ln", "-s", "one.docker.tar", `${folder}/link.tar`]);
		corten("save", "-o", `${folder}/null`, "example.com/shape:one");
		corten("save", "-o", `${folder}/link.tar`, "example.com/shape:one");
		expect(must(["stat", "-c", "%F", `${folder}/null`, `${folder}/link.tar`]).toString()).toBe("character special file\nsymbolic link\n");
	});

	test("umoci reads the layout, and unpacks the image", () => {
		must(["umoci", "unpack", "--image", `${folder}/oci:example.com/shape:ten`, `${folder}/bundle`]);
		expect(readFileSync(`${folder}/bundle/rootfs/f3`, "utf8")).toBe("3");
	});

	test("several images go into one archive, each layer once, and the same images give the same bytes", () => {
		const names = ["one", "duplicate", "ten"].map((shape) => `example.com/shape:${shape}`);
		corten("save", "-o", `${folder}/several.tar`, ...names);
		corten("save", "-o", `${folder}/several-again.tar`, ...names);
		expect(readFileSync(`${folder}/several.tar`)).toEqual(readFileSync(`${folder}/several-again.tar`));
		const members = must(["tar", "-tf", `${folder}/several.tar`])
			.toString()
			.trim()
			.split("\n");
		expect(new Set(members).size).toBe(members.length);
		for (const name of names) corten("rmi", name);
		const loaded = corten("load", "-i", `${folder}/several.tar`);
		expect(loaded).toBe(names.map((name) => `Loaded image: ${name}\n`).join(""));
	});

	test("an index goes whole into a layout and its archive", () => {
		const blobs = new Map([...imageOf("one").blobs, ...makeImage({ architecture: "s390x" }).blobs]);
		const entries = [imageOf("one").manifest, makeImage({ architecture: "s390x" }).manifest].map((manifest, at) => ({
			...manifest,
			platform: { os: "linux", architecture: at === 0 ? "amd64" : "s390x" },
		}));
		const index = makeIndex(entries, blobs);
		writeImages(`${folder}/from-index`, { "example.com/multi:1": { ...imageOf("one"), manifest: index, blobs } });
		corten("pull", "-q", "--platform", "linux/amd64", "--all-platforms", `oci:${folder}/from-index`);
		corten("save", "--all-platforms", "--format", "oci-archive", "-o", `${folder}/index.tar`, "example.com/multi:1");
		expect(rawDigest(`oci-archive:${folder}/index.tar`)).toBe(index.digest);
		corten("convert", "-q", "--all-platforms", `oci-archive:${folder}/index.tar`, `dir:${folder}/index.dir`);
		expect(rawDigest(`dir:${folder}/index.dir`)).toBe(index.digest);
	});
});

describe("what skopeo writes, corten reads", () => {
	for (const shape of ["one", "docker", "zstd", "ten", "duplicate"]) {
		test(shape, () => {
			const from = `dir:${folder}/${shape}.dir`;
			const { manifest, config } = imageOf(shape);
			must([...skopeo, "copy", "-q", "--preserve-digests", from, `dir:${folder}/skopeo-${shape}.dir`]);
			const converted = (place: string) => corten("convert", place, `back:${shape}`).trim();
			expect(converted(`dir:${folder}/skopeo-${shape}.dir`)).toBe(manifest.digest);
			if (shape !== "docker") {
				must([...skopeo, "copy", "-q", from, `oci-archive:${folder}/skopeo-${shape}.oci.tar:x`]);
				expect(converted(`oci-archive:${folder}/skopeo-${shape}.oci.tar`)).toBe(manifest.digest);
			}
			// skopeo knows no zstd in docker's formats.
			if (shape === "zstd") return;
			must([...skopeo, "copy", "-q", from, `docker-archive:${folder}/skopeo-${shape}.tar:example.com/back:${shape}`]);
			corten("load", "-q", "-i", `${folder}/skopeo-${shape}.tar`);
			expect(corten("inspect", "--format", "{{.Id}}", `example.com/back:${shape}`).trim()).toBe(config.digest);
		});
	}
});

describe("conversions", () => {
	for (const [options, mediaType, layer] of [
		[["--format", "v2s2"], "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.image.rootfs.diff.tar.gzip"],
		[["--compression", "zstd"], "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.layer.v1.tar+zstd"],
		[["--compression", "none"], "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.layer.v1.tar"],
	] as const) {
		test(`${options.join(" ")}: peers read it, and the image ID stays`, () => {
			const place = `${folder}/converted-${options.join("")}`;
			corten("convert", "-q", ...options, "example.com/shape:ten", `dir:${place}`);
			const manifest = JSON.parse(readFileSync(`${place}/manifest.json`, "utf8")) as { mediaType: string; layers: { mediaType: string }[] };
			expect(manifest.mediaType).toBe(mediaType);
			expect(new Set(manifest.layers.map((entry) => entry.mediaType))).toEqual(new Set([layer]));
			expect(imageID(`dir:${place}`)).toBe(imageOf("ten").config.digest);
			must([...skopeo, "copy", "-q", `dir:${place}`, `oci:${place}.oci:x`]);
			// umoci knows no zstd.
			if (options[1] !== "zstd") must(["umoci", "unpack", "--image", `${place}.oci:x`, `${place}.bundle`]);
		});
	}
});

describe("bad input is refused, and nothing is left behind", () => {
	const fails = (...args: readonly string[]) => {
		const result = Bun.spawnSync([`${top}/build/corten`, "--root", `${folder}/root`, "--runroot", `${folder}/run`, ...args], {
			stdin: "ignore",
		});
		expect(result.exitCode).not.toBe(0);
		return result.stderr.toString();
	};
	test("an archive that is none", () => {
		writeFileSync(`${folder}/none.tar`, "hello");
		expect(fails("load", "-i", `${folder}/none.tar`)).toContain("none.tar");
		must(["tar", "-cf", `${folder}/root.tar`, "-C", `${folder}/bundle`, "rootfs"]);
		expect(fails("load", "-i", `${folder}/root.tar`)).toContain("corten import");
	});
	test("an image that is not there, a folder of something else, an archive that exists", () => {
		expect(fails("save", "-o", `${folder}/missing.tar`, "example.com/missing:1")).toContain("example.com/missing:1");
		expect(fails("save", "--format", "oci-dir", "-o", `${folder}/bundle`, "example.com/shape:one")).toContain("holds something else");
		expect(fails("convert", "example.com/shape:one", `oci-archive:${folder}/one.oci.tar`)).toContain("it exists");
		expect(must(["sh", "-c", `ls ${folder}/root/store/tmp`]).toString()).toBe("");
	});
});

const reason = lacks("docker", "dockerd", "containerd");
describe("docker", () => {
	let engine: Docker;
	const whenDocker = testWhen(reason === undefined, reason ?? "");
	beforeAll(async () => {
		if (reason === undefined) engine = await startDocker();
	});
	afterAll(() => engine?.world[Symbol.asyncDispose]());

	for (const shape of ["one", "docker", "ten", "duplicate"]) {
		whenDocker(`loads what corten saved, and corten loads what it saves: ${shape}`, async () => {
			const { config } = imageOf(shape);
			const loaded = await engine.docker(["load", "-q", "-i", `${folder}/${shape}.docker.tar`]);
			expect(loaded).toMatchObject({ status: 0, stdout: `Loaded image: example.com/shape:${shape}\n` });
			const inspected = await engine.docker(["image", "inspect", "--format", "{{.Id}}", `example.com/shape:${shape}`]);
			expect(inspected.stdout.trim()).toBe(config.digest);
			expect((await engine.docker(["save", "-o", `${folder}/docker-${shape}.tar`, `example.com/shape:${shape}`])).status).toBe(0);
			corten("rmi", `example.com/shape:${shape}`);
			corten("load", "-q", "-i", `${folder}/docker-${shape}.tar`);
			expect(corten("inspect", "--format", "{{.Id}}", `example.com/shape:${shape}`).trim()).toBe(config.digest);
		});
	}
});

const noPodman = lacks("podman");
describe("podman", () => {
	const whenPodman = testWhen(noPodman === undefined, noPodman ?? "");
	let podman: ReturnType<typeof podmanIn>;
	beforeAll(() => {
		podman = podmanIn(`${folder}/podman`);
	});
	const policy = () => ["--signature-policy", `${folder}/podman/policy.json`];
	for (const format of ["docker-archive", "oci-archive"]) {
		whenPodman(`loads what corten saved as ${format}, and corten loads what it saves`, () => {
			const name = "example.com/shape:ten";
			const from = `${folder}/ten.${format === "oci-archive" ? "oci" : "docker"}.tar`;
			podman("load", "-q", ...policy(), "-i", from);
			const id = podman("image", "inspect", "--format", "{{.Id}}", name).trim();
			expect(`sha256:${id}`).toBe(imageOf("ten").config.digest);
			podman("save", "-q", ...policy(), "--format", format, "-o", `${folder}/podman-${format}.tar`, name);
			podman("rmi", name);
			corten("rmi", name);
			corten("load", "-q", "-i", `${folder}/podman-${format}.tar`);
			expect(corten("inspect", "--format", "{{.Id}}", name).trim()).toBe(imageOf("ten").config.digest);
		});
	}
});
