// runtime.md#kill: a signal for the process of a created or running container, and for no other.

import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { withScript, withSleep } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";
import { until } from "../../support/container.ts";

for (const [signal, word] of [
	["USR1", "USR1"],
	["SIGUSR2", "USR2"],
	["1", "HUP"],
	["INT", "INT"],
] as const) {
	conformance(`kill ${signal} reaches the program`, async (world) => {
		const script = `trap 'touch /got; exit 0' ${word}; touch /ready; while :; do sleep 0.01; done`;
		const container = world.container((config) => withScript(config, script));
		await container.launch();
		await until("the trap is set", () => existsSync(`${container.rootfs}/ready`));
		expect((await container.kill(signal)).status).toBe(0);
		await container.stopped();
		expect(existsSync(`${container.rootfs}/got`)).toBe(true);
	});
}

conformance("kill without a signal sends TERM", async (world) => {
	const container = world.container((config) =>
		withScript(config, "trap 'echo term; exit' TERM; touch /ready; while :; do sleep 0.01; done"),
	);
	await container.launch();
	await until("the trap is set", () => existsSync(`${container.rootfs}/ready`));
	expect((await container.kill()).status).toBe(0);
	await container.stopped();
	expect(container.output()).toBe("term\n");
});

conformance("kill KILL stops a created container, and its program never runs", async (world) => {
	const container = world.container((config) => withScript(config, "touch /ran"));
	await container.create();
	expect((await container.kill("KILL")).status).toBe(0);
	await container.stopped();
	expect(existsSync(`${container.rootfs}/ran`)).toBe(false);
});

conformance("kill KILL stops a running container", async (world) => {
	const container = world.container((config) => withSleep(config));
	await container.launch();
	await container.stop();
	expect((await container.state()).status).toBe("stopped");
});

conformance("kill of a stopped container fails and has no effect", async (world) => {
	const container = world.container();
	await container.launch();
	await container.stopped();
	const before = await container.state();
	expect((await container.kill("TERM")).status).not.toBe(0);
	expect(await container.state()).toEqual(before);
});

conformance("kill fails without the id of a container, and for one that is not there", async (world) => {
	expect((await world.runtime.call(["kill"])).status).not.toBe(0);
	expect((await world.runtime.call(["kill", "nobody", "KILL"])).status).not.toBe(0);
});

conformance(
	"kill refuses a signal that there is not and sends none",
	async (world) => {
		const container = world.container((config) => withSleep(config));
		await container.launch();
		expect((await container.kill("NOSUCH")).status).not.toBe(0);
		expect((await container.state()).status).toBe("running");
	},
	{ not: { crun: "1.8.1 sends signal 0 and succeeds" } },
);

conformance("kill --all reaches every process of a container that shares the host's pids", async (world) => {
	const container = world.container((config) => {
		config.linux.namespaces = config.linux.namespaces.filter((entry) => entry.type !== "pid");
		config.mounts[0] = { destination: "/proc", type: "bind", source: "/proc", options: ["rbind"] };
		withScript(config, "sleep 1000 & echo $! >/child; sleep 1000");
	});
	await container.launch();
	await until("the child runs", () => existsSync(`${container.rootfs}/child`));
	const child = Number((await Bun.file(`${container.rootfs}/child`).text()).trim());
	expect((await world.runtime.call(["kill", "--all", container.id, "KILL"])).status).toBe(0);
	await container.stopped();
	await until("the child ended", () => !existsSync(`/proc/${child}/exe`) || !existsSync(`/proc/${child}`));
});
