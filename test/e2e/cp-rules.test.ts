// Where corten cp puts what: docker's table, row by row, in both directions, for a container that runs and one that has ended; and the same rows
// under docker itself, where there is one.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Docker, startDocker } from "../support/clients/docker.ts";
import { lacks, outputOf } from "../support/clients/scratch.ts";
import { Home, type Result, type RunOptions } from "../support/corten.ts";
import { cpCases, cpTree } from "../support/cp-cases.ts";
import { fixture } from "../support/fixture.ts";
import { must } from "../support/must.ts";
import { testWhen } from "../support/skip.ts";

const folder = mkdtempSync(`${tmpdir()}/cp-rules-`);
const home = new Home();
const reason = lacks("docker", "dockerd", "containerd");
const whenDocker = testWhen(reason === undefined, reason ?? "");
let engine: Docker | undefined;

/** Every case has a folder of its own, numbered, on both sides. */
const prepare = `mkdir /c && cd /c && for n in $(seq 0 ${cpCases.length - 1}); do mkdir $n && (cd $n && ${cpTree}) || exit 1; done`;

beforeAll(async () => {
	await home.must("load", "-q", "-i", `${fixture("busybox")}/docker.tar`);
	await home.must(
		"run",
		"-d",
		"--name",
		"runs",
		"--network",
		"none",
		"busybox",
		"sh",
		"-c",
		`${prepare} && touch /ready && exec sleep 10000`,
	);
	await home.must("run", "--name", "ended", "--network", "none", "busybox", "sh", "-c", prepare);
	await home.must("exec", "runs", "sh", "-c", "until test -e /ready; do sleep 0.1; done");
	if (reason !== undefined) return;
	engine = await startDocker();
	const { docker: run } = engine;
	const docker = (...args: readonly string[]) => outputOf(["docker", ...args], run(args));
	await docker(
		"run",
		"-d",
		"--name",
		"runs",
		"--network",
		"none",
		"busybox:test",
		"sh",
		"-c",
		`${prepare} && touch /ready && exec sleep 10000`,
	);
	await docker("run", "--name", "ended", "--network", "none", "busybox:test", "sh", "-c", prepare);
	await docker("exec", "runs", "sh", "-c", "until test -e /ready; do sleep 0.1; done");
}, 120_000);
afterAll(async () => {
	await home.corten(["rm", "-f", "runs"]);
	await home[Symbol.asyncDispose]();
	if (engine !== undefined) {
		await engine.docker(["rm", "-f", "runs", "ended"]);
		await engine.world[Symbol.asyncDispose]();
	}
	rmSync(folder, { recursive: true, force: true });
});

/** A line each: a folder, a file with its content, a link with its target. */
function look(top: string, path = ""): string[] {
	const lines = readdirSync(`${top}/${path}`).flatMap((entry) => {
		const name = path === "" ? entry : `${path}/${entry}`;
		const stat = lstatSync(`${top}/${name}`);
		if (stat.isSymbolicLink()) return [`${name} -> ${readlinkSync(`${top}/${name}`)}`];
		return stat.isDirectory() ? [`${name}/`, ...look(top, name)] : [`${name} ${readFileSync(`${top}/${name}`, "utf8").trim()}`];
	});
	return lines.sort();
}

type Cp = (args: readonly string[], options?: RunOptions) => Promise<Result>;
const cortenCp: Cp = (args, options) => home.corten(["cp", ...args], options);
const dockerCp: Cp = (args, options) => engine?.docker(["cp", ...args], options) ?? Promise.reject(new Error("no docker"));

let count = 0;
/** A folder of the host with the tree in it. */
function host(): string {
	const made = `${folder}/${count++}`;
	mkdirSync(made);
	must(["sh", "-c", `cd ${made} && ${cpTree}`]);
	return made;
}

/** Copies, and looks at what has changed. */
async function observe(cp: Cp, container: string, index: number, direction: "in" | "out"): Promise<string> {
	const { source, target, flags = [] } = cpCases[index] ?? { source: "", target: "" };
	const cwd = host();
	const before = new Set(look(cwd));
	const inside = (path: string): string => `${container}:/c/${index}/${path}`;
	const words = direction === "in" ? [source, inside(target)] : [inside(source), target];
	const { status } = await cp([...flags, ...words], { cwd });
	let after = cwd;
	if (direction === "in") {
		after = `${folder}/${count++}`;
		const { status: looked, stderr } = await cp([`${container}:/c/${index}`, after], {});
		if (looked !== 0) throw new Error(stderr);
	}
	const made = look(after).filter((line) => !before.has(line));
	return status === 0 ? made.join(", ") : ["error", ...made].join(", ");
}

for (const container of ["runs", "ended"]) {
	// Out first: into changes the container.
	for (const direction of ["out", "in"] as const) {
		describe(`${direction === "in" ? "into" : "out of"} a container that ${container === "runs" ? "runs" : "has ended"}`, () => {
			for (const [index, { what, source, target, flags = [], made }] of cpCases.entries()) {
				const name = `${[...flags, source, target].join(" ")}: ${what}`;
				test(name, async () => expect(await observe(cortenCp, container, index, direction)).toBe(made));
				whenDocker(`docker: ${name}`, async () => expect(await observe(dockerCp, container, index, direction)).toBe(made));
			}
		});
	}
}

test("a container that ran is where it was, and nothing is left mounted", async () => {
	expect(await home.must("ps", "-a", "--format", "{{.Names}} {{.State}}")).toMatch(
		/^ended exited\nruns running$|^runs running\nended exited$/,
	);
	expect(statSync(home.root).mode & 0o077).toBe(0);
	expect(home.leftovers().filter((line) => line.includes("mount"))).toEqual([]);
});
