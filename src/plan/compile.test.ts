// Golden plans: golden/minimal.txt is the smallest container; each other file is what one changed key changes in it, as a diff.
// UPDATE_GOLDEN=1 writes them anew.

import { expect, test } from "bun:test";
import { minimalHost } from "../linux/host.fixture.ts";
import type { CapabilitySets, Config } from "../spec/runtime.ts";
import { defaultSeccomp } from "../spec/seccomp-default.ts";
import { attributeCases, execAttributes, refusedAttributes } from "./attributes.fixture.ts";
import { resolveCgroups } from "./cgroup-paths.ts";
import { type CompileInput, compile } from "./compile.ts";
import { compileExec } from "./compile-exec.ts";
import { decodePlan } from "./decode.ts";
import { describePlan, describePlanData } from "./describe.ts";
import { encodePlan } from "./encode.ts";
import { hybridHost, minimalConfig, minimalInput } from "./minimal.fixture.ts";
import { difference } from "./minimal-difference.fixture.ts";
import type { Plan } from "./ops.ts";

const config = (change: Partial<Config>): Partial<CompileInput> => ({ config: { ...minimalConfig, ...change } });
const linux = (change: Partial<Config["linux"]>): Partial<CompileInput> => config({ linux: { ...minimalConfig.linux, ...change } });
const process_ = (change: Partial<Config["process"]>): Partial<CompileInput> =>
	config({ process: { ...minimalConfig.process, ...change } });
const frame = (change: Partial<CompileInput["frame"]>): Partial<CompileInput> => ({ frame: { ...minimalInput.frame, ...change } });
const mount = (...mounts: Config["mounts"]): Partial<CompileInput> => config({ mounts });
const resources: NonNullable<Config["linux"]["resources"]> = {
	devices: [
		{ allow: false, access: "rwm" },
		{ allow: true, type: "c", major: 1, minor: 3, access: "rwm" },
		{ allow: false, type: "c", major: 10, minor: 229, access: "rwm" },
		{ allow: true, type: "b", access: "m" },
	],
	memory: { limit: 67108864n, reservation: 33554432n, swap: 134217728n },
	cpu: { shares: 1024n, quota: 50000n, period: 100000n, cpus: "0", mems: "0" },
	pids: { limit: 2048n },
};
const everyLimit: NonNullable<Config["linux"]["resources"]> = {
	memory: { limit: -1n, kernel: 1n, kernelTCP: 1n },
	cpu: { quota: -1n, burst: 10000n, idle: 1n, shares: 512n },
	pids: { limit: 0n },
	blockIO: {
		weight: 500,
		weightDevice: [{ major: 8, minor: 0, weight: 300 }],
		throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1048576n }],
		throttleWriteBpsDevice: [{ major: 8, minor: 0, rate: 2097152n }],
		throttleReadIOPSDevice: [{ major: 8, minor: 0, rate: 100n }],
		throttleWriteIOPSDevice: [{ major: 8, minor: 16, rate: 200n }],
	},
	hugepageLimits: [{ pageSize: "2MB", limit: 4194304n }],
	rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10000 } },
};
/** What v2 has no file for. */
const onlyIn1: NonNullable<Config["linux"]["resources"]> = {
	memory: { swappiness: 10n, disableOOMKiller: true, useHierarchy: true },
	cpu: { realtimeRuntime: 9000n, realtimePeriod: 1000000n },
	blockIO: { leafWeight: 100, weightDevice: [{ major: 8, minor: 0, leafWeight: 10 }] },
	network: { classID: 1048577, priorities: [{ name: "eth0", priority: 500 }] },
};
const fullHost: CompileInput["host"] = {
	...hybridHost,
	cgroup: {
		version: 1,
		unified: "/sys/fs/cgroup/unified",
		hierarchies: ["cpu", "cpuset", "memory", "devices", "pids", "blkio", "hugetlb", "net_cls,net_prio", "rdma"].map((name) => ({
			mountPoint: `/sys/fs/cgroup/${name}`,
			controllers: name.split(","),
		})),
	},
};
const everywhere = (cgroup: CompileInput["host"]["cgroup"], path: string) =>
	resolveCgroups({ ...minimalConfig.linux, cgroupsPath: path }, cgroup, { id: "c1", join: "all" });
const allNamespaces = (["mount", "pid", "network", "ipc", "uts", "cgroup"] as const).map((type) => ({ type }));
const userNamespaces = (["mount", "pid", "ipc", "user"] as const).map((type) => ({ type }));
const range = { containerID: 0, hostID: 100_000, size: 65_536 };
const mapped = [range];
const own = [{ containerID: 0, hostID: 1000, size: 1 }];
const ordinaryUser = { ...minimalHost, capabilities: 0n, uid: 1000, gid: 1000 };
const cgroupMount = { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid", "noexec", "nodev"] };
const sets = (names: string[], ambient: string[] = []): CapabilitySets => ({
	bounding: names,
	effective: names,
	permitted: names,
	inheritable: ambient,
	ambient,
});

/** golden file -> what is changed */
const cases: Readonly<Record<string, Partial<CompileInput>>> = {
	"namespaces-all": linux({ namespaces: allNamespaces }),
	"namespaces-joined": linux({
		namespaces: [{ type: "mount" }, { type: "pid", path: "/proc/7/ns/pid" }, { type: "network", path: "/run/netns/a" }],
	}),
	"namespaces-mount-joined": linux({ namespaces: [{ type: "mount", path: "/run/ns/mnt" }] }),
	"namespaces-without-mount": { ...linux({ namespaces: [{ type: "pid" }] }), rootfs: { kind: "folder", path: "/srv/root" } },
	"namespaces-time": linux({
		namespaces: [{ type: "mount" }, { type: "time" }],
		timeOffsets: { monotonic: { secs: 86_400n, nanosecs: 5 }, boottime: { secs: -1n, nanosecs: 0 } },
	}),
	"user-namespace": linux({ namespaces: userNamespaces, uidMappings: mapped, gidMappings: mapped }),
	"user-namespace-joined": linux({
		namespaces: [{ type: "mount" }, { type: "network", path: "/run/ns/net" }, { type: "user", path: "/run/ns/user" }],
	}),
	"user-namespace-rootless": { ...linux({ namespaces: userNamespaces, uidMappings: own, gidMappings: own }), host: ordinaryUser },
	"user-namespace-helpers": {
		...linux({ namespaces: userNamespaces, uidMappings: [...own, { ...range, containerID: 1 }], gidMappings: mapped }),
		host: { ...ordinaryUser, idmapHelpers: { uid: "/usr/bin/newuidmap", gid: "/usr/bin/newgidmap" } },
	},
	hostname: config({ hostname: "box", domainname: "example", linux: { ...minimalConfig.linux, namespaces: allNamespaces } }),
	"mount-proc": mount({ destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] }),
	"mount-dev-tmpfs": mount({
		destination: "/dev",
		type: "tmpfs",
		source: "tmpfs",
		options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
	}),
	"mount-bind-read-only": mount({ destination: "/data", type: "bind", source: "/srv/data", options: ["rbind", "rprivate", "ro"] }),
	"mount-bind-recursively-read-only": mount({
		destination: "/data",
		type: "bind",
		source: "/srv/data",
		options: ["rbind", "rro", "rnosuid"],
	}),
	"mount-bind-shared": { ...mount({ destination: "/data", source: "/srv/data", options: ["rbind", "rshared"] }) },
	"mount-bind-slave": mount({ destination: "/data", source: "/srv/data", options: ["bind", "slave", "noatime"] }),
	"mount-relative": mount({ destination: "data//x/../y", source: "volume", options: ["bind"] }),
	"mount-root": mount({ destination: "/", type: "tmpfs", source: "tmpfs", options: ["mode=755"] }, { destination: "/a", type: "ramfs" }),
	"mount-tmpfs-copyup": mount({ destination: "/data", type: "tmpfs", options: ["tmpcopyup", "ro"] }),
	"mount-tmpfs-read-only": mount(
		{ destination: "/data", type: "tmpfs", options: ["ro", "mode=755"] },
		{ destination: "/data/x", type: "tmpfs", options: ["mode=755"] },
	),
	"mount-remount": mount(
		{ destination: "/data", type: "tmpfs", options: ["remount", "ro", "size=1m"] },
		{ destination: "/srv", type: "none", options: ["remount", "bind", "ro", "rnosuid"] },
	),
	"mount-ext4": mount({ destination: "/data", type: "ext4", source: "/dev/sda", options: ["ro", "acl", "data=ordered", "slave"] }),
	"mount-idmap": mount({
		destination: "/data",
		source: "/srv",
		options: ["rbind", "ridmap"],
		uidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
		gidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
	}),
	"mount-bind-dev": mount({ destination: "/dev", source: "/dev", options: ["rbind"] }),
	"mount-cgroup": mount(cgroupMount),
	"mount-cgroup-in-unit": { ...mount(cgroupMount), ...frame({ cgroups: [], unitCgroup: "/sys/fs/cgroup/system.slice/u.service" }) },
	"mount-cgroup-v1": {
		...config({ mounts: [cgroupMount], linux: { ...minimalConfig.linux, namespaces: allNamespaces } }),
		host: hybridHost,
	},
	"mount-cgroup-v1-host-namespace": { ...mount(cgroupMount), host: hybridHost },
	"cgroup-v1": { host: hybridHost },
	"resources-v1": { ...linux({ resources }), host: hybridHost },
	"resources-v2": linux({ resources }),
	"resources-every-v1": { ...linux({ resources: everyLimit }), host: fullHost },
	"resources-every-v2": linux({ resources: everyLimit }),
	"resources-only-v1": { ...linux({ resources: onlyIn1 }), host: fullHost },
	"cgroup-hybrid-all": { host: fullHost, ...frame({ cgroups: everywhere(fullHost.cgroup, "/pods/c1") }) },
	"cgroup-none": frame({ cgroups: [], rootless: true }),
	"cgroup-scope-v2": frame({ scope: { fd: 9 } }),
	"cgroup-scope-v1": { host: hybridHost, ...frame({ scope: { fd: 9 } }) },
	"resources-unified": linux({ cgroupsPath: "/a/b", resources: { unified: { "memory.high": "1048576", "io.max": "8:0 rbps=1" } } }),
	"rootfs-folder": { rootfs: { kind: "folder", path: "/srv/root" } },
	"rootfs-folder-no-pivot": {
		rootfs: { kind: "folder", path: "/srv/root" },
		frame: { ...minimalInput.frame, noPivot: true },
		...linux({ maskedPaths: ["/proc/acpi"] }),
	},
	"rootfs-loop": { host: { ...minimalHost, kernel: [6, 1], erofsFromFile: false } },
	"rootfs-layers": {
		rootfs: {
			kind: "layers",
			layers: [
				{ kind: "folder", path: "/layers/lowest" },
				{ kind: "folder", path: "/layers/middle" },
				{ kind: "erofs", path: "/layers/top.erofs" },
			],
		},
	},
	"rootfs-scratch": { rootfs: { kind: "layers", layers: [] } },
	"rootfs-read-only": config({ root: { path: "rootfs", readonly: true } }),
	"rootfs-propagation": linux({ rootfsPropagation: "rshared" }),
	"paths-masked": linux({ maskedPaths: ["/proc/kcore", "/proc/acpi"] }),
	"paths-read-only": linux({ readonlyPaths: ["/proc/sys"] }),
	devices: linux({
		devices: [
			{ type: "c", path: "/dev/net/tun", major: 10, minor: 200, fileMode: 0o600, uid: 5, gid: 6 },
			{ type: "c", path: "/dev/zero", major: 1, minor: 5, fileMode: 0o444 },
		],
	}),
	sysctl: linux({
		namespaces: allNamespaces,
		sysctl: { "net.ipv4.ip_forward": "1", "kernel.msgmax": "8192", "net/ipv4/conf/eth0.1/forwarding": "1" },
	}),
	"sysctl-own-proc": {
		...linux({ namespaces: allNamespaces, sysctl: { "net.ipv4.ip_forward": "1", "kernel.msgmax": "8192" } }),
		...frame({ ownProc: true }),
	},
	terminal: process_({ terminal: true, consoleSize: { height: 24, width: 80 } }),
	"user-seccomp": config({
		process: { ...minimalConfig.process, user: { uid: 1000, gid: 1000, umask: 0o77, additionalGids: [1000, 10] } },
		linux: { ...minimalConfig.linux, seccomp: defaultSeccomp(["CAP_SYS_CHROOT"]) },
	}),
	seccomp: linux({ seccomp: defaultSeccomp(["CAP_SYS_CHROOT"]) }),
	"no-new-privileges": config({
		process: { ...minimalConfig.process, noNewPrivileges: true },
		linux: { ...minimalConfig.linux, seccomp: defaultSeccomp([]) },
	}),
	capabilities: process_({ capabilities: sets(["CAP_KILL", "CAP_CHOWN", "CAP_NET_BIND_SERVICE"], ["CAP_KILL"]) }),
	"capabilities-not-granted": {
		...process_({ capabilities: sets(["CAP_KILL", "CAP_FLY", "CAP_SYS_RESOURCE"], ["CAP_KILL", "CAP_FLY"]) }),
		host: { ...minimalHost, capabilities: minimalHost.capabilities & ~(1n << 24n) },
	},
	rlimits: process_({
		rlimits: [
			{ type: "RLIMIT_NOFILE", soft: 64n, hard: 128n },
			{ type: "RLIMIT_CORE", soft: 0n, hard: 0xffff_ffff_ffff_ffffn },
		],
	}),
	"oom-score": process_({ oomScoreAdj: -500 }),
	...attributeCases,
	"args-by-path": process_({ args: ["sh", "-c", "true"], env: ["A=1", "PATH=/a:/b/::/c"] }),
	"args-without-path": process_({ args: ["sh"], env: [] }),
	cwd: process_({ cwd: "/work" }),
	detached: frame({ detachMessage: "c1\n", output: "log", input: "null" }),
	"detached-terminal": { ...process_({ terminal: true }), ...frame({ detachMessage: "c1\n", output: "log", input: "null" }) },
	"handed-over": frame({
		watch: "leave",
		handOver: { socket: "/run/systemd/notify", ready: true },
		cgroups: [],
		unitCgroup: "/sys/fs/cgroup/u",
	}),
	"handed-over-unready": frame({ watch: "leave", handOver: { socket: "@notify", ready: false }, preserveFds: 2 }),
	removed: frame({ atEnd: { kind: "remove", nameLink: "/var/lib/corten/names/n" }, pidFile: "/tmp/pid" }),
};

async function expectGolden(name: string, text: string): Promise<void> {
	const file = Bun.file(new URL(`golden/${name}.txt`, import.meta.url));
	if (Bun.env.UPDATE_GOLDEN === "1") await Bun.write(file, text);
	expect(text).toBe(await file.text());
}

function roundTrip(plan: Plan): void {
	const bytes = encodePlan(plan, { json: true, lockFd: 7 });
	const decoded = decodePlan(bytes);
	expect(decoded).toMatchObject({ json: true, lockFd: 7 });
	expect(describePlan(decoded.plan)).toBe(describePlan(plan));
	expect(encodePlan(decoded.plan, { json: true, lockFd: 7 })).toEqual(bytes);
}

const minimal = describePlan(compile(minimalInput));

test("the minimal plan is the one in golden/minimal.txt", async () => {
	await expectGolden("minimal", minimal);
	roundTrip(compile(minimalInput));
});

for (const [name, change] of Object.entries(cases)) {
	test(`the plan changes as golden/${name}.txt says`, async () => {
		const plan = compile({ ...minimalInput, ...change });
		await expectGolden(name, difference(minimal, describePlan(plan)));
		roundTrip(plan);
	});
}

test("an exec's plan is the one in golden/exec.txt", async () => {
	const plan = compileExec({
		pid: 4711,
		startTime: 99n,
		process: minimalConfig.process,
		shared: minimalConfig.linux,
		id: "c1",
		namespaces: ["mount", "pid", "uts", "ipc", "network", "cgroup"],
		cgroups: ["/sys/fs/cgroup/corten-c1"],
		frame: { output: "inherit", input: "null" },
		host: minimalHost,
	});
	await expectGolden("exec", describePlan(plan));
	roundTrip(plan);
});

test("a health probe is an exec that finds the container by its pid file, and records", async () => {
	const exec = {
		startTime: 0n,
		process: minimalConfig.process,
		shared: minimalConfig.linux,
		id: "c1",
		namespaces: ["mount", "pid"],
		cgroups: ["/sys/fs/cgroup/corten-c1"],
		frame: { output: "inherit", input: "null" },
		host: minimalHost,
	} as const;
	const probe = compileExec({ ...exec, pid: 0, probe: { folder: "/c/c1", timeoutMs: 30_000 } });
	const lines = (plan: typeof probe): string[] => describePlan(plan).split("\n");
	const other = lines(compileExec({ ...exec, pid: 4711, startTime: 99n }));
	const own = lines(probe).filter((line) => !other.includes(line) && /capture|pidfile_open|probe/.test(line));
	expect(own.map((line) => line.trim().split(/ {2,}/)[0])).toHaveLength(3);
	expect(probe.ops[0]?.op).toBe("capture");
	expect(probe.ops.map(({ op }) => op)).not.toContain("supervise");
	expect(probe.ops.at(-1)).toMatchObject({ op: "probe", args: { folder: "/c/c1", timeoutMs: 30_000 } });
	roundTrip(probe);
});

test("launch that stays has the health probed, and is tied to the payload unless a manager waits for the first success", () => {
	const health = { intervalMs: 1000, startMs: 0, startIntervalMs: 5000, command: ["/corten", "settle"] };
	const tiedOf = (input: CompileInput): unknown => compile(input).ops.find(({ op }) => op === "sync")?.args;
	const plain = { ...minimalInput, ...frame({ health }) };
	const names = compile(plain).ops.map(({ op }) => op);
	expect(names.indexOf("supervise") - names.indexOf("health")).toBe(1);
	expect(tiedOf(plain)).toEqual({ tied: 1 });
	const waiting = { ...minimalInput, ...frame({ health: { ...health, manager: "/run/systemd/notify" } }) };
	expect(tiedOf(waiting)).toEqual({ tied: 0 });
	expect(compile(waiting).ops.map(({ op }) => op)).not.toContain("send");
});

test("the same input gives the same bytes", () => {
	const input = { ...minimalInput, ...linux({ resources, seccomp: defaultSeccomp([]), maskedPaths: ["/proc/kcore"] }) };
	expect(encodePlan(compile(structuredClone(input)), { json: false })).toEqual(encodePlan(compile(input), { json: false }));
});

test("a plan as data has every op with its place", () => {
	const data = describePlanData(compile({ ...minimalInput, ...frame({ detachMessage: "x" }) }));
	expect(data[0]).toEqual({ index: 1, section: "host", op: "detach", args: { message: "x" }, flags: [], what: "detach", at: "" });
	expect(new Set(data.map((op) => op.section))).toEqual(new Set(["host", "container", "parent"]));
	JSON.stringify(data);
});

test("an exec with all of a process's attributes is the one in golden/exec-attributes.txt", async () => {
	const plan = compileExec({
		pid: 4711,
		startTime: 99n,
		...execAttributes,
		id: "c1",
		namespaces: ["mount", "pid"],
		cgroups: ["/sys/fs/cgroup/corten-c1"],
		frame: { output: "inherit", input: "inherit" },
	});
	await expectGolden("exec-attributes", describePlan(plan));
	roundTrip(plan);
});

const refused: Readonly<Record<string, Partial<CompileInput>>> = {
	"invalid-spec /linux/uidMappings": linux({ namespaces: [{ type: "mount" }, { type: "user" }] }),
	"invalid-spec /linux/gidMappings": linux({
		namespaces: userNamespaces,
		uidMappings: mapped,
		gidMappings: [{ ...range, containerID: 1 }],
	}),
	"invalid-spec /process/user/gid": {
		...config({
			process: { ...minimalConfig.process, user: { uid: 1, gid: 70_000, additionalGids: [] } },
			linux: { ...minimalConfig.linux, namespaces: userNamespaces, uidMappings: mapped, gidMappings: mapped },
		}),
	},
	"permission-denied /linux/uidMappings": {
		...linux({ namespaces: userNamespaces, uidMappings: mapped, gidMappings: mapped }),
		host: { ...minimalHost, capabilities: 0n, uid: 1000, gid: 1000 },
	},
	"invalid-spec /linux/timeOffsets/monotonic": linux({ timeOffsets: { monotonic: { secs: 1n, nanosecs: 0 } } }),
	"unsupported /linux/namespaces": linux({ namespaces: [{ type: "pid" }] }),
	"invalid-spec /linux/namespaces/1": linux({ namespaces: [{ type: "mount" }, { type: "mount" }] }),
	"invalid-spec /hostname": config({ hostname: "x" }),
	"invalid-spec /process/args": process_({ args: [] }),
	"invalid-spec /process/user/uid": process_({ user: { uid: 4294967295, gid: 0, additionalGids: [] } }),
	"invalid-spec /process/rlimits/0": process_({ rlimits: [{ type: "RLIMIT_SLEEP", soft: 0n, hard: 0n }] }),
	"invalid-spec /linux/sysctl/kernel.hostname": linux({ sysctl: { "kernel.hostname": "x" } }),
	"invalid-spec /linux/sysctl/net.ipv4.ip_forward": linux({ sysctl: { "net.ipv4.ip_forward": "1" } }),
	"invalid-spec /linux/sysctl/net~1..~1kernel~1panic": linux({ namespaces: allNamespaces, sysctl: { "net/../kernel/panic": "1" } }),
	"invalid-spec /linux/cgroupsPath": linux({ cgroupsPath: "/a/../../b" }),
	"unsupported /linux/cgroupsPath": linux({ cgroupsPath: "system.slice:corten:c1" }),
	"unsupported /linux/resources/memory/swappiness": linux({ resources: { memory: { swappiness: 1n } } }),
	"unsupported /linux/resources/network/classID": linux({ resources: { network: { classID: 1 } } }),
	"unsupported /linux/resources/hugepageLimits/0": {
		...linux({ resources: { hugepageLimits: [{ pageSize: "2MB", limit: 0n }] } }),
		host: hybridHost,
	},
	"unsupported /linux/resources/blockIO/weight": {
		...linux({ resources: { blockIO: { weight: 10 } } }),
		host: { ...minimalHost, cgroup: { version: 2, mountPoint: "/sys/fs/cgroup", controllers: ["memory"] } },
	},
	"permission-denied /linux/resources/pids/limit": {
		...linux({ resources: { pids: { limit: 1n } } }),
		host: hybridHost,
		...frame({ cgroups: [], rootless: true }),
	},
	"permission-denied /linux/resources/memory/limit": {
		...linux({ resources: { memory: { limit: 1048576n } } }),
		...frame({ cgroups: [], rootless: true }),
	},
	"invalid-spec /linux/resources/memory/swappiness": { ...linux({ resources: { memory: { swappiness: 101n } } }), host: hybridHost },
	"invalid-spec /linux/resources/memory/swap": linux({ resources: { memory: { limit: 2n, swap: 1n } } }),
	"invalid-spec /linux/resources/hugepageLimits/0/pageSize": linux({ resources: { hugepageLimits: [{ pageSize: "../x", limit: 0n }] } }),
	"invalid-spec /linux/resources/unified": linux({ resources: { unified: { "../x.y": "1" } } }),
	"unsupported /linux/resources/unified": { ...linux({ resources: { unified: { "memory.high": "1" } } }), host: hybridHost },
	"invalid-spec /linux/rootfsPropagation": linux({ rootfsPropagation: "sideways" }),
	"invalid-spec /mounts/0/destination": mount({ destination: "/x/../proc/1", source: "/srv", options: ["bind"] }),
	"invalid-spec /mounts/0/source": mount({ destination: "/data", options: ["bind"] }),
	"invalid-spec /mounts/0/type": mount({ destination: "/data" }),
	"invalid-spec /mounts/0/options": mount({ destination: "/data", type: "ramfs", options: ["tmpcopyup"] }),
	"invalid-spec /mounts/0": mount({ destination: "/data", source: "/srv", options: ["rbind", "idmap"] }),
	"unsupported /mounts/0": mount({ destination: "/", source: "/dev/sda", type: "ext4" }),
	"invalid-spec /linux/resources/devices/0": linux({ resources: { devices: [{ allow: true, type: "q" }] } }),
	...refusedAttributes,
	"invalid-spec /linux/maskedPaths/1": linux({ maskedPaths: ["/a", "b"] }),
	"invalid-spec /linux/readonlyPaths/0": linux({ readonlyPaths: ["a"] }),
	"invalid-spec /linux/devices/0": linux({ devices: [{ type: "c", path: "/dev/x" }] }),
};

for (const [expected, change] of Object.entries(refused)) {
	test(`what cannot be is refused as ${expected}`, () => {
		let refusal: unknown;
		try {
			compile({ ...minimalInput, ...change });
		} catch (error) {
			refusal = `${(error as { code: string }).code} ${(error as { at: string }).at}`;
		}
		expect(refusal).toBe(expected);
	});
}
