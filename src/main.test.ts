// The program from outside, run from its source: exit status, how errors look, odd surroundings. No container is started: a script
// stands in for launch, with the lock and the files a real one has.

import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";

const base = mkdtempSync(`${tmpdir()}/corten-main-`);
afterAll(() => rmSync(base, { recursive: true, force: true }));
let root = "";
let count = 0;
beforeEach(() => {
	root = `${base}/${count++}`;
});
const main = `${import.meta.dir}/main.ts`;

type Result = { readonly status: number; readonly stdout: string; readonly stderr: string };

async function corten(args: readonly string[]): Promise<Result> {
	const child = Bun.spawn([process.execPath, main, "--root", root, "--runroot", `${root}/run`, ...args], {
		stdout: "pipe",
		stderr: "pipe",
	});
	const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
	return { status: await child.exited, stdout, stderr };
}

async function must(...args: readonly string[]): Promise<string> {
	const { status, stdout, stderr } = await corten(args);
	expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: "" });
	return stdout;
}

const standIns: Bun.Subprocess[] = [];
afterEach(() => {
	for (const child of standIns.splice(0)) child.kill("SIGKILL");
});

/** Stands in for launch: holds the lock, runs a payload, copies its lines into the log, writes exit, removes the folder with --rm. */
async function launch(name: string, script: string, more: object = {}): Promise<{ exited: Promise<number>; pid: number; id: string }> {
	const source = `
		import { createContainer, discardContainer } from ${JSON.stringify(`${import.meta.dir}/supervise/folder.ts`)};
		import { newId } from ${JSON.stringify(`${import.meta.dir}/supervise/names.ts`)};
		import { readProcess } from ${JSON.stringify(`${import.meta.dir}/supervise/process.ts`)};
		import { appendFileSync, renameSync, writeFileSync } from "node:fs";
		const root = ${JSON.stringify(root)};
		const record = { id: newId(), name: ${JSON.stringify(name)}, created: new Date().toISOString(), image: null, layers: [], rootfs: "/x", path: "sh",
			args: ["-c", ${JSON.stringify(script)}], labels: { "a.b": "c" }, annotations: {}, removeAtEnd: false, terminal: false, openStdin: false,
			detached: true, stopSignal: 15, stopTimeoutSeconds: 10, cgroups: [], network: "none", mounts: [], ...${JSON.stringify(more)} };
		const created = createContainer(root, root + "/run", record);
		const child = Bun.spawn(["setpriv", "--pdeathsig", "KILL", "bash", "-c", record.args[1]], { stdout: "pipe", stderr: "pipe" });
		const write = (file, text) => { writeFileSync(created.folder + "/." + file, text); renameSync(created.folder + "/." + file, created.folder + "/" + file); };
		writeFileSync(created.folder + "/log", "");
		const seconds = Math.floor(Date.now() / 1000);
		write("pid", child.pid + " " + readProcess(child.pid).startTime + " " + seconds + " 0\\n");
		console.log(record.id);
		const copy = async (stream, name) => {
			let rest = "";
			const entry = (tag, text) => appendFileSync(created.folder + "/log", new Date().toISOString() + " " + name + " " + tag + " " + text + "\\n");
			for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
				const lines = (rest + chunk).split("\\n");
				rest = lines.pop();
				for (const line of lines) entry("F", line);
			}
			if (rest !== "") entry("P", rest);
		};
		await Promise.all([copy(child.stdout, "stdout"), copy(child.stderr, "stderr")]);
		await child.exited;
		const signal = child.signalCode === null ? 0 : { SIGTERM: 15, SIGKILL: 9 }[child.signalCode];
		write("exit", (signal ? 128 + signal : child.exitCode) + " " + signal + " " + Math.floor(Date.now() / 1000) + " 0\\n");
		if (record.removeAtEnd) await discardContainer(root, created);
	`;
	const child = Bun.spawn([process.execPath, "-e", source], { stdout: "pipe", stderr: "ignore" });
	standIns.push(child);
	const { value } = await child.stdout.getReader().read();
	return { exited: child.exited, pid: child.pid, id: new TextDecoder().decode(value).trim() };
}

const forever = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.02; done";

/** A payload has said so once its traps are set. */
async function ready(name: string): Promise<void> {
	while (!(await corten(["logs", name])).stdout.includes("ready"));
}

describe("exit status and errors", () => {
	const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
		[["psx"], 1, /^corten: cannot run "psx": there is no such command: did you mean "ps"\?\n$/],
		[["ps", "--al"], 125, /did you mean --all\?\n$/],
		[["--rot=x", "ps"], 125, /did you mean --root\?\n$/],
		[["ps", "x"], 1, /it takes no arguments/],
		[["image", "lx"], 1, /cannot run "image lx"/],
		[["inspect", "none"], 1, /^corten: cannot find container or image "none"/],
		[
			["--log-format=json", "rm", "none"],
			1,
			/^\{"level":"error","msg":"cannot find container \\"none\\"","code":"not-found",.*"time":"20[^"]*Z"\}\n$/,
		],
		[["stop", "a", "b"], 1, /"a".*\n.*"b"/],
		[["stop", "-t", "soon", "a"], 1, /--timeout/],
		[["ps", "--format", "{{.Nmaes}"], 1, /is not closed/],
	];
	for (const [args, status, stderr] of cases) {
		test(`corten ${args.join(" ")}`, async () => {
			const result = await corten(args);
			expect({ status: result.status, stdout: result.stdout }).toEqual({ status, stdout: args[0] === "inspect" ? "[]\n" : "" });
			expect(result.stderr).toMatch(stderr);
		});
	}

	test("help and version go to stdout, with status 0", async () => {
		expect(await must("--help")).toContain("Usage: corten");
		expect(await must()).toBe(await must("help"));
		expect(await must("ps", "--help")).toBe(await must("help", "ps"));
		expect(await must("container", "ls", "--help")).toBe(await must("help", "ps"));
		expect(await must("--version")).toMatch(/^corten version \d+\.\d+\.\d+\n$/);
	});

	test("it works without stdin, HOME and anything in the environment, and ends quietly when nobody reads", async () => {
		const run = async (line: string) => {
			const child = Bun.spawn(
				["env", "-i", "bash", "-c", `cd ${base}; corten() { ${process.execPath} ${main} --root ${root} "$@"; }; ${line}`],
				{ stdout: "pipe", stderr: "pipe" },
			);
			const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
			return [await child.exited, stdout.split("\n")[0], stderr];
		};
		const header = expect.stringContaining("CONTAINER ID");
		expect(await run("corten ps <&-")).toEqual([0, header, ""]);
		expect(await run("set -o pipefail; corten help | true || [[ $? == 141 ]]")).toEqual([0, "", ""]);
		expect(await run("corten help >&-")).toEqual([0, "", ""]);
	});

	test("completion scripts are accepted by their shells", async () => {
		for (const shell of ["bash", "zsh", "fish"]) {
			const script = await must("completion", shell);
			expect(script).toContain("inspect");
			const runtimes = await must("completion", shell, "corten-runtime");
			expect(runtimes).toContain("corten-runtime list -q");
			if (Bun.which(shell) === null) continue;
			for (const text of [script, runtimes]) {
				const check = Bun.spawnSync([shell, "-n"], { stdin: new TextEncoder().encode(text), stderr: "pipe" });
				expect(`${check.exitCode} ${check.stderr}`).toBe("0 ");
			}
		}
	});
});

describe("a container's life, seen by the commands", () => {
	test("ps, inspect, logs, stop, rm", async () => {
		const { id, exited } = await launch("web", `echo 'one two' ; echo bad >&2; printf end; ${forever}`);
		expect(await must("ps", "--format", "{{.ID}} {{.Names}} {{.State}} {{.Networks}}")).toBe(`${id.slice(0, 12)} web running none\n`);
		expect(await must("ps", "-q", "--no-trunc")).toBe(`${id}\n`);
		expect(await must("ps", "-f", "name=other", "-q")).toBe("");
		expect(await must("inspect", "-f", '{{.Name}} {{.State.Running}} {{index .Config.Labels "a.b"}} {{json .Args}}', "web")).toStartWith(
			"/web true c [",
		);
		expect(JSON.parse(await must("container", "inspect", id.slice(0, 5)))[0].State.ExitCode).toBe(0);
		expect((await corten(["rm", "web"])).stderr).toContain('cannot remove container "web": it is running');
		const followed = corten(["logs", "-f", "web"]);
		await ready("web");
		expect(await must("stop", "web")).toBe("web\n");
		await exited;
		expect(await followed).toEqual({ status: 0, stdout: "one two\nendready\n", stderr: "bad\n" });
		expect((await corten(["logs", "-n", "2", "-t", "web"])).stdout).toMatch(/^20\S+Z endready\n$/m);
		expect(await must("logs", "--since", "1h", "--until", "1970-01-01", "web")).toBe("");
		expect(await must("ps", "-a", "--format", "{{.Status}}")).toMatch(/^Exited \(9\) (Less than a|\d+) seconds? ago\n$/);
		expect(await must("rm", "web")).toBe("web\n");
		expect(await must("ps", "-aq")).toBe("");
	});

	test("stop of a deaf container ends it by force after the time; --rm leaves nothing", async () => {
		const { exited } = await launch("deaf", "trap '' TERM; echo ready; while :; do sleep 0.02; done", { removeAtEnd: true });
		await ready("deaf");
		expect(await must("stop", "-t", "0", "deaf")).toBe("deaf\n");
		await exited;
		expect([readdirSync(`${root}/containers`), readdirSync(`${root}/names`)]).toEqual([[], []]);
	});

	test("kill sends the signal that is asked for, and only to what runs", async () => {
		const { exited } = await launch("web", forever);
		await ready("web");
		expect(await must("kill", "-s", "TERM", "web")).toBe("web\n");
		await exited;
		expect(await must("inspect", "-f", "{{.State.ExitCode}}", "web")).toBe("9\n");
		const again = await corten(["kill", "web"]);
		expect(again).toMatchObject({ status: 1, stdout: "", stderr: 'corten: cannot kill container "web": it is not running\n' });
	});

	test("rm -f ends a running one, and passes over one that is not there", async () => {
		const { exited } = await launch("web", forever);
		expect(await must("rm", "-f", "web", "none")).toBe("web\n");
		await exited;
		expect(await must("ps", "-aq")).toBe("");
	});

	test("a killed supervisor: ps ends what is left and says 137", async () => {
		const { pid, exited } = await launch("web", forever);
		process.kill(pid, "SIGKILL");
		await exited;
		expect(await must("ps", "-a", "--format", "{{.Names}} {{.Status}}")).toMatch(/^web Exited \(137\)/);
	});
});
