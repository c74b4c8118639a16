// One registry between corten and its peers: what skopeo, podman and docker push, corten pulls, and they pull what it pushes; digests stay.
// containerd beside them, and layouts that umoci has made and changed.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Containerd, startContainerd } from "../support/clients/containerd.ts";
import { type Docker, startDocker } from "../support/clients/docker.ts";
import { imageID, podmanIn, rawDigest, skopeo } from "../support/clients/images.ts";
import { lacks, outputOf } from "../support/clients/scratch.ts";
import { top } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { busyboxName } from "../support/fixtures/busybox.ts";
import { makeImage, makeIndex, passwdLayer, writeImages } from "../support/images.ts";
import { must } from "../support/must.ts";
import { type Registry, serveStorage } from "../support/registry.ts";
import { testWhen } from "../support/skip.ts";

let folder: string;
let registry: Registry;
const corten = (...args: readonly string[]) =>
	must([`${top}/build/corten`, "--root", `${folder}/root`, "--runroot", `${folder}/run`, ...args])
		.toString()
		.trim();
const place = (name: string) => `${registry.host}/peers/${name}`;
const digestOf = (name: string) => corten("inspect", "--format", "{{.Digest}}", name);
const atRegistry = (name: string) => rawDigest(`docker://${place(name)}`, "--tls-verify=false");

const image = makeImage({ layers: [passwdLayer, [{ path: "mine", kind: "file", data: "corten" }]] });
const platforms = ["amd64", "s390x"].map((architecture) => makeImage({ architecture }));
const blobs = new Map([...image.blobs, ...platforms.flatMap((one) => [...one.blobs])]);
const index = makeIndex(
	platforms.map(({ manifest }, at) => ({ ...manifest, platform: { os: "linux", architecture: ["amd64", "s390x"][at] } })),
	blobs,
);

beforeAll(async () => {
	folder = mkdtempSync(`${tmpdir()}/corten-peers-`);
	registry = await serveStorage(`${folder}/registry`, { writable: true });
	writeImages(`${folder}/layout`, { [place("corten:1")]: image });
	writeImages(`${folder}/index`, { [place("corten:multi")]: { ...image, manifest: index, blobs } });
	corten("pull", "-q", `oci:${folder}/layout`);
	corten("push", "-q", place("corten:1"));
	corten("pull", "-q", "--platform", "linux/amd64", "--all-platforms", `oci:${folder}/index`);
	corten("push", "-q", "--all-platforms", place("corten:multi"));
});
afterAll(async () => {
	await registry[Symbol.asyncDispose]();
	rmSync(folder, { recursive: true, force: true });
});

describe("skopeo", () => {
	test("reads what corten pushed, an index too, and corten pulls what it copies there", () => {
		expect(atRegistry("corten:1")).toBe(image.manifest.digest);
		expect(atRegistry("corten:multi")).toBe(index.digest);
		const copy = [...skopeo, "copy", "-q", "--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"];
		must([...copy, `docker://${place("corten:multi")}`, `docker://${place("skopeo:multi")}`]);
		expect(corten("pull", "-q", "--all-platforms", "--platform", "linux/amd64", place("skopeo:multi"))).toBe(place("skopeo:multi"));
		expect(digestOf(place("skopeo:multi"))).toBe(platforms[0]?.manifest.digest ?? "");
		corten("save", "-q", "--all-platforms", "--format", "oci-dir", "-o", `${folder}/saved`, place("skopeo:multi"));
		expect(rawDigest(`oci:${folder}/saved`)).toBe(index.digest);
		corten("pull", "-q", "--platform", "linux/s390x", place("skopeo:multi"));
		expect(digestOf(place("skopeo:multi"))).toBe(platforms[1]?.manifest.digest ?? "");
	});
});

const noPodman = lacks("podman");
describe("podman", () => {
	testWhen(noPodman === undefined, noPodman ?? "")("pulls what corten pushed, and corten what it pushes", () => {
		const podman = podmanIn(`${folder}/podman`);
		const options = ["-q", "--tls-verify=false", "--signature-policy", `${folder}/podman/policy.json`];
		const id = podman("pull", ...options, place("corten:1")).trim();
		expect(`sha256:${id}`).toBe(image.config.digest);
		podman("pull", ...options, "--platform", "linux/s390x", place("corten:multi"));
		for (const [tag, ...form] of [
			["oci", "--format", "oci"],
			["v2s2", "--format", "v2s2"],
			["zstd", "--compression-format", "zstd"],
			["chunked", "--compression-format", "zstd:chunked"],
		]) {
			const name = `podman:${tag}`;
			podman("push", ...options, ...form, place("corten:1"), place(name));
			corten("pull", "-q", place(name));
			expect(digestOf(place(name))).toBe(atRegistry(name));
			expect(corten("inspect", "--format", "{{.Id}}", place(name))).toBe(image.config.digest);
		}
	});
});

const noDocker = lacks("docker", "dockerd", "containerd");
describe("docker", () => {
	let engine: Docker;
	beforeAll(async () => {
		if (noDocker === undefined) engine = await startDocker();
	});
	afterAll(() => engine?.world[Symbol.asyncDispose]());
	testWhen(noDocker === undefined, noDocker ?? "")(
		"pulls what corten pushed, and corten what it pushes",
		async () => {
			const docker = (...args: readonly string[]) => outputOf(["docker", ...args], engine.docker(args));
			// docker.io of this age takes OCI's manifests too.
			await docker("pull", "-q", place("corten:1"));
			expect(await docker("image", "inspect", "--format", "{{.Id}}", place("corten:1"))).toBe(image.config.digest);
			await docker("pull", "-q", place("corten:multi"));
			expect(await docker("image", "inspect", "--format", "{{index .RepoDigests 0}}", place("corten:multi"))).toEndWith(`@${index.digest}`);
			await docker("tag", place("corten:1"), place("docker:1"));
			await docker("push", "-q", place("docker:1"));
			corten("pull", "-q", place("docker:1"));
			expect(digestOf(place("docker:1"))).toBe(atRegistry("docker:1"));
			expect(corten("inspect", "--format", "{{.Id}}", place("docker:1"))).toBe(image.config.digest);
		},
		120_000,
	);
});

const noContainerd = lacks("containerd", "ctr");
describe("containerd", () => {
	let engine: Containerd;
	beforeAll(async () => {
		if (noContainerd === undefined) engine = await startContainerd();
	});
	afterAll(() => engine?.world[Symbol.asyncDispose]());
	testWhen(noContainerd === undefined, noContainerd ?? "")(
		"takes what corten saved and pushed, an index too, and corten what it exports",
		async () => {
			const ctr = (...args: readonly string[]) => outputOf(["ctr", "image", ...args], engine.ctr(["image", ...args]));
			corten("save", "-q", "--format", "oci-archive", "-o", `${folder}/saved.tar`, place("corten:1"));
			await ctr("import", `${folder}/saved.tar`);
			expect(await ctr("ls")).toContain(image.manifest.digest);
			await ctr("pull", "--plain-http", "--all-platforms", place("corten:multi"));
			expect(await ctr("ls")).toContain(index.digest);
			await ctr("export", `${folder}/exported.tar`, place("corten:1"));
			corten("rmi", place("corten:1"));
			expect(corten("load", "-q", "-i", `${folder}/exported.tar`)).toContain(place("corten:1"));
			expect(digestOf(place("corten:1"))).toBe(image.manifest.digest);
		},
		120_000,
	);
});

const noUmoci = lacks("umoci");
describe("umoci", () => {
	const umoci = (...args: readonly string[]) => must(["umoci", ...args]);
	testWhen(noUmoci === undefined, noUmoci ?? "")("makes images that corten runs, changes them, and reads corten's store", () => {
		const layout = `${folder}/umoci`;
		must([...skopeo, "copy", "-q", `oci:${fixture("busybox")}/oci:${busyboxName}`, `oci:${layout}:base`]);
		mkdirSync(`${folder}/content`);
		writeFileSync(`${folder}/content/word`, "from umoci\n");
		umoci("insert", "--image", `${layout}:base`, "--tag", "more", `${folder}/content`, "/content");
		umoci("insert", "--image", `${layout}:more`, "--whiteout", "/bin/vi");
		umoci("config", "--image", `${layout}:more`, "--config.env", "WORD=umoci", "--config.cmd", "sh");
		umoci("unpack", "--image", `${layout}:more`, `${folder}/unpacked`);
		writeFileSync(`${folder}/unpacked/rootfs/repacked`, "yes\n");
		umoci("repack", "--image", `${layout}:repacked`, `${folder}/unpacked`);
		for (const tag of ["more", "repacked"]) {
			corten("pull", "-q", `oci:${layout}:${tag}`);
			const name = `localhost/umoci:${tag}`;
			expect(digestOf(name)).toBe(rawDigest(`oci:${layout}:${tag}`));
			expect(corten("inspect", "--format", "{{.Id}}", name)).toBe(imageID(`oci:${layout}:${tag}`));
		}
		const script = "cat /content/word /repacked; echo $WORD; ls /bin/vi 2>/dev/null | wc -l";
		expect(corten("run", "--rm", "--network", "none", "localhost/umoci:repacked", "sh", "-c", script)).toBe("from umoci\nyes\numoci\n0");
		// umoci leaves the last padding of what it inserts away; by way of an ACI the layer gets it.
		corten("convert", "-q", "localhost/umoci:more", `aci:${folder}/more.aci`);
		expect(must(["tar", "-xzOf", `${folder}/more.aci`, "rootfs/content/word"]).toString()).toBe("from umoci\n");
		expect(corten("run", "--rm", "--network", "none", "--insecure-options=image", `aci:${folder}/more.aci`, "cat", "/content/word")).toBe(
			"from umoci",
		);
		// The store itself is such a layout.
		expect(umoci("ls", "--layout", `${folder}/root/store`).toString().split("\n")).toContain("localhost/umoci:more");
		umoci("unpack", "--image", `${folder}/root/store:localhost/umoci:more`, `${folder}/of-store`);
		expect(must(["cat", `${folder}/of-store/rootfs/content/word`]).toString()).toBe("from umoci\n");
	});
});
