// config.md#root: the root filesystem.

import { expect } from "bun:test";
import { readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { withScript } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";

conformance("root.path is relative to the bundle", async (world) => {
	const out = await world.sh("cat /name", (_, bundle) => writeFileSync(`${bundle}/rootfs/name`, "rootfs of the bundle"));
	expect(out).toBe("rootfs of the bundle");
});

conformance("root.path may be absolute", async (world) => {
	const out = await world.sh("cat /name", (config, bundle) => {
		writeFileSync(`${bundle}/rootfs/name`, "absolute");
		config.root.path = `${bundle}/rootfs`;
	});
	expect(out).toBe("absolute");
});

conformance("create refuses a root that is not there", async (world) => {
	await world.refused((config) => (config.root.path = "nowhere"));
});

conformance("create refuses a root that is a file", async (world) => {
	await world.refused((config, bundle) => {
		writeFileSync(`${bundle}/file`, "");
		config.root.path = "file";
	});
});

conformance("create refuses a document without root", async (world) => {
	await world.refused((config) => Reflect.deleteProperty(config, "root"));
});

conformance("the root is writable by default, and what is written stays in the bundle", async (world) => {
	const container = world.container((config) => withScript(config, "echo text >/file"));
	expect((await container.run()).status).toBe(0);
	expect(readFileSync(`${container.rootfs}/file`, "utf8")).toBe("text\n");
});

conformance("root.readonly makes the root read-only, but not the mounts in it", async (world) => {
	const out = await world.sh("touch /file 2>&1; touch /mnt/file && echo written", (config) => {
		config.root.readonly = true;
		config.mounts.push({ destination: "/mnt", type: "tmpfs", source: "tmpfs" });
	});
	expect(out).toMatch(/Read-only file system\nwritten$/);
});

conformance("root.readonly false leaves the root writable", async (world) => {
	expect(await world.sh("touch /file && echo written", (config) => (config.root.readonly = false))).toBe("written");
});

conformance("the container's root is the bundle's, whatever the host's is", async (world) => {
	const out = await world.sh("ls -a / | sort | tr '\\n' ' '; ls /..");
	expect(out).toContain(". .. bin dev etc mnt proc sys tmp");
	expect(out).not.toContain("root");
});

conformance("nothing of the host's mounts is left in the container", async (world) => {
	const out = await world.sh("cut -d' ' -f2 /proc/mounts | sort | tr '\\n' ' '");
	expect(out.split(" ").filter((path) => !/^(\/|\/(dev|proc)(\/.*)?|)$/.test(path))).toEqual([]);
});

conformance(
	"a link as root.path leads to its folder",
	async (world) => {
		const out = await world.sh("echo linked", (config, bundle) => {
			symlinkSync("rootfs", `${bundle}/link`);
			config.root.path = "link";
			rmSync(`${bundle}/rootfs/tmp`, { recursive: true });
		});
		expect(out).toBe("linked");
	},
	{ not: { runc: "1.1.5 wants the root's path without links" } },
);
