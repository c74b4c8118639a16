// config.md#posix-platform-hooks: when each hook runs, and in which order.

import { expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { type Document, type HookName, hookNames, withScript } from "../../support/bundle.ts";
import { conformance, type World } from "../../support/conformance.ts";

/** A container of which each hook, twice, and the program note their names in one file, and a reader of that file. */
function noting(world: World) {
	const container = world.container((config: Document, bundle) => {
		// A hook that leaves its standard input unread makes crun fail now and then. Within the container's root (startContainer) the same file is /notes.
		config.hooks = {};
		for (const name of hookNames) {
			const file = name === "startContainer" ? "/notes" : `${bundle}/rootfs/notes`;
			config.hooks[name] = ["a", "b"].map((letter) => ({
				path: "/bin/sh",
				args: ["sh", "-c", `while read -r line; do :; done; echo ${name} ${letter} >>${file}`],
			}));
		}
		withScript(config, "echo program >>/notes");
	});
	const file = `${container.rootfs}/notes`;
	const notes = () => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []);
	return { container, notes };
}

const twice = (...names: HookName[]) => names.flatMap((name) => [`${name} a`, `${name} b`]);

conformance("create calls prestart, createRuntime and createContainer hooks, in this order and as listed", async (world) => {
	const { container, notes } = noting(world);
	await container.create();
	expect(notes().filter((note) => !note.startsWith("poststart"))).toEqual(twice("prestart", "createRuntime", "createContainer"));
});

conformance(
	"create calls no hooks of start",
	async (world) => {
		const { container, notes } = noting(world);
		await container.create();
		expect(notes().filter((note) => /^(startContainer|poststart|poststop)/.test(note))).toEqual([]);
	},
	{ not: { runc: "1.1.5 calls poststart hooks in create" } },
);

conformance("start calls startContainer hooks before the program", async (world) => {
	const { container, notes } = noting(world);
	await container.create();
	const created = notes().length;
	await container.start();
	await container.stopped();
	const later = notes().slice(created);
	expect(later.filter((note) => !note.startsWith("poststart"))).toEqual([...twice("startContainer"), "program"]);
});

conformance("poststart hooks have run when start returns", async (world) => {
	const { container, notes } = noting(world);
	await container.launch();
	expect(notes().filter((note) => note.startsWith("poststart"))).toEqual(twice("poststart"));
});

conformance(
	"poststart hooks are called after startContainer hooks",
	async (world) => {
		const { container, notes } = noting(world);
		await container.launch();
		expect(notes().indexOf("poststart a")).toBeGreaterThan(notes().indexOf("startContainer b"));
	},
	{ not: { runc: "1.1.5 calls poststart hooks in create", crun: "1.8.1 does not wait for the program before it calls poststart hooks" } },
);

conformance("poststop hooks run at delete, not before, and have run when it returns", async (world) => {
	const { container, notes } = noting(world);
	await container.launch();
	await container.stopped();
	expect(notes().some((note) => note.startsWith("poststop"))).toBe(false);
	expect((await container.delete()).status).toBe(0);
	expect(notes().slice(-2)).toEqual(twice("poststop"));
});

conformance("run calls all six kinds of hooks", async (world) => {
	const { container, notes } = noting(world);
	expect((await container.run()).status).toBe(0);
	const kinds = notes().map((note) => note.split(" ")[0] ?? "");
	expect(new Set(kinds)).toEqual(new Set([...hookNames, "program"]));
	expect(kinds.slice(0, 6)).toEqual(["prestart", "prestart", "createRuntime", "createRuntime", "createContainer", "createContainer"]);
	expect(kinds.slice(-2)).toEqual(["poststop", "poststop"]);
});
