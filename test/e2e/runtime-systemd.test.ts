// --systemd-cgroup, inside a guest that systemd has booted: the container's cgroup is a transient scope.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { bootNspawn, type Guest } from "../guests/nspawn.ts";
import type { Result } from "../support/corten.ts";

let guest: Guest;
beforeAll(async () => {
	guest = await bootNspawn();
	mkdirSync(`${guest.share}/rootfs/bin`, { recursive: true });
	for (const name of ["proc", "dev", "tmp"]) mkdirSync(`${guest.share}/rootfs/${name}`);
	cpSync("/bin/busybox", `${guest.share}/rootfs/bin/busybox`);
}, 120_000);
afterAll(() => guest?.[Symbol.asyncDispose]());

let made = 0;

/** A bundle in the guest. @returns its folder there */
function bundle(script: string, linux: object = {}, annotations: object = {}): string {
	const name = `bundle-${made++}`;
	mkdirSync(`${guest.share}/${name}`);
	const namespaces = ["pid", "mount", "ipc", "uts"].map((type) => ({ type }));
	const config = {
		ociVersion: "1.0.2",
		process: { user: { uid: 0, gid: 0 }, args: ["/bin/busybox", "sh", "-c", script], env: ["PATH=/bin"], cwd: "/" },
		root: { path: "/share/rootfs" },
		mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
		annotations,
		linux: { namespaces, ...linux },
	};
	writeFileSync(`${guest.share}/${name}/config.json`, JSON.stringify(config));
	return `/share/${name}`;
}

const runtime = (...args: readonly string[]): Promise<Result> => guest.run(["/corten/corten-runtime", "--systemd-cgroup", ...args]);
const property = async (unit: string, ...names: readonly string[]): Promise<string> =>
	(await guest.run(["systemctl", "show", unit, ...names.map((name) => `--property=${name}`)])).stdout.trim();

async function must(result: Promise<Result>): Promise<string> {
	const { status, stdout, stderr } = await result;
	expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
	return stdout;
}

test("a container is a scope in its slice, with its limits, and is gone after delete", async () => {
	const resources = { memory: { limit: 64 << 20 }, pids: { limit: 10 }, cpu: { quota: 50000, period: 100000, shares: 512 } };
	const path = bundle(
		"exec sleep 1000",
		{ cgroupsPath: "corten-test.slice:pre:c1", resources },
		{ "org.systemd.property.TimeoutStopSec": "7" },
	);
	// The payload has the descriptors of create: no pipe of ours among them, or we would wait for its end.
	const create = `/corten/corten-runtime --systemd-cgroup create --bundle ${path} c1 </dev/null >/share/log 2>&1 || cat /share/log`;
	expect(await must(guest.run(["bash", "-c", create]))).toBe("");
	const unit = "pre-c1.scope";
	expect(
		(await property(unit, "ActiveState", "Slice", "Delegate", "MemoryLimit", "TasksMax", "CPUQuotaPerSecUSec", "TimeoutStopUSec"))
			.split("\n")
			.sort(),
	).toEqual([
		"ActiveState=active",
		"CPUQuotaPerSecUSec=500ms",
		"Delegate=yes",
		"MemoryLimit=67108864",
		"Slice=corten-test.slice",
		"TasksMax=10",
		"TimeoutStopUSec=7s",
	]);
	await must(runtime("start", "c1"));
	const cgroups = await must(runtime("exec", "c1", "/bin/busybox", "cat", "/proc/self/cgroup"));
	for (const line of cgroups.trim().split("\n")) expect(line).toEndWith("/corten.slice/corten-test.slice/pre-c1.scope");
	await must(runtime("update", "--pids-limit", "33", "--memory", "100m", "c1"));
	expect((await property(unit, "MemoryLimit", "TasksMax")).split("\n").sort()).toEqual(["MemoryLimit=104857600", "TasksMax=33"]);
	await must(runtime("pause", "c1"));
	await must(runtime("delete", "--force", "c1"));
	expect(await property(unit, "LoadState")).toBe("LoadState=not-found");
	expect((await guest.run(["find", "/sys/fs/cgroup", "-name", unit])).stdout).toBe("");
}, 60_000);

test("run stays in the foreground with the payload's status, outside of the scope", async () => {
	const path = bundle("busybox cat /proc/self/cgroup; exit 42");
	const { status, stdout } = await runtime("run", "--bundle", path, "c2");
	expect({ status, inside: stdout.includes("/system.slice/corten-c2.scope") }).toEqual({ status: 42, inside: true });
	expect((await guest.run(["find", "/sys/fs/cgroup", "-name", "corten-c2.scope"])).stdout).toBe("");
}, 60_000);

test("an out-of-memory kill leaves no failed unit, and the name can be used again", async () => {
	const resources = { memory: { limit: 8 << 20, swap: 8 << 20 } };
	for (let round = 0; round < 2; round++) {
		const path = bundle("exec busybox dd if=/dev/zero of=/dev/null bs=64M count=1", { resources });
		const { status, stderr } = await runtime("run", "--bundle", path, "c3");
		expect({ status, stderr }).toEqual({ status: 137, stderr: "" });
	}
}, 60_000);

test("what systemd refuses is said once, with systemd's words, and nothing is left", async () => {
	const path = bundle("true", {}, { "org.systemd.property.NoSuchThing": "5" });
	const { status, stderr } = await runtime("create", "--bundle", path, "c4");
	expect(status).toBe(1);
	expect(stderr).toContain("NoSuchThing");
	expect(stderr.trim().split("\n")).toHaveLength(1);
	expect((await runtime("list", "--quiet")).stdout).toBe("");
	expect((await guest.run(["find", "/sys/fs/cgroup", "-name", "corten-c4.scope"])).stdout).toBe("");
}, 60_000);

test("a path that is not slice:prefix:name is refused", async () => {
	const { status, stderr } = await runtime("create", "--bundle", bundle("true", { cgroupsPath: "/a/b" }), "c5");
	expect(status).toBe(1);
	expect(stderr.replaceAll("\\", "")).toContain('expected cgroupsPath to be of format "slice:prefix:name"');
}, 60_000);
