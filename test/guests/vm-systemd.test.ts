// Units of a systemd that is the guest's first process, on a kernel of Debian's with cgroup v2 only: the core of what unit.test.ts and
// systemd-payload.test.ts try on hybrid cgroups. One boot; vm-systemd-checks.sh runs in it and prints a line a check.

import { beforeAll, describe, expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { top } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { must } from "../support/must.ts";
import { installed, testWhen } from "../support/skip.ts";
import { makeRoot } from "./systemd-payload.ts";
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

/** What each check shows, by what it is about. */
const expected: Readonly<Record<string, Readonly<Record<string, string>>>> = {
	"a unit is its container": {
		plain: "active payload 1 0",
		cgroup: "0 0",
		exec: "payload sleep",
		stop: "inactive success",
		code: "exit-code 7",
		signal: "signal 2 6",
		oom: "oom-kill",
		restarts: "5 active 1 1",
		down: "inactive 0",
		simple: "corten-launch",
		"simple-end": "1 5",
	},
	"limits and devices": {
		limits: "83886080 55 50000 100000 59 83886080 55",
		settings: "67108864 33 25000 100000",
		"programs-first": "1",
		programs: "1",
		devices: "head: /t/disk: Operation not permitted head: /t/mem: Operation not permitted 1",
		open: "answered",
		denied: "blocked",
	},
	"what a unit gives": {
		"talks-before": "activating",
		talks: "active barrier passed",
		secret: "treasure hello 0::/ 0 touch: /sys/fs/cgroup/x: Read-only file system kept",
		user: "1",
	},
	"systemd as payload": {
		machine: "active systemd",
		"machine-inside": "running 0::/init.scope init.scope system.slice user.slice 524288000",
		"machine-cgroup": "systemd 0 1 memory 2",
		"machine-devices": "1",
		"machine-end": "inactive success exited 0",
		"machine-journal": "a word from inside",
		front: "0::/init.scope 0::/init.scope 1 memory",
		"front-end": "0",
	},
	"at the end": { left: "", complaints: "" },
};

const seen = new Map<string, string>();

beforeAll(async () => {
	if (reason !== undefined) return;
	const folder = mkdtempSync(`${tmpdir()}/corten-vm-files-`);
	try {
		const [payload, root] = [`${folder}/payload`, `${folder}/make-root`];
		must(["gcc", "-static", "-O1", "-Wall", "-o", payload, `${top}/test/guests/payload.c`]);
		writeFileSync(root, makeRoot);
		const files = { payload, "docker.tar": `${fixture("busybox")}/docker.tar`, "make-root": root };
		const { output } = await runInVm(readFileSync(`${import.meta.dir}/vm-systemd-checks.sh`, "utf8"), files, "systemd", 1_200_000);
		for (const [, key = "", value = ""] of output.matchAll(/^(\S+): ?(.*)$/gm)) seen.set(key, value.trim());
	} finally {
		rmSync(folder, { recursive: true });
	}
}, 1_300_000);

for (const [about, checks] of Object.entries(expected)) {
	describe(`under a systemd with cgroup v2 only: ${about}`, () => {
		for (const [check, value] of Object.entries(checks)) {
			inVm(`${check}: ${value || "nothing"}`, () => {
				expect(seen.get(check)).toBe(value);
			});
		}
	});
}
