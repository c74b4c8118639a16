// runtime.md#lifecycle: what a failing hook of each kind does to the container.

import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { type HookName, hookNames, withScript } from "../../support/bundle.ts";
import { conformance, type World } from "../../support/conformance.ts";
import { alive, until } from "../../support/container.ts";

const failing = { path: "/bin/sh", args: ["sh", "-c", "cat >/dev/null; echo hook says no >&2; exit 3"] };

function withFailing(world: World, name: HookName, more: readonly HookName[] = []) {
	return world.container((config, bundle) => {
		config.hooks = { [name]: [failing] };
		for (const other of more) {
			const note = { path: "/bin/sh", args: ["sh", "-c", `cat >/dev/null; touch ${bundle}/${other}`] };
			config.hooks[other] = [...(config.hooks[other] ?? []), note];
		}
		withScript(config, "touch /ran; sleep 1000");
	});
}

for (const name of ["prestart", "createRuntime", "createContainer"] as const) {
	conformance(`a failing ${name} hook fails create and leaves no container`, async (world) => {
		const container = withFailing(world, name);
		const created = await container.tryCreate();
		expect(created.status).not.toBe(0);
		expect(created.stderr).not.toBe("");
		expect((await container.tryState()).status).not.toBe(0);
	});
}

conformance("a hook that is ended by a signal has failed", async (world) => {
	await world.refused((config) => {
		config.hooks = { createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", "kill -9 $$"] }] };
	});
});

conformance("after a failing hook the later ones of create are not called", async (world) => {
	const container = withFailing(world, "prestart", ["prestart", "createRuntime"]);
	expect((await container.tryCreate()).status).not.toBe(0);
	expect(existsSync(`${container.bundle}/prestart`)).toBe(false);
	expect(existsSync(`${container.bundle}/createRuntime`)).toBe(false);
});

conformance("a failing startContainer hook stops the container, and its program never runs", async (world) => {
	const container = withFailing(world, "startContainer");
	await container.create();
	const pid = await container.pid();
	const started = await container.tryStart();
	if (started.status === 0) await container.stopped();
	await until("the process ended", () => !alive(pid));
	expect(existsSync(`${container.rootfs}/ran`)).toBe(false);
});

conformance(
	"a failing startContainer hook fails start",
	async (world) => {
		const container = withFailing(world, "startContainer");
		await container.create();
		expect((await container.tryStart()).status).not.toBe(0);
	},
	{ not: { runc: "1.1.5 does not wait for the hooks", crun: "1.8.1 does not wait for the hooks" } },
);

conformance(
	"a failing poststart hook fails start and stops the container",
	async (world) => {
		const container = withFailing(world, "poststart");
		await container.create();
		const pid = await container.pid();
		expect((await container.tryStart()).status).not.toBe(0);
		await until("the program ended", () => !alive(pid));
	},
	{ not: { runc: "1.1.5 calls poststart hooks in create", crun: "1.8.1 ignores the failure" } },
);

conformance(
	"a failing poststop hook is a warning: the others are called and delete succeeds",
	async (world) => {
		const container = withFailing(world, "poststop", ["poststop"]);
		await container.launch();
		await container.stop();
		expect((await container.delete()).status).toBe(0);
		expect(existsSync(`${container.bundle}/poststop`)).toBe(true);
		expect((await container.tryState()).status).not.toBe(0);
	},
	{ not: { runc: "1.1.5 leaves the remaining hooks out" } },
);

conformance(
	"a failing poststop hook is told of",
	async (world) => {
		const container = withFailing(world, "poststop");
		await container.launch();
		await container.stop();
		const deleted = await container.delete();
		expect(deleted.status).toBe(0);
		expect(deleted.stderr).not.toBe("");
	},
	{ not: { crun: "1.8.1 says nothing" } },
);

conformance(
	"poststop hooks are called after a create that a hook made fail",
	async (world) => {
		const container = withFailing(world, "createRuntime", ["poststop"]);
		expect((await container.tryCreate()).status).not.toBe(0);
		expect(existsSync(`${container.bundle}/poststop`)).toBe(true);
	},
	{ not: { crun: "1.8.1 does not call them" } },
);

conformance("every kind of hook may be an empty array", async (world) => {
	expect(await world.sh("echo ran", (config) => (config.hooks = Object.fromEntries(hookNames.map((name) => [name, []]))))).toBe("ran");
});
