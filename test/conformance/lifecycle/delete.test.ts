// runtime.md#delete: a stopped container and what create made for it go away; nothing else does.

import { expect } from "bun:test";
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { withNamespace, withSleep } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";
import { alive } from "../../support/container.ts";
import { cgroupsOf } from "../../support/leftovers.ts";

conformance("delete takes away a stopped container and its id is free", async (world) => {
	const container = world.container();
	await container.launch();
	await container.stopped();
	expect((await container.delete()).status).toBe(0);
	expect((await container.tryState()).status).not.toBe(0);
	expect((await container.run()).status).toBe(0);
});

conformance("delete removes the cgroups and the state that create made", async (world) => {
	const container = world.container((config) => withSleep(config));
	await container.launch();
	expect(cgroupsOf([container.id]).length).toBeGreaterThan(0);
	expect(readdirSync(world.runtime.root)).toContain(container.id);
	await container.stop();
	expect((await container.delete()).status).toBe(0);
	expect(cgroupsOf([container.id])).toEqual([]);
	expect(readdirSync(world.runtime.root)).not.toContain(container.id);
});

conformance("delete of a running container fails and has no effect on it", async (world) => {
	const container = world.container((config) => withSleep(config));
	await container.launch();
	const before = await container.state();
	expect((await container.delete()).status).not.toBe(0);
	expect(await container.state()).toEqual(before);
	expect(alive(before.pid ?? 0)).toBe(true);
});

conformance("delete fails without the id of a container, and for one that is not there", async (world) => {
	expect((await world.runtime.call(["delete"])).status).not.toBe(0);
	expect((await world.runtime.call(["delete", "nobody"])).status).not.toBe(0);
});

conformance("delete leaves the bundle, its root filesystem and a mount's source alone", async (world) => {
	const container = world.container((config, bundle) => {
		writeFileSync(`${bundle}/shared`, "text");
		config.mounts.push({ destination: "/shared", type: "bind", source: `${bundle}/shared`, options: ["bind"] });
	});
	await container.launch();
	await container.stopped();
	await container.delete();
	expect(existsSync(`${container.bundle}/config.json`)).toBe(true);
	expect(existsSync(`${container.rootfs}/bin/sh`)).toBe(true);
	expect(statSync(`${container.bundle}/shared`).size).toBe(4);
});

conformance("delete leaves a joined namespace and its processes alone", async (world) => {
	const owner = world.container((config) => withSleep(config));
	await owner.launch();
	const pid = await owner.pid();
	const guest = world.container((config) => withNamespace(config, "network", `/proc/${pid}/ns/net`));
	await guest.launch();
	await guest.stopped();
	expect((await guest.delete()).status).toBe(0);
	expect((await owner.state()).status).toBe("running");
});

conformance("delete --force kills and takes away a running container", async (world) => {
	const container = world.container((config) => withSleep(config));
	await container.launch();
	const pid = await container.pid();
	expect((await container.delete("--force")).status).toBe(0);
	expect(alive(pid)).toBe(false);
	expect((await container.tryState()).status).not.toBe(0);
});

conformance("delete --force takes away a created container", async (world) => {
	const container = world.container((config) => withSleep(config));
	await container.create();
	const pid = await container.pid();
	expect((await container.delete("--force")).status).toBe(0);
	expect(alive(pid)).toBe(false);
});

conformance("delete --force of a container that is not there succeeds", async (world) => {
	expect((await world.runtime.call(["delete", "--force", "nobody"])).status).toBe(0);
});

// The specification asks for an error here; runc and crun both do this instead, and containerd counts on it.
conformance("delete of a created container kills it and takes it away", async (world) => {
	const container = world.container((config) => withSleep(config));
	await container.create();
	const pid = await container.pid();
	expect((await container.delete()).status).toBe(0);
	expect(alive(pid)).toBe(false);
	expect((await container.tryState()).status).not.toBe(0);
});
