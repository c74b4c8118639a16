// runtime.md#state and #query-state: the JSON that state prints, in each status.

import { expect } from "bun:test";
import { withScript, withSleep } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";
import { alive } from "../../support/container.ts";

conformance("state of a created container has its id, version, status, pid and bundle", async (world) => {
	const container = world.container((config) => withSleep(config));
	await container.create();
	const state = await container.state();
	expect(state.id).toBe(container.id);
	expect(state.ociVersion).toMatch(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/);
	expect(state.status).toBe("created");
	expect(state.bundle).toBe(container.bundle);
	expect(Number.isInteger(state.pid) && alive(state.pid ?? 0)).toBe(true);
});

conformance("state of a running container names the process as the runtime sees it", async (world) => {
	const container = world.container((config) => withSleep(config));
	await container.launch();
	const state = await container.state();
	expect(state.status).toBe("running");
	expect(alive(state.pid ?? 0)).toBe(true);
});

conformance("state of a stopped container has no pid, or 0", async (world) => {
	const container = world.container();
	await container.launch();
	await container.stopped();
	const state = await container.state();
	expect(state.id).toBe(container.id);
	expect(state.pid ?? 0).toBe(0);
	expect(state.bundle).toBe(container.bundle);
});

conformance("state's bundle is absolute although create was given a relative one", async (world) => {
	const container = world.container((config) => withSleep(config));
	expect((await container.detached(["run", "--detach", "--bundle", container.id, container.id], world.folder)).status).toBe(0);
	expect((await container.state()).bundle).toBe(container.bundle);
});

conformance("state has the document's annotations, and types as the schema asks", async (world) => {
	const annotations = { "com.example.one": "1", "com.example.empty": "" };
	const container = world.container((config) => {
		config.annotations = annotations;
		withSleep(config);
	});
	await container.create();
	const state = await container.state();
	expect(state.annotations).toMatchObject(annotations);
	for (const value of Object.values(state.annotations ?? {})) expect(typeof value).toBe("string");
	for (const name of ["ociVersion", "id", "status", "bundle"] as const) expect(typeof state[name]).toBe("string");
});

conformance("state fails without the id of a container, and for one that is not there", async (world) => {
	expect((await world.runtime.call(["state"])).status).not.toBe(0);
	const missing = await world.runtime.call(["state", "nobody"]);
	expect(missing.status).not.toBe(0);
	expect(missing.stdout).toBe("");
	expect(missing.stderr).toMatch(/does not exist|No such file/);
});

conformance("each container has its own state", async (world) => {
	const one = world.container((config) => withSleep(config));
	const two = world.container((config) => withScript(config, "true"));
	await one.launch();
	await two.launch();
	await two.stopped();
	expect((await one.state()).status).toBe("running");
	expect((await one.state()).pid).not.toBe((await two.state()).pid);
});
