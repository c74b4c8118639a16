// runtime.md#create: what create does, what it must not do yet, and what it refuses.

import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { withScript, withSleep } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";
import { alive } from "../../support/container.ts";

conformance("create makes a container that is created and does not run its program", async (world) => {
	const container = world.container((config) => withScript(config, "touch /ran; sleep 1000"));
	await container.create();
	const state = await container.state();
	expect(state.status).toBe("created");
	expect(alive(await container.pid())).toBe(true);
	expect(existsSync(`${container.rootfs}/ran`)).toBe(false);
});

conformance("create applies the document's properties before start", async (world) => {
	const container = world.container((config) => {
		config.hostname = "applied";
		config.mounts.push({ destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["size=1m"] });
		withSleep(config);
	});
	await container.create();
	const pid = await container.pid();
	for (const namespace of ["pid", "net", "ipc", "uts", "mnt"]) {
		expect(readlinkSync(`/proc/${pid}/ns/${namespace}`)).not.toBe(readlinkSync(`/proc/self/ns/${namespace}`));
	}
	expect(readFileSync(`/proc/${pid}/mounts`, "utf8")).toContain("tmpfs /mnt tmpfs");
	const hostname = Bun.spawnSync(["nsenter", "-u", "-t", String(pid), "hostname"]);
	expect(hostname.stdout.toString().trim()).toBe("applied");
});

conformance("changes of config.json after create have no effect", async (world) => {
	const container = world.container((config) => withScript(config, "echo first"));
	await container.create();
	writeFileSync(`${container.bundle}/config.json`, "{}");
	await container.start();
	await container.stopped();
	expect(container.output()).toBe("first\n");
});

conformance("create needs the id of the container to make", async (world) => {
	const container = world.container();
	const result = await world.runtime.call(["create", "--bundle", container.bundle]);
	expect(result.status).not.toBe(0);
});

conformance("create needs a bundle that is there and has a config.json", async (world) => {
	const container = world.container();
	const nowhere = await world.runtime.call(["create", "--bundle", `${container.bundle}/nowhere`, container.id]);
	expect(nowhere.status).not.toBe(0);
	rmSync(`${container.bundle}/config.json`);
	expect((await container.tryCreate()).status).not.toBe(0);
	expect((await container.tryState()).status).not.toBe(0);
});

conformance("create takes the bundle from the working folder when none is named", async (world) => {
	const container = world.container((config) => withScript(config, "echo here"));
	const result = await world.runtime.call(["run", container.id], { cwd: container.bundle });
	expect(result).toEqual({ status: 0, stdout: "here\n", stderr: "" });
});

conformance("create refuses an id that is taken and leaves its container alone", async (world) => {
	const container = world.container((config) => withSleep(config));
	await container.create();
	const before = await container.state();
	const again = await world.runtime.call(["create", "--bundle", container.bundle, container.id]);
	expect(again.status).not.toBe(0);
	expect(await container.state()).toEqual(before);
	await container.start();
	expect((await container.state()).status).toBe("running");
});

conformance("create refuses ids that are no names", async (world) => {
	const container = world.container();
	for (const id of ["", ".", "..", "a/b", "../up"]) {
		const result = await world.runtime.call(["create", "--bundle", container.bundle, id]);
		expect([id, result.status === 0]).toEqual([id, false]);
	}
});

conformance("ids may have letters, digits and _ + - .", async (world) => {
	const container = world.container();
	const id = `${container.id}_A+b-c.d`;
	expect((await world.runtime.call(["run", "--bundle", container.bundle, id])).status).toBe(0);
});

conformance("create that cannot apply a property fails and leaves no container", async (world) => {
	const said = await world.refused((config) => {
		config.mounts.push({ destination: "/mnt", type: "bind", source: "/nowhere/at/all", options: ["bind"] });
	});
	expect(said).toContain("/nowhere/at/all");
});

conformance("an id is free again after create has failed", async (world) => {
	const container = world.container((config, bundle) => {
		config.mounts.push({ destination: "/mnt", type: "bind", source: `${bundle}/later`, options: ["bind"] });
		withScript(config, "echo second");
	});
	expect((await container.tryCreate()).status).not.toBe(0);
	mkdirSync(`${container.bundle}/later`);
	expect((await container.run()).stdout).toBe("second\n");
});

conformance("create writes the process' pid into the pid file", async (world) => {
	const container = world.container((config) => withSleep(config));
	await container.create(["--pid-file", `${container.bundle}/pid`]);
	expect(readFileSync(`${container.bundle}/pid`, "utf8")).toBe(String(await container.pid()));
});
