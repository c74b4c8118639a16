// Containers that are made first and started later, or started again: create, start, restart, wait, without systemd.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
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

// Never a unit, also where systemd runs: those are test/guests/transient.test.ts.
const none = "--unit=none";
const create = (name: string, script: string, ...options: readonly string[]) =>
	home.must("create", none, "--name", name, ...options, "busybox", "sh", "-c", script);
/** Asks again until the answer is right: for what another process does in its own time. */
async function until(what: string, ask: () => Promise<boolean>): Promise<void> {
	for (const end = Date.now() + 10_000; Date.now() < end; await Bun.sleep(10)) if (await ask()) return;
	throw new Error(`did not happen in 10 s: ${what}`);
}
const inspect = (name: string, format: string) => home.must("inspect", "-f", format, name).then((text) => text.trim());

test("create makes a container that runs when start says so, and again with the same files", async () => {
	const id = await create("later", "echo again >>/file; cat /file; exit 3");
	expect(id.trim()).toMatch(/^[0-9a-f]{64}$/);
	expect(await inspect("later", "{{.State.Status}}")).toBe("created");
	await home.must("ps"); // and no sweep takes it for a failed start
	for (const times of [1, 2, 3]) {
		expect((await home.must("start", "later")).trim()).toBe("later");
		expect((await home.must("wait", "later")).trim()).toBe("3");
		expect(await inspect("later", "{{.Id}} {{.State.ExitCode}}")).toBe(`${id.trim()} 3`);
		expect((await home.must("logs", "-n", `${times}`, "later")).trim()).toBe(Array(times).fill("again").join("\n"));
	}
});

test("start -a stays in the foreground and ends as the payload ends", async () => {
	await create("shown", "cat; echo out; echo err >&2; exit 4", "-i");
	const result = await home.corten(["start", "-a", "-i", "shown"], { input: "typed\n" });
	expect(result).toEqual({ status: 4, stdout: "typed\nout\n", stderr: "err\n" });
	expect(await inspect("shown", "{{.State.ExitCode}}")).toBe("4");
});

test("a container of run -d starts again; several at once; one that runs is no error", async () => {
	const names = ["a1", "a2", "a3"];
	for (const name of names) await home.must("run", none, "-d", "--name", name, "busybox", "sh", "-c", "echo x; exec sleep 1000");
	await home.must("kill", "a1", "a2");
	expect((await home.must("start", ...names)).trim().split("\n").sort()).toEqual(names);
	expect((await home.must("ps", "--format", "{{.Names}}")).trim().split("\n").sort()).toEqual(names);
	await until("both lines of a1", async () => (await home.must("logs", "a1")).trim() === "x\nx");
});

test("restart stops and starts: another process, the same container", async () => {
	const id = await home.must("run", none, "-d", "--name", "same", "busybox", "sleep", "1000");
	const pid = await inspect("same", "{{.State.Pid}}");
	expect((await home.must("restart", "-t", "0", "same")).trim()).toBe("same");
	expect(await inspect("same", "{{.Id}} {{.State.Status}}")).toBe(`${id.trim()} running`);
	expect(await inspect("same", "{{.State.Pid}}")).not.toBe(pid);
});

test("a start that fails leaves the container, and can be tried again", async () => {
	await home.must("create", none, "--name", "bad", "busybox", "/no/such/program");
	for (const _ of [1, 2]) {
		const result = await home.corten(["start", "bad"]);
		expect(result.status).toBe(127);
		expect(result.stderr).toContain('"/no/such/program"');
		expect(await inspect("bad", "{{.State.Status}} {{.State.ExitCode}}")).toBe("exited 127");
	}
});

test("create --rm is removed by the end of its first start, and by nothing before", async () => {
	await create("brief", "exit 0", "--rm");
	expect((await home.must("ps", "-a", "--format", "{{.Names}}")).trim()).toBe("brief");
	const result = await home.corten(["start", "-a", "brief"]);
	expect(result.status).toBe(0);
	expect(await home.must("ps", "-aq")).toBe("");
});

test("what needs a unit is refused where there is none", async () => {
	for (const option of ["--restart=always", "--restart=on-failure:3", "--register"]) {
		const result = await home.corten(["run", "-d", none, option, "busybox", "true"]);
		expect(result.status).toBe(125);
		expect(result.stderr).toContain(option.replace(/=.*/, ""));
	}
	expect(await home.must("ps", "-aq")).toBe("");
});
