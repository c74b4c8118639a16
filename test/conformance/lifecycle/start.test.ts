// runtime.md#start: start runs the program of a created container, once.

import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { withScript, withSleep } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";
import { until } from "../../support/container.ts";

conformance("start runs the program", async (world) => {
	const container = world.container((config) => withScript(config, "touch /ran; sleep 1000"));
	await container.create();
	expect(existsSync(`${container.rootfs}/ran`)).toBe(false);
	await container.start();
	await until("the program ran", () => existsSync(`${container.rootfs}/ran`));
	expect((await container.state()).status).toBe("running");
});

conformance("the process keeps its pid when it is started", async (world) => {
	const container = world.container((config) => withSleep(config));
	await container.create();
	const pid = await container.pid();
	await container.start();
	expect(await container.pid()).toBe(pid);
});

conformance("start needs the id of a container", async (world) => {
	expect((await world.runtime.call(["start"])).status).not.toBe(0);
	expect((await world.runtime.call(["start", "nobody"])).status).not.toBe(0);
});

conformance("start of a running container fails and has no effect on it", async (world) => {
	const container = world.container((config) => withScript(config, "echo once >>/count; sleep 1000"));
	await container.launch();
	const before = await container.state();
	expect((await container.tryStart()).status).not.toBe(0);
	expect(await container.state()).toEqual(before);
});

conformance("start of a stopped container fails and has no effect on it", async (world) => {
	const container = world.container((config) => withScript(config, "echo once"));
	await container.launch();
	await container.stopped();
	expect((await container.tryStart()).status).not.toBe(0);
	expect((await container.state()).status).toBe("stopped");
	expect(container.output()).toBe("once\n");
});

conformance("a container whose document has no process cannot be started", async (world) => {
	const container = world.container((config) => {
		Reflect.deleteProperty(config, "process");
	});
	// A runtime may refuse at create already: the property is required when start is called.
	const created = await container.tryCreate();
	if (created.status === 0) expect((await container.tryStart()).status).not.toBe(0);
	else expect(created.stderr).not.toBe("");
});
