// What corten does on kernels this machine is not: layers through loop devices (before Linux 6.12), layers as folders (no EROFS), and
// cgroup v2 with its device program. The facts are changed, the kernel does the rest for real.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { pullImage } from "../../src/image/pull.ts";
import { parseCgroupMounts } from "../../src/linux/host.ts";
import { Home, type Result, run, top } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { busyboxName } from "../support/fixtures/busybox.ts";
import { testWhen } from "../support/skip.ts";

const home = new Home();
const program = `${home.folder}/start-with`;

beforeAll(async () => {
	await home.must("pull", `oci:${fixture("busybox")}/oci:${busyboxName}`);
	copyFileSync(`${top}/build/launch`, `${home.folder}/launch`);
	const built = await run([
		process.execPath,
		"build",
		"--compile",
		"--target=bun",
		`${top}/test/support/start-with.ts`,
		"--outfile",
		program,
	]);
	if (built.status !== 0) throw new Error(built.stderr);
}, 60_000);
afterAll(() => home[Symbol.asyncDispose]());

function startWith(facts: object, script: string): Promise<Result> {
	return run([program, home.root, home.runroot, JSON.stringify(facts), "--rm", "busybox", "sh", "-c", script]);
}

testWhen(existsSync("/dev/loop-control"), "there are no loop devices")(
	"a layer is mounted through a loop device, which goes with the container",
	async () => {
		const result = await startWith({ erofsFromFile: false }, "cat /sys/block/loop*/loop/backing_file");
		expect(result.stderr).toBe("");
		expect(result.stdout).toContain(`${home.root}/layers/sha256-`);
		expect(home.leftovers()).toEqual([]);
	},
);

const unified = readFileSync("/proc/self/mountinfo", "utf8").match(/^\d+ \d+ \S+ \S+ (\S+) .*- cgroup2 /m)?.[1];
const testUnified = testWhen(unified !== undefined, "no cgroup v2 is mounted");

testUnified("in cgroup v2 the container is born in its cgroup and sees itself as the root of it", async () => {
	const facts = { cgroup: { version: 2, mountPoint: unified } };
	const result = await startWith(facts, "tail -n1 /proc/self/cgroup; grep ' /sys/fs/cgroup ' /proc/mounts");
	expect(result.stdout).toMatch(/^0::\/\ncgroup\S* \/sys\/fs\/cgroup cgroup2 ro,/);
	expect(home.leftovers()).toEqual([]);
});

testUnified("in cgroup v2 a program refuses the devices that are not allowed", async () => {
	const facts = { cgroup: { version: 2, mountPoint: unified } };
	const script = "mknod /disk b 254 0; head -c1 /disk; mknod /null c 1 3; echo x >/null && echo allowed";
	const result = await startWith(facts, script);
	expect(result.stdout).toBe("allowed\n");
	expect(result.stderr).toContain("Operation not permitted");
});

test("an image whose layers are folders runs, and is only read", async () => {
	await using other = new Home();
	await pullImage(`oci:${fixture("busybox")}/oci:${busyboxName}`, { root: other.root, layerKind: "folder" });
	const [layer = ""] = readdirSync(`${other.root}/layers`);
	expect(layer).toMatch(/^sha256-[0-9a-f]{64}$/);
	expect(await other.sh([], "echo changed >/bin/new; rm /bin/true; ls /bin/new; grep ' / ' /proc/mounts | cut -d' ' -f1")).toBe(
		"/bin/new\noverlay",
	);
	expect(existsSync(`${other.root}/layers/${layer}/bin/new`)).toBe(false);
	expect(await other.sh([], "true && echo still")).toBe("still");
	expect(other.leftovers()).toEqual([]);
});

test("the facts of this machine name where its cgroups are", () => {
	const { version } = parseCgroupMounts(readFileSync("/proc/self/mountinfo", "utf8"));
	expect([1, 2]).toContain(version);
});
