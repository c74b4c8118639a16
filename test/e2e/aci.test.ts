// App Container Images as people have them: files made by GNU tar and others, run with a dependency, without any step before.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Home } from "../support/corten.ts";
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

describe("an ACI with a dependency beside it", () => {
	test("runs; what it asks for and does not get is said", async () => {
		const { status, stdout, stderr } = await home.run(["--quiet"], `aci:${app}`, []);
		expect({ status, stdout: stdout.split("\n").filter((line) => !/^(hostname|hosts|resolv.conf|mtab)$/.test(line)) }).toEqual({
			status: 0,
			stdout: ["7", "9", "/srv", "b", "of the app", "group", "passwd", ""],
		});
		expect(stderr).toContain("resource/memory");
	});

	test("has the name of its manifest in the store, and runs by it", async () => {
		await home.must("pull", "--quiet", `aci:${app}`);
		const { stdout } = await home.run([], "example.com/app:2.0", []);
		expect(stdout).toContain("of the app");
	});

	test("whose dependency is gone is refused by its name", async () => {
		await using other = new Home();
		mkdirSync(`${folder}/alone`);
		must(["cp", app, `${folder}/alone/app.aci`]);
		const { status, stderr } = await other.run([], `aci:${folder}/alone/app.aci`, []);
		expect(status).toBe(125);
		expect(stderr).toContain('cannot find dependency "example.com/busybox,version=1.0.0"');
	});
});
