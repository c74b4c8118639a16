// Large images between corten and its peers, in all formats: a file of 1 GiB, and 100,000 files. What corten wrote, skopeo, umoci, docker
// and podman read; what they wrote, corten reads; digests stay, and a pull holds little memory whatever the size.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { startDocker } from "../support/clients/docker.ts";
import { imageID, podmanIn, rawDigest, skopeo } from "../support/clients/images.ts";
import { lacks, outputOf } from "../support/clients/scratch.ts";
import { top } from "../support/corten.ts";
import { busyboxMembers, type LargeImage, type LargeLayer, largeFile, smallFiles, writeLargeImage } from "../support/large.ts";
import { must } from "../support/must.ts";
import { peakBytes } from "../support/peak.ts";
import { type Registry, serveStorage } from "../support/registry.ts";
import { testWhen } from "../support/skip.ts";

const timeoutMs = 300_000;
/** 130 MB are usual (bench/images.ts has the figures). */
const pullPeakBytes = 200 << 20;

let folder: string;
let registry: Registry;
beforeAll(async () => {
	folder = mkdtempSync(`${tmpdir()}/corten-large-`);
	registry = await serveStorage(`${folder}/registry`, { writable: true });
});
afterAll(async () => {
	await registry[Symbol.asyncDispose]();
	rmSync(folder, { recursive: true, force: true });
});

/** corten with a store of its own. */
function command(store: string, ...args: readonly string[]): string[] {
	return [`${top}/build/corten`, "--root", `${folder}/${store}`, "--runroot", `${folder}/${store}-run`, ...args];
}
const corten = (...args: readonly string[]) => must(command("store", ...args)).toString();
const remove = (...names: readonly string[]) => {
	for (const name of names) rmSync(`${folder}/${name}`, { recursive: true, force: true });
};

/** Reads an image into an empty store, where nothing of it is there to be used. @returns its digest and image ID */
function readBack(args: readonly string[], name: string): { readonly digest: string; readonly id: string } {
	must(command("again", ...args));
	const [digest = "", id = ""] = must(command("again", "inspect", "--format", "{{.Digest}} {{.Id}}", name))
		.toString()
		.trim()
		.split(" ");
	remove("again", "again-run");
	return { digest, id };
}

/** A client's own folder there, which goes with its block: also when the test fails. */
function folderFor(word: string): Disposable & { readonly path: string } {
	const path = mkdtempSync(`${baseFor(word)}/corten-large-`);
	return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Where a client keeps many small files: in memory, where there is enough of it. A disk takes half a minute for them. */
function baseFor(word: string): string {
	if (word !== "many" || !existsSync("/dev/shm")) return folder;
	const { bavail, bsize } = statfsSync("/dev/shm");
	return bavail * bsize > 2 ** 31 ? "/dev/shm" : folder;
}

const noDocker = lacks("docker", "dockerd", "containerd");
const noPodman = lacks("podman");

function* layer(...parts: readonly LargeLayer[]): LargeLayer {
	for (const part of parts) yield* part;
}

/** What a container prints of its image: the bytes of all that is in it. */
const images = [
	{
		title: "a file of 1 GiB",
		word: "file",
		members: () => layer(busyboxMembers(), largeFile("data", 1024, 4)),
		script: "wc -c < /data; md5sum < /data",
		prints: "1073741824\ne8e6bd781a8daf6396f0aa246872814b  -\n",
	},
	{
		title: "100,000 files",
		word: "many",
		members: () => layer(busyboxMembers(), smallFiles("srv/", 100_000)),
		script: "find /srv -type f | wc -l; find /srv -type f | sort | xargs cat | md5sum",
		prints: "100000\n372c6140c4d133ac6bfbb44b50b6c6f3  -\n",
	},
] as const;

for (const { title, word, members, script, prints } of images) {
	describe(title, () => {
		const name = `example.com/large:${word}`;
		const there = () => `${registry.host}/large:${word}`;
		let image: LargeImage;
		beforeAll(async () => {
			image = await writeLargeImage(`${folder}/from`, name, [members()], "gzip");
		}, timeoutMs);
		afterAll(() => remove("store", "store-run", "oci", "oci.tar", "docker.tar"));
		const same = () => ({ digest: image.manifest, id: image.config });

		const step = (title: string, body: () => void | Promise<void>) => test(title, body, timeoutMs);
		const stepWhen = (reason: string | undefined, title: string, body: () => void | Promise<void>) =>
			testWhen(reason === undefined, reason ?? "")(title, body, timeoutMs);

		step("comes from a layout in bounded memory, and goes to a registry", () => {
			expect(peakBytes(command("store", "pull", "-q", `oci:${folder}/from:${name}`))).toBeLessThan(pullPeakBytes);
			remove("from");
			corten("push", "-q", name, there());
			expect(rawDigest(`docker://${there()}`, "--tls-verify=false")).toBe(image.manifest);
		});

		step("comes from the registry in bounded memory, and runs", () => {
			expect(peakBytes(command("again", "pull", "-q", there()))).toBeLessThan(pullPeakBytes);
			expect(must(command("again", "run", "--rm", there(), "sh", "-c", script)).toString()).toBe(prints);
			remove("again", "again-run");
		});

		step("is read by skopeo in each form, and by corten again", () => {
			corten("save", "--format", "oci-archive", "-o", `${folder}/oci.tar`, name);
			corten("save", "-o", `${folder}/docker.tar`, name);
			corten("save", "--format", "oci-dir", "-o", `${folder}/oci`, name);
			corten("save", "--format", "docker-dir", "-o", `${folder}/dir`, name);
			const places = [`oci-archive:${folder}/oci.tar:${name}`, `oci:${folder}/oci:${name}`, `dir:${folder}/dir`];
			for (const place of places) expect(rawDigest(place)).toBe(image.manifest);
			// containers-image makes a manifest of its own for docker's archives.
			expect(imageID(`docker-archive:${folder}/docker.tar:${name}`)).toBe(image.config);
			// A copy reads and verifies every byte.
			must([...skopeo, "copy", "-q", "--preserve-digests", `oci-archive:${folder}/oci.tar`, `dir:${folder}/theirs`]);
			expect(readBack(["pull", "-q", `dir:${folder}/theirs`], "localhost/theirs")).toEqual(same());
			remove("theirs", "dir");
			expect(readBack(["load", "-q", "-i", `${folder}/docker.tar`], name)).toEqual(same());
		});

		stepWhen(noDocker, "is loaded by docker, and what docker saves by corten", async () => {
			const engine = await startDocker([], baseFor(word));
			await using world = engine.world;
			const docker = (...args: readonly string[]) => outputOf(["docker", ...args], engine.docker(args, { timeoutMs }));
			await docker("load", "-q", "-i", `${folder}/docker.tar`);
			expect(await docker("image", "inspect", "--format", "{{.Id}}", name)).toBe(image.config);
			await docker("save", "-o", `${folder}/theirs.tar`, name);
			expect(await world.end()).toEqual([]);
			expect(readBack(["load", "-q", "-i", `${folder}/theirs.tar`], name).id).toBe(image.config);
			remove("theirs.tar");
		});

		stepWhen(noPodman, "is loaded by podman, and what podman saves by corten", () => {
			using place = folderFor(word);
			const podman = podmanIn(place.path);
			const policy = ["--signature-policy", `${place.path}/policy.json`];
			podman("load", "-q", ...policy, "-i", `${folder}/oci.tar`);
			expect(`sha256:${podman("image", "inspect", "--format", "{{.Id}}", name).trim()}`).toBe(image.config);
			// The large file back is what docker's test has, and three gibibytes more on the disk.
			if (word === "many") {
				podman("save", "-q", ...policy, "--format", "oci-archive", "-o", `${folder}/theirs.tar`, name);
				expect(readBack(["load", "-q", "-i", `${folder}/theirs.tar`], name).id).toBe(image.config);
				remove("theirs.tar");
			}
		});

		step(word === "file" ? "becomes an ACI, which tar reads" : "becomes an ACI and an image again", () => {
			corten("convert", "-q", name, `aci:${folder}/image.aci`);
			if (word === "file") {
				const sum = must(["sh", "-c", `tar -xzOf ${folder}/image.aci rootfs/data | md5sum`]).toString();
				expect(prints).toEndWith(sum);
			} else {
				corten("convert", "-q", `aci:${folder}/image.aci`, `oci:${folder}/back:x`);
				expect(imageID(`oci:${folder}/back:x`)).toBe(image.config);
				remove("back");
			}
			remove("image.aci");
		});

		if (word === "many")
			step("is unpacked by umoci", () => {
				using place = folderFor(word);
				must(["umoci", "unpack", "--image", `${folder}/oci:${name}`, `${place.path}/bundle`]);
				expect(must(["sh", "-c", `find ${place.path}/bundle/rootfs/srv -type f | wc -l`]).toString()).toBe("100000\n");
			});
	});
}
