// config-linux.md#devices and #default-devices; runtime-linux.md#dev-symbolic-links.

import { expect } from "bun:test";
import { mkdirSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { type Document, withSleep } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";

const device = (more: object) => (config: Document) => {
	config.linux.devices = [{ path: "/dev/mine", type: "c", major: 1, minor: 3, ...more }];
};
const show = "stat -c '%F %t:%T %a %u:%g' /dev/mine";

conformance("a character device has its numbers, mode and owner", async (world) => {
	const out = await world.sh(show, device({ fileMode: 0o640, uid: 7, gid: 8 }));
	expect(out).toBe("character special file 1:3 640 7:8");
});

conformance("a block device", async (world) => {
	expect(await world.sh(show, device({ type: "b", major: 7, minor: 200, fileMode: 0o600 }))).toBe("block special file 7:c8 600 0:0");
});

conformance("type u is an unbuffered character device", async (world) => {
	expect(await world.sh(show, device({ type: "u", fileMode: 0o600 }))).toBe("character special file 1:3 600 0:0");
});

conformance("type p is a named pipe and needs no numbers", async (world) => {
	const out = await world.sh(show, (config) => (config.linux.devices = [{ path: "/dev/mine", type: "p", fileMode: 0o622 }]));
	expect(out).toBe("fifo 0:0 622 0:0");
});

conformance("a device may lie outside of /dev, folders on the way are made", async (world) => {
	const out = await world.sh("stat -c %t:%T /some/where/zero", (config) => {
		config.linux.devices = [{ path: "/some/where/zero", type: "c", major: 1, minor: 5, fileMode: 0o666 }];
	});
	expect(out).toBe("1:5");
});

conformance("a device in the list can be used when the resources allow it", async (world) => {
	const out = await world.sh("head -c 4 /dev/mine | wc -c", device({ minor: 5, fileMode: 0o666 }));
	expect(out).toBe("4");
});

conformance(
	"a type of device that there is not is refused",
	async (world) => {
		await world.refused(device({ type: "x" }));
	},
	{ not: { crun: "1.8.1 makes a character device" } },
);

conformance(
	"a device over another file is refused",
	async (world) => {
		const container = world.container((config, bundle) => {
			config.mounts = config.mounts.filter((mount) => mount.destination !== "/dev");
			writeFileSync(`${bundle}/rootfs/dev/mine`, "text");
			device({})(config);
		});
		expect((await container.run()).status).not.toBe(0);
	},
	{ not: { runc: "1.1.5 takes what is there", crun: "1.8.1 takes what is there" } },
);

for (const [name, numbers] of [
	["null", "1:3"],
	["zero", "1:5"],
	["full", "1:7"],
	["random", "1:8"],
	["urandom", "1:9"],
	["tty", "5:0"],
] as const) {
	conformance(`/dev/${name} is there without being asked for, for everybody`, async (world) => {
		expect(await world.sh(`stat -c '%F %t:%T %a' /dev/${name}`)).toBe(`character special file ${numbers} 666`);
	});
}

conformance("/dev/ptmx is the container's own", async (world) => {
	const out = await world.sh("readlink /dev/ptmx || stat -c %t:%T /dev/ptmx", (config) => {
		config.mounts.push({
			destination: "/dev/pts",
			type: "devpts",
			source: "devpts",
			options: ["newinstance", "ptmxmode=0666", "mode=0620"],
		});
	});
	expect(out).toMatch(/^(\/dev\/)?pts\/ptmx$|^5:2$/);
});

conformance("there is no /dev/console without a terminal", async (world) => {
	expect(await world.sh("ls /dev/console 2>/dev/null | wc -l")).toBe("0");
});

conformance("the links fd, stdin, stdout and stderr are there", async (world) => {
	const container = world.container((config) => withSleep(config));
	await container.launch();
	const root = `/proc/${await container.pid()}/root`;
	for (const [name, target] of [
		["fd", "/proc/self/fd"],
		["stdin", "/proc/self/fd/0"],
		["stdout", "/proc/self/fd/1"],
		["stderr", "/proc/self/fd/2"],
	] as const) {
		expect([name, readlinkSync(`${root}/dev/${name}`)]).toEqual([name, target]);
	}
});

conformance("a device's path that leads out by a link stays in the root", async (world) => {
	const container = world.container((config, bundle) => {
		mkdirSync(`${bundle}/outside`);
		symlinkSync(`${bundle}/outside`, `${bundle}/rootfs/link`);
		config.linux.devices = [{ path: "/link/null", type: "c", major: 1, minor: 3 }];
		config.process.args = ["true"];
	});
	await container.run();
	expect(Array.from(new Bun.Glob("*").scanSync({ cwd: `${container.bundle}/outside`, onlyFiles: false }))).toEqual([]);
});
