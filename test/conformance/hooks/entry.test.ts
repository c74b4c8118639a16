// config.md#posix-platform-hooks: the properties of one hook: path, args, env, timeout.

import { expect } from "bun:test";
import { type HookEntry, withSleep } from "../../support/bundle.ts";
import { conformance, type World } from "../../support/conformance.ts";

/** What a createRuntime hook wrote to the file of its name `$FILE`; FILE is replaced in its words. */
async function hookSays(world: World, entry: (file: string) => HookEntry): Promise<string> {
	const container = world.container((config, bundle) => {
		config.hooks = { createRuntime: [entry(`${bundle}/said`)] };
		withSleep(config);
	});
	await container.create();
	return (await Bun.file(`${container.bundle}/said`).text()).trim();
}

conformance("a hook's args are its whole argv, with the first as its name", async (world) => {
	const said = await hookSays(world, (file) => ({ path: "/bin/sh", args: ["myname", "-c", `echo "$0 $1" >${file}`, "zero", "one"] }));
	expect(said).toBe("zero one");
	const name = await hookSays(world, (file) => ({ path: "/bin/sh", args: ["myname", "-c", `tr '\\0' ' ' </proc/$$/cmdline >${file}; :`] }));
	expect(name).toStartWith("myname -c");
});

conformance("a hook's env is its whole environment", async (world) => {
	const said = await hookSays(world, (file) => ({
		path: "/usr/bin/env",
		args: ["env", "/bin/sh", "-c", `/usr/bin/env >${file}`],
		env: ["ONE=1", "TWO=a b"],
	}));
	const lines = said.split("\n").filter((line) => !/^(PWD|SHLVL|_|OLDPWD)=/.test(line));
	expect(lines.sort()).toEqual(["ONE=1", "TWO=a b"]);
});

conformance(
	"a hook whose path is not absolute is refused",
	async (world) => {
		await world.refused((config) => {
			config.hooks = { createRuntime: [{ path: "true", args: ["true"] }] };
		});
	},
	{ not: { crun: "1.8.1 looks the path up in PATH" } },
);

conformance("a hook that is not there fails the operation", async (world) => {
	const said = await world.refused((config) => {
		config.hooks = { createRuntime: [{ path: "/nowhere/hook" }] };
	});
	expect(said).toContain("/nowhere/hook");
});

conformance("a hook that outlives its timeout is ended, and the operation fails", async (world) => {
	const began = performance.now();
	await world.refused((config) => {
		config.hooks = { createRuntime: [{ path: "/bin/sleep", args: ["sleep", "30"], timeout: 1 }] };
	});
	const seconds = (performance.now() - began) / 1000;
	expect(seconds).toBeGreaterThan(0.9);
	expect(seconds).toBeLessThan(8);
});

conformance("a hook that ends within its timeout has no effect on the operation", async (world) => {
	expect(await world.sh("echo ran", (config) => (config.hooks = { createRuntime: [{ path: "/bin/true", timeout: 20 }] }))).toBe("ran");
});

for (const timeout of [0, -1]) {
	conformance(
		`a timeout of ${timeout} is refused`,
		async (world) => {
			await world.refused((config) => {
				config.hooks = { createRuntime: [{ path: "/bin/true", args: ["true"], timeout }] };
			});
		},
		{ not: { runc: "1.1.5 kills the hook at once, and sometimes not before its end", crun: "1.8.1 takes 0 for no timeout" } },
	);
}

conformance("a hook that writes much to its standard error does not hang", async (world) => {
	const script = "i=0; while [ $i -lt 3000 ]; do echo 'a line of a hook that has a lot to say' >&2; i=$((i+1)); done";
	expect(
		await world.sh("echo ran", (config) => (config.hooks = { createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", script] }] })),
	).toBe("ran");
});
