// Detached containers from birth to removal: run -d, ps, logs, exec, inspect, stop, kill, rm, and names.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { Home } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { busyboxName } from "../support/fixtures/busybox.ts";

const home = new Home();
beforeAll(async () => {
	await home.must("pull", `oci:${fixture("busybox")}/oci:${busyboxName}`);
});
afterEach(async () => {
	const ids = (await home.must("ps", "-aq")).split("\n").filter((id) => id !== "");
	if (ids.length > 0) await home.must("rm", "-f", ...ids);
	expect(home.leftovers()).toEqual([]);
});
afterAll(() => home[Symbol.asyncDispose]());

const detached = (name: string, script: string, ...options: readonly string[]) =>
	home.must("run", "-d", "--name", name, ...options, "busybox", "sh", "-c", script);
const rest = "echo ready; while :; do sleep 0.05; done";
const forever = `trap 'exit 9' TERM; ${rest}`;

/** `detached`, returning when the script has set its traps: the first process of a PID namespace does not die of a signal without one. */
async function ready(name: string, script: string, ...options: readonly string[]): Promise<string> {
	const id = await detached(name, script, ...options);
	await until(`"ready" of ${name}`, async () => (await home.must("logs", name)).includes("ready"));
	return id;
}

/** Asks again until the answer is right: for what another process does in its own time. */
async function until(what: string, ask: () => Promise<boolean>): Promise<void> {
	for (const end = Date.now() + 10_000; Date.now() < end; await Bun.sleep(10)) if (await ask()) return;
	throw new Error(`did not happen in 10 s: ${what}`);
}
const state = async (name: string) => (await home.must("ps", "-a", "--filter", `name=${name}`, "--format", "{{.State}}")).trim();

test("run -d prints the id, ps shows the container, stop ends it within its own trap", async () => {
	const id = await ready("one", forever);
	expect(id).toMatch(/^[0-9a-f]{64}$/);
	const table = await home.must("ps");
	expect(table).toContain(id.slice(0, 12));
	expect(table).toContain("one");
	await home.must("stop", "one");
	expect(await home.must("ps", "-q")).toBe("");
	expect(await home.must("ps", "-a")).toMatch(/Exited \(9\)/);
	await home.must("rm", "one");
	expect(await home.must("ps", "-aq")).toBe("");
});

test("run -d returns when the payload runs, and fails when it cannot", async () => {
	const result = await home.corten(["run", "-d", "busybox", "/no/such/program"]);
	expect(result.status).toBe(127);
	expect(result.stdout).toBe("");
});

test("a container whose terminal and caller are gone goes on", async () => {
	const id = await detached("on", forever);
	const pid = await home.must("inspect", "--format", "{{.State.Pid}}", id);
	expect(Number(pid)).toBeGreaterThan(1);
	process.kill(Number(pid), 0);
});

test("a container dies with its watcher, and is then an exited one with status 137", async () => {
	await detached("watched", forever);
	const pid = Number(await home.must("inspect", "--format", "{{.State.Pid}}", "watched"));
	const watcher = /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
	process.kill(Number(watcher), "SIGKILL");
	await until("the payload's end", async () => !existsSync(`/proc/${pid}/exe`));
	expect(await home.must("ps", "-q")).toBe("");
	expect(await home.must("ps", "-a")).toMatch(/Exited \(137\)/);
});

test("logs has stdout and stderr, each line once", async () => {
	await detached("talk", "for i in 1 2 3; do echo out $i; done; echo err >&2; printf 'no end of line'");
	await until("end", async () => (await home.must("ps", "-q")) === "");
	const { stdout, stderr } = await home.corten(["logs", "talk"]);
	expect({ stdout: stdout.trimEnd(), stderr: stderr.trimEnd() }).toEqual({ stdout: "out 1\nout 2\nout 3\nno end of line", stderr: "err" });
	expect(await home.must("logs", "--tail", "1", "talk")).toContain("no end of line");
});

test("logs -f follows to the end", async () => {
	await detached("slow", "for i in 1 2 3 4 5; do echo line $i; sleep 0.05; done");
	expect((await home.must("logs", "-f", "slow")).trimEnd()).toBe("line 1\nline 2\nline 3\nline 4\nline 5");
});

test("logs carries 10,000 lines without losing one", async () => {
	await detached("long", "seq 10000");
	expect((await home.must("logs", "-f", "long")).trimEnd().split("\n")).toEqual(
		Array.from({ length: 10_000 }, (_, line) => String(line + 1)),
	);
});

test("kill sends any signal; without one SIGKILL, and the status is 137", async () => {
	await ready("victim", `trap 'echo got usr1' USR1; ${rest}`);
	await home.must("kill", "-s", "USR1", "victim");
	await until("the trap", async () => (await home.must("logs", "victim")).includes("got usr1"));
	await home.must("kill", "victim");
	await until("end", async () => (await home.must("ps", "-q")) === "");
	expect(await home.must("ps", "-a")).toMatch(/Exited \(137\)/);
});

test("stop kills what does not listen, after its patience", async () => {
	await ready("deaf", `trap '' TERM; ${rest}`);
	const began = Date.now();
	await home.must("stop", "-t", "1", "deaf");
	expect(Date.now() - began).toBeGreaterThanOrEqual(950);
	expect(await home.must("ps", "-a")).toMatch(/Exited \(137\)/);
});

test("rm refuses a running container, rm -f does not", async () => {
	await detached("busy", forever);
	expect((await home.corten(["rm", "busy"])).status).not.toBe(0);
	expect(await state("busy")).toBe("running");
	await home.must("rm", "-f", "busy");
	expect((await home.corten(["inspect", "busy"])).status).not.toBe(0);
	expect((await home.corten(["rm", "busy"])).status).not.toBe(0);
});

test("exec joins: same processes, same files, own exit status, options of its own", async () => {
	await detached("host", `echo data > /file; ${forever}`);
	await until("the file", async () => (await home.corten(["exec", "host", "cat", "/file"])).stdout === "data\n");
	expect((await home.corten(["exec", "host", "sh", "-c", "exit 33"])).status).toBe(33);
	expect((await home.corten(["exec", "host", "no-such-program"])).status).toBe(127);
	expect((await home.corten(["exec", "-e", "A=b", "-w", "/tmp", "-u", "1000", "host", "sh", "-c", 'echo "$A $PWD $(id -u)"'])).stdout).toBe(
		"b /tmp 1000\n",
	);
	expect((await home.corten(["exec", "-i", "host", "cat"], { input: "through" })).stdout).toBe("through");
	const namespaces = "for n in cgroup ipc mnt net pid uts; do readlink /proc/self/ns/$n; done";
	const first = await home.must("exec", "host", "sh", "-c", namespaces.replaceAll("/self/", "/1/"));
	expect(await home.must("exec", "host", "sh", "-c", namespaces)).toBe(first);
	const status = "grep -E '^(CapEff|CapBnd|Seccomp|NoNewPrivs):' /proc/PID/status";
	expect(await home.must("exec", "host", "sh", "-c", status.replace("PID", "self"))).toBe(
		await home.must("exec", "host", "sh", "-c", status.replace("PID", "1")),
	);
	await home.must("stop", "host");
	expect((await home.corten(["exec", "host", "true"])).status).toBe(125);
});

test("inspect is JSON that says what was asked for", async () => {
	const id = await detached("seen", forever, "-e", "A=b", "-l", "color=red");
	const [container] = JSON.parse(await home.must("inspect", "seen"));
	expect(container.Id).toBe(id);
	expect(container.Name.replace("/", "")).toBe("seen");
	expect(container.State.Running).toBe(true);
	expect(container.Config.Env).toContain("A=b");
	expect(container.Config.Labels).toMatchObject({ color: "red" });
});

test("a name belongs to one container, and is free again after rm", async () => {
	const id = await detached("unique", forever);
	const second = await home.corten(["run", "-d", "--name", "unique", "busybox", "true"]);
	expect(second.status).toBe(125);
	expect(second.stderr).toContain("unique");
	await home.must("rm", "-f", id.slice(0, 12));
	await detached("unique", "true");
});

test("run --rm -d leaves nothing when it ends", async () => {
	await detached("brief", "exit 3", "--rm");
	await until("removal", async () => (await home.must("ps", "-aq")) === "" && home.leftovers().length === 0);
});

test("--cidfile and --pidfile", async () => {
	const id = await detached("files", forever, "--cidfile", `${home.folder}/cid`, "--pidfile", `${home.folder}/pid`);
	expect((await Bun.file(`${home.folder}/cid`).text()).trim()).toBe(id);
	const pid = (await Bun.file(`${home.folder}/pid`).text()).trim();
	expect(await Bun.file(`/proc/${pid}/comm`).text()).toBe("sh\n");
});

test("32 detached starts at once all run, under their own names", async () => {
	const ids = await Promise.all(Array.from({ length: 32 }, (_, n) => detached(`many-${n}`, forever)));
	expect(new Set(ids).size).toBe(32);
	expect((await home.must("ps", "-q")).split("\n").length).toBe(32);
	await home.must("rm", "-f", ...ids);
});
