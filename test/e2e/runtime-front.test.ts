// corten-runtime's front (src/runtime/front.c) and corten under its name do the same: one story, told by each of the two, with one outcome.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { top } from "../support/corten.ts";
import { must } from "../support/must.ts";
import { type BundleChange, World } from "../support/small-bundle.ts";

let world: World;
let names: string;
beforeAll(() => {
	world = new World();
	names = mkdtempSync("/tmp/corten-test-front-");
	symlinkSync(`${top}/build/corten`, `${names}/corten-runtime`); // the name alone makes corten the runtime
	symlinkSync(`${top}/build/launch`, `${names}/launch`);
});
afterAll(async () => {
	await world[Symbol.asyncDispose]();
	rmSync(names, { recursive: true, force: true });
});

const programs = { front: () => `${top}/build/corten-runtime`, corten: () => `${names}/corten-runtime` };

type Outcome = { readonly status: number; readonly stderr: string; readonly log: string };

/** Runs one command; what it says about ids, paths and times is made equal. */
function call(program: string, id: string, ...words: readonly string[]): Outcome {
	const log = `${world.folder}/log-${id}`;
	rmSync(log, { force: true });
	const line = [program, "--root", `${world.folder}/run`, "--log", log, "--log-format", "json", ...words];
	const { exitCode, stderr } = Bun.spawnSync(line, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
	const said = existsSync(log) ? readFileSync(log, "utf8") : "";
	return { status: exitCode, stderr: level(stderr.toString(), id), log: level(said, id) };
}

const level = (text: string, id: string) =>
	text
		.replaceAll(id, "ID")
		.replace(/"time":"[^"]*"/g, '"time":"T"')
		.replace(/op \d+\/\d+/g, "op N");

/** Creates a container. @param options before the command */
function create(id: string, change: BundleChange, ...options: readonly string[]): void {
	const program = [`${top}/build/corten-runtime`, "--root", `${world.folder}/run`, ...options];
	must(["sh", "-c", '"$@" </dev/null >/dev/null 2>&1', "sh", ...program, "create", "--bundle", world.bundle(change), id]);
}

const stories: Readonly<Record<string, (program: string, id: string) => Outcome[]>> = {
	"a whole life": (program, id) => {
		create(id, {});
		return [
			call(program, id, "start", id),
			call(program, id, "start", id),
			call(program, id, "delete", id),
			call(program, id, "kill", id, "SIGKILL"),
			call(program, id, "delete", "--force", id),
			call(program, id, "delete", id),
		];
	},
	"a container that was never started": (program, id) => {
		create(id, {});
		return [call(program, id, "delete", id), call(program, id, "start", id)];
	},
	"a running container that is deleted by force": (program, id) => {
		create(id, {});
		return [call(program, id, "start", id), call(program, id, "delete", "-f", id), call(program, id, "kill", id)];
	},
	"what is not there": (program, id) => [
		call(program, id, "start", id),
		call(program, id, "kill", id),
		call(program, id, "delete", id),
		call(program, id, "delete", "--force", id),
		call(program, id, "delete", "--force", "../x"),
	],
	"a signal that is none": (program, id) => {
		create(id, {});
		return [call(program, id, "kill", id, "SIGNONE"), call(program, id, "kill", id, "0"), call(program, id, "delete", "-f", id)];
	},
	"a program that goes away after create": (program, id) => {
		const path = `${world.rootfs}/bin/"gone"`;
		writeFileSync(path, "#!/bin/busybox sh\n", { mode: 0o755 });
		create(id, { process: { args: ['/bin/"gone"'] } }, "--log", `${world.folder}/l`);
		rmSync(path);
		const first = call(program, id, "start", id);
		Bun.sleepSync(100); // the process that could not become the program is ending
		return [first, call(program, id, "start", id), call(program, id, "delete", id)];
	},
};

for (const [name, tell] of Object.entries(stories)) {
	test(`the front and corten agree on ${name}`, () => {
		const id = (program: string) => `front-${names.slice(-6)}-${program}-${Object.keys(stories).indexOf(name)}`;
		const front = tell(programs.front(), id("a"));
		const corten = tell(programs.corten(), id("b"));
		expect(front).toEqual(corten);
		for (const one of ["a", "b"]) expect(existsSync(`${world.folder}/run/${id(one)}`)).toBe(false);
	});
}

test("the front alone does what is plain", () => {
	const id = `front-${names.slice(-6)}-alone`;
	create(id, {});
	// Without corten beside it, whatever goes to corten fails.
	const alone = `${names}/alone`;
	must(["sh", "-c", `mkdir ${alone} && cp ${top}/build/corten-runtime ${alone}/`]);
	const statuses = [["start"], ["kill", "TERM"], ["delete", "--force"]].map(
		([command = "", word = ""]) =>
			call(`${alone}/corten-runtime`, id, command, ...(word.startsWith("-") ? [word, id] : word === "" ? [id] : [id, word])).status,
	);
	expect(statuses).toEqual([0, 0, 0]);
	expect(call(`${alone}/corten-runtime`, id, "state", id)).toMatchObject({
		status: 1,
		stderr: expect.stringContaining('cannot find "corten"'),
	});
});
