// Health without systemd: launch, which stays with its container, asks; and corten healthcheck run by hand.

import { expect } from "bun:test";
import { chmodSync, chownSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { Home, run, top } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { testWhen } from "../support/skip.ts";

const asRoot = testWhen(process.getuid?.() === 0, "it needs root");

async function home(): Promise<Home> {
	const made = new Home();
	await made.must("pull", "-q", `docker-archive:${fixture("busybox")}/docker.tar`);
	return made;
}

/** Asks until the container is so; a minute is for a machine that has much else to do. */
async function until(world: Home, name: string, condition: string, words: string): Promise<void> {
	for (const end = Date.now() + 60_000; Date.now() < end; await Bun.sleep(50)) {
		const { stdout } = await world.corten(["inspect", "-f", condition, name]);
		if (stdout.trim() === words) return;
	}
	throw new Error(`never ${words}: ${await world.must("inspect", name)}`);
}

const status = "{{.State.Health.Status}}";
const quick = ["--health-interval", "100ms", "--health-retries", "2"];

function folderOf(world: Home): string {
	return `${world.root}/containers/${readdirSync(`${world.root}/containers`)[0]}`;
}

asRoot(
	"a detached container is asked by launch: unhealthy, healthy, and what the probe said",
	async () => {
		await using world = await home();
		await world.must("run", "-d", "--name", "web", ...quick, "--health-cmd", "echo said; test -e /tmp/ok", "busybox", "sleep", "1000");
		await until(world, "web", status, "unhealthy");
		expect(await world.must("ps", "--filter", "health=unhealthy", "--format", "{{.Names}} {{.Status}}")).toMatch(
			/^web Up .* \(unhealthy\)$/,
		);
		await world.must("exec", "web", "touch", "/tmp/ok");
		await until(world, "web", `${status} {{.State.Health.FailingStreak}} {{(index .State.Health.Log 0).ExitCode}}`, "healthy 0 0");
		expect(await world.must("inspect", "-f", "{{(index .State.Health.Log 4).Output}}", "web")).toBe("said\n");
		expect(await world.must("ps", "-q", "--filter", "health=none")).toBe("");
		expect(await world.must("inspect", "-f", "{{json .Config.Healthcheck.Test}}", "web")).toBe(
			'["CMD-SHELL","echo said; test -e /tmp/ok"]',
		);
		await world.must("rm", "-f", "web");
		expect(world.leftovers()).toEqual([]);
	},
	150_000,
);

asRoot(
	"a probe that takes too long is ended with what it has started",
	async () => {
		await using world = await home();
		const options = ["--health-interval", "disable", "--health-timeout", "300ms", "--health-retries", "1"];
		await world.must(
			"run",
			"-d",
			"--name",
			"slow",
			...options,
			"--health-cmd",
			"echo before; sleep 4711 & wait",
			"busybox",
			"sleep",
			"1000",
		);
		expect(await world.corten(["healthcheck", "run", "slow"])).toMatchObject({ status: 1, stdout: "unhealthy\n" });
		expect(await world.must("inspect", "-f", "{{(index .State.Health.Log 0).ExitCode}}", "slow")).toBe("-1");
		expect(await world.must("exec", "slow", "ps")).not.toContain("4711");
		await world.must("rm", "-f", "slow");
	},
	100_000,
);

asRoot(
	"healthcheck run says by its status what it found; a probe that cannot run has failed",
	async () => {
		await using world = await home();
		await world.must(
			"run",
			"-d",
			"--name",
			"one",
			"--health-interval",
			"disable",
			"--health-cmd",
			'["test", "-e", "/tmp/ok"]',
			"busybox",
			"sleep",
			"1000",
		);
		expect(await world.corten(["healthcheck", "run", "one"])).toMatchObject({ status: 1, stdout: "starting\n" });
		await world.must("exec", "one", "touch", "/tmp/ok");
		expect(await world.corten(["healthcheck", "run", "one"])).toMatchObject({ status: 0, stdout: "healthy\n", stderr: "" });
		await world.must(
			"run",
			"-d",
			"--name",
			"two",
			"--health-interval",
			"disable",
			"--health-cmd",
			'["/no/such"]',
			"busybox",
			"sleep",
			"1000",
		);
		expect(await world.corten(["healthcheck", "run", "two"])).toMatchObject({ status: 1, stdout: "starting\n" });
		expect(await world.must("inspect", "-f", "{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{end}}", "two")).toMatch(
			/^127 .*"\/no\/such": ENOENT/,
		);
		await world.must("run", "-d", "--name", "none", "--no-healthcheck", "busybox", "sleep", "1000");
		expect(await world.corten(["healthcheck", "run", "none"])).toMatchObject({ status: 1 });
		await world.must("kill", "one");
		await until(world, "one", "{{.State.Status}}", "exited");
		expect(await world.corten(["healthcheck", "run", "one"])).toMatchObject({ status: 1 });
		await world.must("rm", "-f", "one", "two", "none");
	},
	150_000,
);

asRoot(
	"an unhealthy container is killed or stopped when that was asked for",
	async () => {
		await using world = await home();
		for (const [action, code] of [
			["kill", "137"],
			["stop", "3"],
		] as const) {
			const payload = ["sh", "-c", "trap 'exit 3' TERM; touch /tmp/trapped; while :; do sleep 0.1; done"];
			const options = [...quick, "--health-cmd", "test ! -e /tmp/trapped", "--health-on-failure", action];
			await world.must("run", "-d", "--name", action, ...options, "busybox", ...payload);
			await until(world, action, "{{.State.Status}} {{.State.ExitCode}}", `exited ${code}`);
			await world.must("rm", action);
		}
		expect(world.leftovers()).toEqual([]);
	},
	150_000,
);

asRoot(
	"launch takes a plan by its path only when nobody else could have written it",
	async () => {
		await using world = await home();
		await world.must("run", "-d", "--name", "plain", "--health-interval", "disable", "--health-cmd", "true", "busybox", "sleep", "1000");
		const plan = `${folderOf(world)}/health.plan`;
		const launch = async (path: string, ...more: string[]) => (await run([`${top}/build/launch`, path, ...more])).status;
		expect(await launch(plan)).toBe(0);
		symlinkSync(plan, `${world.folder}/link`);
		expect(await launch(`${world.folder}/link`)).toBe(125);
		writeFileSync(`${world.folder}/copy`, readFileSync(plan));
		chmodSync(`${world.folder}/copy`, 0o620);
		expect(await launch(`${world.folder}/copy`)).toBe(125);
		chmodSync(`${world.folder}/copy`, 0o600);
		chownSync(`${world.folder}/copy`, 1000, 0);
		expect(await launch(`${world.folder}/copy`)).toBe(125);
		expect(await launch(world.folder)).toBe(125);
		expect(await launch("/dev/null")).toBe(125);
		// What was removed leads on to the command beside it.
		expect(await launch(`${world.folder}/absent`, "/bin/sh", "-c", "exit 5")).toBe(5);
		expect(await launch(`${world.folder}/absent`)).toBe(125);
		await world.must("rm", "-f", "plain");
	},
	100_000,
);

asRoot(
	"what a probe executes sees launch only as a sealed copy in memory (CVE-2019-5736)",
	async () => {
		await using world = await home();
		const script = "readlink /proc/self/exe; readlink /proc/$PPID/exe; for p in /proc/[0-9]*; do readlink $p/exe; done";
		const options = ["--pid", "host", "--privileged", "--health-interval", "disable", "--health-cmd", `(${script}) >/tmp/seen; true`];
		await world.must("run", "-d", "--name", "plain", ...options, "busybox", "sleep", "1000");
		await world.must("healthcheck", "run", "plain");
		const links = await world.must("exec", "plain", "cat", "/tmp/seen");
		expect(links).toContain("/memfd:corten-launch");
		expect(links).not.toContain(`${top}/build/launch`);
		await world.must("rm", "-f", "plain");
	},
	100_000,
);
