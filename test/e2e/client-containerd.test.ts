// containerd's shim does not notice that corten-runtime is not runc: each case runs under both, in a containerd of its own.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { type Containerd, startContainerd } from "../support/clients/containerd.ts";
import { lacks, type RuntimeName, until } from "../support/clients/scratch.ts";
import { testWhen } from "../support/skip.ts";

const reason = lacks("containerd", "ctr", "containerd-shim-runc-v2");
const whenContainerd = testWhen(reason === undefined, reason ?? "");
let engine: Containerd;

beforeAll(async () => {
	if (reason === undefined) engine = await startContainerd();
});
afterAll(() => engine?.world[Symbol.asyncDispose]());

/** What a case shows under each runtime, without the runtime's name. */
async function both<T>(observe: (runtime: RuntimeName) => Promise<T>): Promise<readonly [T, T]> {
	return Promise.all([observe("corten"), observe("runc")]);
}

const cases: readonly (readonly [options: readonly string[], script: string, shows: RegExp])[] = [
	[["--rm"], "echo out; echo err >&2; exit 7", /^out\n$/],
	[["--rm"], "kill -9 $$", /^$/],
	[["--rm"], "grep -E '^(Cap|NoNewPrivs|Groups)' /proc/self/status; env | sort; umask; ls /dev | grep -v core", /CapEff/],
	[["--rm", "--env", "A=1", "--cwd", "/tmp"], "echo $A; pwd; hostname | wc -l", /^1\n\/tmp\n1\n$/],
	[["--rm", "--mount", "type=bind,src=/usr/share,dst=/mnt,options=rbind:ro"], "touch /mnt/x 2>&1; ls -d /mnt/doc", /Read-only/],
	[["--rm", "--read-only"], "touch /x 2>&1", /Read-only/],
	[["--rm", "--seccomp"], "grep Seccomp: /proc/self/status", /2/],
	[["--rm", "--net-host"], "ls /sys/class/net; cat /proc/net/dev | wc -l", /lo/],
];

describe("ctr run", () => {
	for (const [at, [options, script, shows]] of cases.entries()) {
		whenContainerd(`${options.join(" ")}: ${script}`, async () => {
			const [corten, runc] = await both((runtime) => engine.run(runtime, `case${at}`, options, ["sh", "-c", script]));
			expect(corten).toEqual(runc);
			expect(corten.stdout).toMatch(shows);
		});
	}
	whenContainerd("a command that is not there", async () => {
		const [corten, runc] = await both(async (runtime) => {
			const { status, stderr } = await engine.run(runtime, "absent", ["--rm"], ["nosuch"]);
			return { status, says: /nosuch.*(no such file or directory|executable file not found)/.test(stderr) };
		});
		expect(corten).toEqual(runc);
		expect(corten.says).toBe(true);
	});
});

describe("ctr task", () => {
	whenContainerd("exec, ps, metrics, pause, resume, kill, delete", async () => {
		const [corten, runc] = await both(async (runtime) => {
			const id = `${runtime}-life`;
			const task = (...args: readonly string[]) => engine.ctr(["task", ...args]);
			const detached = await engine.run(
				runtime,
				"life",
				["-d", "--memory-limit", "67108864"],
				["sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.1; done"],
			);
			const status = async () =>
				(await task("ls")).stdout
					.split("\n")
					.find((line) => line.startsWith(`${id} `))
					?.split(/\s+/)[2];
			const running = await status();
			const exec = await task("exec", "--exec-id", "one", "--cwd", "/tmp", id, "sh", "-c", "pwd; exit 5");
			const absent = await task("exec", "--exec-id", "two", id, "nosuch");
			const ps = (await task("ps", id)).stdout.split("\n").length > 2;
			const metrics = (await task("metrics", id)).stdout;
			const paused = [(await task("pause", id)).status, await status(), (await task("resume", id)).status, await status()];
			const kill = (await task("kill", "-s", "TERM", id)).status;
			await until("the end", async () => ((await status()) === "STOPPED" ? true : undefined));
			const deleted = await task("delete", id);
			const removed = await engine.ctr(["container", "rm", id]);
			return {
				...{ detached: detached.status, running, exec: [exec.status, exec.stdout], absent: absent.status !== 0, ps, paused, kill },
				...{ metrics: /67108864/.test(metrics) || metrics, deleted: deleted.status, removed: removed.status },
			};
		});
		expect(corten).toEqual(runc);
		expect(corten).toMatchObject({
			detached: 0,
			running: "RUNNING",
			exec: [5, "/tmp\n"],
			paused: [0, "PAUSED", 0, "RUNNING"],
			kill: 0,
			removed: 0,
		});
	});
});

describe("afterwards", () => {
	whenContainerd("nothing is left on the machine", async () => {
		expect((await engine.ctr(["container", "ls", "-q"])).stdout).toBe("");
		expect(await engine.world.end()).toEqual([]);
	});
});
