// On a kernel of Debian's own with cgroup v2 only, in a VM: limits, devices by eBPF, the freezer, exec into the right cgroup, update, kill,
// an OOM kill, and a rootless container in a delegated cgroup. runc goes the same way in the same guest and must show the same.

import { beforeAll, describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { installed, testWhen } from "../support/skip.ts";
import { runInVm } from "./vm.ts";

const missing = ["qemu-system-x86_64", "mke2fs", "mmdebstrap", "depmod"].filter((program) => !installed(program));
const reason =
	process.getuid?.() !== 0
		? "it needs root"
		: process.arch !== "x64"
			? "the guest is for x86-64"
			: missing.length > 0
				? `not installed: ${missing.join(", ")}`
				: undefined;
const inVm = testWhen(reason === undefined, reason ?? "");

/** What each check shows. */
const expected: Readonly<Record<string, string>> = {
	create: "0",
	created: "created",
	start: "0",
	running: "running",
	"memory.max": "67108864",
	"memory.swap.max": "0",
	"memory.high": "59998208",
	"cpu.max": "50000 100000",
	"cpuset.cpus": "0",
	"pids.max": "55",
	"exec-cgroup": "0::/ some",
	"exec-status": "5",
	"exec-inside": "1",
	pause: "0 paused 1",
	"exec-paused": "refused",
	resume: "0 running 0",
	update: "0 33554432 44",
	kill: "0",
	stopped: "stopped",
	delete: "0 1",
	devices: "cat: can't open '/tmp/mem': Operation not permitted 1",
	allowed: "2 head: /tmp/kmsg: Operation not permitted",
	oom: "137",
	cgroupns: "0::/ /sys/fs/cgroup/cgroup.procs touch: /sys/fs/cgroup/x: Read-only file system",
	rlimit: "600000 700000",
	left: "",
	rootless: "0 0 1000 1 0::/",
};

const seen = new Map<string, string>();

beforeAll(async () => {
	if (reason !== undefined) return;
	const checks = readFileSync(`${import.meta.dir}/vm-checks.sh`, "utf8");
	const { output } = await runInVm(`RUNTIMES="/corten/corten-runtime runc"\n${checks}`);
	for (const [, key = "", value = ""] of output.matchAll(/^(\S+ \S+): ?(.*)$/gm)) seen.set(key, value);
}, 420_000);

describe("in a VM with cgroup v2 only", () => {
	for (const [check, value] of Object.entries(expected)) {
		inVm(`${check}: ${value || "nothing"}`, () => {
			expect({ corten: seen.get(`corten-runtime ${check}`), runc: seen.get(`runc ${check}`) }).toEqual({ corten: value, runc: value });
		});
	}
});
