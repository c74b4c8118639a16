// config.md#posix-platform-hooks: hooks read the container's state from standard input.

import { expect } from "bun:test";
import { type HookName, hookNames, withSleep } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";
import type { State } from "../../support/runtime.ts";

const statusOf: Readonly<Record<HookName, readonly string[]>> = {
	prestart: ["creating", "created"],
	createRuntime: ["creating", "created"],
	createContainer: ["creating", "created"],
	startContainer: ["created"],
	poststart: ["running"],
	poststop: ["stopped"],
};

for (const name of hookNames) {
	conformance(
		`a ${name} hook reads the state from its standard input`,
		async (world) => {
			const container = world.container((config, bundle) => {
				const file = name === "startContainer" ? "/state" : `${bundle}/rootfs/state`;
				config.annotations = { "com.example.key": "value" };
				config.hooks = { [name]: [{ path: "/bin/sh", args: ["sh", "-c", `cat >${file}`] }] };
				withSleep(config);
			});
			await container.launch();
			const pid = await container.pid();
			await container.stop();
			expect((await container.delete()).status).toBe(0);
			const state = (await Bun.file(`${container.rootfs}/state`).json()) as State;
			expect(state.id).toBe(container.id);
			expect(state.bundle).toBe(container.bundle);
			expect(state.ociVersion).toMatch(/^1\./);
			expect(state.annotations).toMatchObject({ "com.example.key": "value" });
			expect(statusOf[name]).toContain(state.status);
			// A hook inside the container may see its pid as the container does.
			if (name === "poststop") expect(state.pid ?? 0).toBe(0);
			else if (name === "createContainer" || name === "startContainer") expect([0, 1, pid]).toContain(state.pid ?? 0);
			else expect(state.pid).toBe(pid);
		},
		name === "poststart"
			? { not: { runc: "1.1.5 says created" } }
			: name === "startContainer"
				? { not: { crun: "1.8.1 gives it another bundle" } }
				: {},
	);
}
