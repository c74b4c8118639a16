// App Container Images as people have them: files made by GNU tar and others, run with a dependency, without any step before.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Home } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { busyboxName } from "../support/fixtures/busybox.ts";
import { makeImage, passwdLayer } from "../support/images.ts";
import { must } from "../support/must.ts";

const folder = mkdtempSync(`${tmpdir()}/aci-e2e-`);
const home = new Home();
afterAll(async () => {
	await home[Symbol.asyncDispose]();
	rmSync(folder, { recursive: true, force: true });
});

/** Lays out and packs an image as its maker would. */
function build(name: string, manifest: Readonly<Record<string, unknown>>, compress: string, fill: (rootfs: string) => void): string {
	const layout = `${folder}/${name}`;
	mkdirSync(`${layout}/rootfs`, { recursive: true });
	writeFileSync(`${layout}/manifest`, JSON.stringify({ acKind: "ImageManifest", acVersion: "0.8.11", ...manifest }));
	fill(`${layout}/rootfs`);
	const path = `${folder}/${name}.aci`;
	const tar = Bun.spawnSync([
		"tar",
		"--owner=0",
		"--group=0",
		"--numeric-owner",
		"-C",
		layout,
		`--${compress}`,
		"-cf",
		path,
		"manifest",
		"rootfs",
	]);
	expect(tar.stderr.toString()).toBe("");
	return path;
}

build("busybox", { name: "example.com/busybox", labels: [{ name: "version", value: "1.0.0" }] }, "xz", (rootfs) => {
	mkdirSync(`${rootfs}/bin`);
	mkdirSync(`${rootfs}/etc`);
	must(["cp", "/usr/bin/busybox", `${rootfs}/bin/busybox`]);
	for (const name of ["sh", "cat", "id", "ls"]) must(["ln", "-s", "busybox", `${rootfs}/bin/${name}`]);
	writeFileSync(`${rootfs}/etc/passwd`, "root:x:0:0::/:/bin/sh\napp:x:7:8::/:/bin/sh\n");
	writeFileSync(`${rootfs}/etc/group`, "root:x:0:\ngroup:x:9:\n");
	writeFileSync(`${rootfs}/etc/hidden`, "by the whitelist");
});
const app = build(
	"app",
	{
		name: "example.com/app",
		labels: [
			{ name: "version", value: "2.0" },
			{ name: "os", value: "linux" },
		],
		dependencies: [{ imageName: "example.com/busybox", labels: [{ name: "version", value: "1.0.0" }] }],
		pathWhitelist: [
			"/bin",
			"/bin/busybox",
			"/bin/sh",
			"/bin/cat",
			"/bin/id",
			"/bin/ls",
			"/etc",
			"/etc/passwd",
			"/etc/group",
			"/srv",
			"/srv/text",
		],
		app: {
			exec: ["/bin/sh", "-c", 'id -u; id -g; pwd; echo "$A"; cat text; ls /etc'],
			user: "app",
			group: "group",
			workingDirectory: "/srv",
			environment: [{ name: "A", value: "b" }],
			isolators: [{ name: "resource/memory", value: { limit: "64M" } }],
		},
	},
	"bzip2",
	(rootfs) => {
		mkdirSync(`${rootfs}/srv`);
		writeFileSync(`${rootfs}/srv/text`, "of the app\n");
	},
);

/** What test/e2e/discovery.test.ts tries is not asked for here. */
const unsigned = "--insecure-options=image";

describe("an ACI with a dependency beside it", () => {
	test("runs; what it asks for and does not get is said", async () => {
		const { status, stdout, stderr } = await home.run(["--quiet", unsigned], `aci:${app}`, []);
		expect({ status, stdout: stdout.split("\n").filter((line) => !/^(hostname|hosts|resolv.conf|mtab)$/.test(line)) }).toEqual({
			status: 0,
			stdout: ["7", "9", "/srv", "b", "of the app", "group", "passwd", ""],
		});
		expect(stderr).toContain("resource/memory");
	});

	test("has the name of its manifest in the store, and runs by it", async () => {
		await home.must("pull", "--quiet", unsigned, `aci:${app}`);
		const { stdout } = await home.run([], "example.com/app:2.0", []);
		expect(stdout).toContain("of the app");
	});

	test("whose dependency is gone is refused by its name", async () => {
		await using other = new Home();
		mkdirSync(`${folder}/alone`);
		must(["cp", app, `${folder}/alone/app.aci`]);
		const { status, stderr } = await other.run([unsigned], `aci:${folder}/alone/app.aci`, []);
		expect(status).toBe(125);
		expect(stderr).toContain('cannot find dependency "example.com/busybox,version=1.0.0"');
	});
});

describe("forms are changed both ways", () => {
	test("an image of the store to an ACI, and the same image again", async () => {
		await home.must("pull", "--quiet", `oci:${fixture("busybox")}/oci:${busyboxName}`);
		const id = async (name: string) => JSON.parse(await home.must("inspect", "--type=image", name))[0].Id;
		await home.must("convert", "--quiet", busyboxName, `aci:${folder}/converted.aci`);
		expect(await home.must("aci", "validate", "--strict", `${folder}/converted.aci`)).toContain(
			"valid app container image docker.io/library/busybox:",
		);
		await home.must("convert", "--quiet", `aci:${folder}/converted.aci`, "localhost/back:1");
		expect(await id("localhost/back:1")).toBe(await id(busyboxName));
		const { stdout } = await home.run(["--quiet", unsigned], `aci:${folder}/converted.aci`, ["echo", "runs"]);
		expect(stdout).toBe("runs\n");
	});

	test("several layers, kept apart: with their digests; as one tree: the same files", async () => {
		const image = makeImage({
			layers: [
				[
					...passwdLayer,
					{ path: "bin/", kind: "folder" },
					{ path: "bin/busybox", kind: "file", data: readFileSync("/usr/bin/busybox"), mode: 0o755 },
					{ path: "bin/sh", kind: "symlink", target: "busybox" },
					{ path: "bin/ls", kind: "symlink", target: "busybox" },
					{ path: "opt/", kind: "folder" },
					{ path: "opt/old", kind: "file" },
				],
				[
					{ path: "opt/", kind: "folder" },
					{ path: "opt/.wh.old", kind: "file" },
					{ path: "opt/new", kind: "file" },
				],
			],
			compression: "none",
		});
		mkdirSync(`${folder}/two/blobs/sha256`, { recursive: true });
		for (const [digest, bytes] of image.blobs) writeFileSync(`${folder}/two/blobs/sha256/${digest.slice(7)}`, bytes);
		writeFileSync(`${folder}/two/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
		writeFileSync(`${folder}/two/index.json`, JSON.stringify({ schemaVersion: 2, manifests: [image.manifest] }));
		await home.must("convert", "--quiet", "--no-squash", `oci:${folder}/two`, `aci:${folder}/apart.aci`);
		expect(await home.must("aci", "validate", "--strict", `${folder}/apart.aci`, `${folder}/apart-layer-0.aci`)).not.toContain("not valid");
		expect(await home.must("convert", `aci:${folder}/apart.aci`, "localhost/two:back")).toBe(image.manifest.digest);
		await home.must("convert", "--quiet", "localhost/two:back", `aci:${folder}/squashed.aci`);
		for (const source of [`aci:${folder}/squashed.aci`, "localhost/two:back"]) {
			const { stdout } = await home.run(["--quiet", unsigned], source, ["/bin/sh", "-c", "ls /opt"]);
			expect(stdout).toBe("new\n");
		}
	});

	test("an ACI to a layout that skopeo reads, and the same ACI again", async () => {
		await home.must("convert", "--quiet", `aci:${app}`, `oci:${folder}/layout:app`);
		const config = JSON.parse(must(["skopeo", "inspect", "--config", `oci:${folder}/layout:app`]).toString());
		expect(config.config.Entrypoint[0]).toBe("/bin/sh");
		await home.must("convert", "--quiet", `oci:${folder}/layout:app`, `aci:${folder}/again.aci`);
		const id = async (path: string) => /sha512-[0-9a-f]{128}/.exec(await home.must("aci", "validate", path))?.[0];
		expect(await id(`${folder}/again.aci`)).toBe(await id(app));
		expect(await home.must("aci", "cat-manifest", `${folder}/again.aci`)).toBe(await home.must("aci", "cat-manifest", app));
	});

	test("load takes an ACI; validate says what is wrong with one", async () => {
		await using other = new Home();
		expect(await other.must("load", "-q", "-i", `${folder}/busybox.aci`)).toBe("Loaded image: example.com/busybox:1.0.0");
		writeFileSync(`${folder}/broken`, '{"acKind":"ImageManifest","acVersion":"1","name":"A"}');
		const { status, stdout } = await other.corten(["aci", "validate", `${folder}/broken`]);
		expect(status).toBe(1);
		for (const word of ["not valid", "/acVersion", "/name"]) expect(stdout).toContain(word);
	});
});
