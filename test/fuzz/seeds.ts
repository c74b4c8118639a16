// Writes the fuzzer's first inputs: real plans of many configurations, and one small plan for each op. Each begins with answers of the
// pretended kernel (kernel.c): all succeed, or every fifth fails.

import { mkdirSync, writeFileSync } from "node:fs";
import { minimalHost } from "../../src/linux/host.fixture.ts";
import { type CompileInput, compile } from "../../src/plan/compile.ts";
import { compileExec } from "../../src/plan/compile-exec.ts";
import { encodePlan } from "../../src/plan/encode.ts";
import { hybridHost, minimalConfig, minimalInput } from "../../src/plan/minimal.fixture.ts";
import { type ArgKind, cwd, type Op, opNames, opTable, type Plan } from "../../src/plan/ops.ts";
import { defaultSeccomp } from "../../src/spec/seccomp-default.ts";

const namespaces = (["mount", "pid", "network", "ipc", "uts", "cgroup"] as const).map((type) => ({ type }));
const everything: CompileInput["config"] = {
	...minimalConfig,
	hostname: "a",
	domainname: "b",
	mounts: [
		{ destination: "/proc", type: "proc", source: "proc", options: ["nosuid"] },
		{ destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755"] },
		{ destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance"] },
		{ destination: "/data", type: "bind", source: "/srv", options: ["rbind", "rshared", "ro"] },
		{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"] },
	],
	process: { ...minimalConfig.process, terminal: true, oomScoreAdj: 5, user: { uid: 1, gid: 2, additionalGids: [3, 4] } },
	linux: {
		...minimalConfig.linux,
		namespaces,
		seccomp: defaultSeccomp([]),
		maskedPaths: ["/proc/kcore", "/proc/acpi"],
		readonlyPaths: ["/proc/sys"],
		sysctl: { "kernel.msgmax": "8192" },
		devices: [{ type: "c", path: "/dev/zero", major: 1, minor: 5 }],
		resources: { memory: { limit: 1n << 24n }, pids: { limit: 9n }, devices: [{ allow: false, access: "rwm" }] },
	},
};
const inputs: readonly CompileInput[] = [
	minimalInput,
	{ ...minimalInput, config: everything },
	{ ...minimalInput, config: everything, host: hybridHost },
	{ ...minimalInput, rootfs: { kind: "folder", path: "/srv/root" }, frame: { ...minimalInput.frame, output: "log", input: "null" } },
	{
		...minimalInput,
		frame: { ...minimalInput.frame, detachMessage: "c1\n", output: "log", input: "null", atEnd: { kind: "remove", nameLink: "/n" } },
	},
];
const exec = compileExec({
	pid: 4711,
	startTime: 99n,
	process: minimalConfig.process,
	shared: {},
	id: "c1",
	namespaces: ["mount", "pid", "uts"],
	cgroups: ["/sys/fs/cgroup/corten-c1"],
	frame: { output: "inherit", input: "null" },
	host: minimalHost,
});

const probe = compileExec({
	pid: 0,
	startTime: 0n,
	probe: { folder: "/c", timeoutMs: 1000 },
	process: minimalConfig.process,
	shared: {},
	id: "c1",
	namespaces: ["mount", "pid", "uts"],
	cgroups: ["/sys/fs/cgroup/corten-c1"],
	frame: { output: "inherit", input: "null" },
	host: minimalHost,
});
const health = { intervalMs: 5, startMs: 9, startIntervalMs: 2, command: ["/corten", "settle"], manager: "/run/systemd/notify" };

const example: Readonly<Record<ArgKind, unknown>> = {
	out: 1,
	slot: 1,
	str: "a/b",
	blob: new Uint8Array([6, 0, 0, 0, 0, 0, 255, 127]),
	strv: ["a=b", "c=@1", "d"],
	u64: 1,
};

function make(op: Op["op"], more: Readonly<Record<string, unknown>> = {}): Op {
	const args = Object.fromEntries(Object.entries(opTable[op]).map(([key, kind]) => [key, example[kind as ArgKind]]));
	return { op, args: { ...args, ...more }, flags: 0, what: op, at: "/x" } as Op;
}

/** The op on the host's side, then as a child's and as a parent's. */
function smallPlan(name: Op["op"]): Plan {
	const clone = make("clone3", { cgroup: cwd, parent: 4 });
	if (name === "clone3") return { ops: [make("openat"), make("pipe2"), clone, make("sync"), make("wait"), make("go")] };
	return { ops: [make("openat"), make(name), clone, make(name), make(name), make("exitfile")] };
}

const folder = Bun.argv[2] ?? "build/fuzz/seeds";
mkdirSync(folder, { recursive: true });
const watched = compile({ ...minimalInput, frame: { ...minimalInput.frame, health } });
const plans = [...inputs.map(compile), exec, probe, watched, ...opNames.map(smallPlan)];
for (const [index, plan] of plans.entries()) {
	for (const fails of [false, true]) {
		const answers = Uint8Array.from({ length: 256 }, (_, at) => (fails && at % 5 === 4 ? 0xc0 + (at % 16) : (at * 7) % 128));
		const bytes = encodePlan(plan, { json: fails, lockFd: 7, times: true });
		writeFileSync(`${folder}/plan-${index}-${fails ? "failing" : "passing"}`, Buffer.concat([Uint8Array.of(0, 1), answers, bytes]));
	}
}
console.log(`${plans.length * 2} seeds in ${folder}`);
