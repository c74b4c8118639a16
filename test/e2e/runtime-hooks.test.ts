// Hooks of `run`, where launch itself runs all six and the conformance tests of create and start do not look.

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { World } from "../support/small-bundle.ts";

/** A hook that appends its name and the state's status to the world's log. */
const logging = (world: World, name: string, then = "") => ({
	path: "/bin/sh",
	args: ["sh", "-c", `echo ${name} $(sed 's/.*"status":"\\([a-z]*\\)".*/\\1/') >> ${world.folder}/hooks; ${then}`],
	env: ["PATH=/usr/bin:/bin"],
});

const logged = (world: World): string[] => readFileSync(`${world.folder}/hooks`, "utf8").trim().split("\n");

test("run calls the hooks of the runtime's side in their order, each with the status of that point", async () => {
	await using world = new World();
	const names = ["prestart", "createRuntime", "poststart", "poststop"];
	const hooks = Object.fromEntries(names.map((name) => [name, [logging(world, name)]]));
	const result = await world.run({ script: "sleep 0.2; exit 5", more: { hooks } });
	expect(result.status).toBe(5);
	expect(logged(world)).toEqual(["prestart creating", "createRuntime creating", "poststart running", "poststop stopped"]);
});

for (const detach of [[], ["--detach"]]) {
	test(`a poststart hook that fails ends run${detach.join("")}, after which poststop runs and nothing is left`, async () => {
		await using world = new World();
		const hooks = { poststart: [logging(world, "poststart", "exit 3")], poststop: [logging(world, "poststop")] };
		const bundle = world.bundle({ more: { hooks } });
		const log = `${world.folder}/log`;
		const ended = Bun.spawnSync(world.command("--log", log, "run", ...detach, "--bundle", bundle, world.id()), {
			stdin: "ignore",
			stdout: "ignore",
			stderr: "ignore",
		});
		expect(ended.exitCode).toBe(1);
		expect(readFileSync(log, "utf8")).toContain("it ended with status 3");
		expect(logged(world)).toEqual(["poststart running", "poststop stopped"]);
		expect(existsSync(`${world.folder}/run/${world.id()}`)).toBe(false);
	});
}
