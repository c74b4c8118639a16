// config.json by mutation: whatever a document says, it is compiled or refused with a reason; nothing crashes, and no error is a bug of
// ours. The same documents every time; CORTEN_MUTATIONS=100000 for more of them.

import { expect, test } from "bun:test";
import { CortenError } from "../../src/base/errors.ts";
import { decodeConfig } from "../../src/bundle/config-decode.ts";
import { encodeConfig } from "../../src/bundle/config-encode.ts";
import { minimalHost } from "../../src/linux/host.fixture.ts";
import { compile } from "../../src/plan/compile.ts";
import { encodePlan } from "../../src/plan/encode.ts";
import { hybridHost, minimalInput } from "../../src/plan/minimal.fixture.ts";

const rounds = Number(process.env.CORTEN_MUTATIONS ?? 3000);

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
const rule = {
	names: ["socket", "read"],
	action: "SCMP_ACT_ERRNO",
	errnoRet: 5,
	args: [{ index: 0, value: 3, valueTwo: 1, op: "SCMP_CMP_MASKED_EQ" }],
};
const hook = { path: "/bin/true", args: ["true"], env: ["A=1"], timeout: 5 };
/** A document that has nearly every property. */
const full: Json = {
	ociVersion: "1.3.0",
	root: { path: "rootfs", readonly: true },
	hostname: "a",
	domainname: "b",
	annotations: { a: "b" },
	hooks: { prestart: [hook], createRuntime: [hook], createContainer: [hook], startContainer: [hook], poststart: [hook], poststop: [hook] },
	mounts: [
		{ destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec"] },
		{ destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755", "size=64k", "tmpcopyup"] },
		{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"] },
		{ destination: "/data", type: "bind", source: "/srv", options: ["rbind", "rro", "rshared"] },
	],
	process: {
		terminal: false,
		consoleSize: { height: 24, width: 80 },
		user: { uid: 1, gid: 2, umask: 18, additionalGids: [3, 4] },
		args: ["sh", "-c", "true"],
		env: ["PATH=/bin", "A=1"],
		cwd: "/",
		capabilities: { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"], inheritable: [], ambient: [] },
		rlimits: [{ type: "RLIMIT_NOFILE", soft: 64, hard: 128 }],
		noNewPrivileges: true,
		oomScoreAdj: 5,
		scheduler: { policy: "SCHED_BATCH", nice: 3 },
		ioPriority: { class: "IOPRIO_CLASS_BE", priority: 3 },
		execCPUAffinity: { initial: "0-1", final: "0" },
		apparmorProfile: "",
		selinuxLabel: "",
	},
	linux: {
		namespaces: ["pid", "mount", "ipc", "uts", "network", "cgroup", "time"].map((type) => ({ type })),
		devices: [{ type: "c", path: "/dev/x", major: 1, minor: 3, fileMode: 438, uid: 0, gid: 0 }],
		cgroupsPath: "/a/b",
		resources: {
			devices: [
				{ allow: false, access: "rwm" },
				{ allow: true, type: "c", major: 1, minor: 3, access: "r" },
			],
			memory: { limit: 67108864, reservation: 33554432, swap: 134217728 },
			cpu: { shares: 1024, quota: 50000, period: 100000, cpus: "0-1", mems: "0", burst: 5, idle: 1 },
			pids: { limit: 10 },
			blockIO: { weight: 100, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 5 }] },
		},
		rootfsPropagation: "rslave",
		seccomp: { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], flags: [], syscalls: [rule] },
		sysctl: { "kernel.msgmax": "8192" },
		maskedPaths: ["/proc/kcore"],
		readonlyPaths: ["/proc/sys"],
		personality: { domain: "LINUX" },
		timeOffsets: { monotonic: { secs: 5, nanosecs: 6 } },
		memoryPolicy: { mode: "MPOL_BIND", nodes: "0", flags: [] },
		netDevices: { eth9: { name: "eth0" } },
	},
};

const strange: readonly Json[] = [
	null,
	true,
	-1,
	0,
	1.5,
	4294967295,
	4294967296,
	2 ** 53,
	-(2 ** 63),
	1e300,
	"",
	"/",
	"..",
	"a\u0000b",
	"\ud800",
	"x".repeat(5000),
	"é",
	[],
	{},
	[[]],
	"user",
	"SCMP_ACT_NOTIFY",
	"0-99999999",
	"CAP_SYS_ADMIN",
	"__proto__",
	"=",
	"@0",
];

/** A generator of numbers below `sides` that says the same every time. */
function dice(seed: number): (sides: number) => number {
	let state = seed;
	return (sides) => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return (state >>> 8) % sides;
	};
}

/** Changes one place of a document. */
function mutate(document: Json, roll: (sides: number) => number): void {
	type Holder = { [key: string]: Json };
	const places: [holder: Holder, key: string][] = [];
	const visit = (value: Json): void => {
		if (typeof value !== "object" || value === null) return;
		for (const [key, member] of Object.entries(value)) {
			places.push([value as Holder, key]);
			visit(member);
		}
	};
	visit(document);
	const [holder, key] = places[roll(places.length)] ?? [{} satisfies Holder as Holder, ""];
	const [other, otherKey] = places[roll(places.length)] ?? [{} satisfies Holder as Holder, ""];
	const choice = roll(4);
	if (choice === 0) delete holder[key];
	else if (choice === 1) holder[key] = structuredClone(other[otherKey] ?? null);
	else holder[key] = strange[roll(strange.length)] ?? null;
}

test(`${rounds} changed documents are compiled or refused, each for a reason`, () => {
	const encoder = new TextEncoder();
	let compiled = 0;
	for (let seed = 1; seed <= rounds; seed++) {
		const roll = dice(seed);
		const document = structuredClone(full);
		for (let changes = 1 + roll(3); changes > 0; changes--) mutate(document, roll);
		const text = JSON.stringify(document);
		try {
			const config = decodeConfig(encoder.encode(text), "config");
			encodeConfig(config);
			const host = roll(2) === 0 ? minimalHost : hybridHost;
			encodePlan(compile({ ...minimalInput, rootfs: { kind: "folder", path: "/r" }, config, host }), { json: true });
			compiled++;
		} catch (error) {
			if (error instanceof CortenError && error.code !== "bug") continue;
			throw new Error(`seed ${seed}: ${String(error)}\n${(error as Error).stack}\n${text.slice(0, 3000)}`);
		}
	}
	expect(compiled).toBeGreaterThan(rounds / 20);
});
