// Sizes, limits, ulimits, sysctls, capabilities and devices: tables of what is read and what is refused.

import { expect, test } from "bun:test";
import { CortenError } from "../base/errors.ts";
import { capabilityNames } from "../linux/capabilities.ts";
import { composeCapabilities, defaultCapabilities, parseCapability } from "./capabilities.ts";
import { defaultDeviceRules, hostDevices, parseDevice, parseDeviceRule, resolveDevices } from "./device.ts";
import { type LimitWords, parseLimits, parseUlimit } from "./limits.ts";
import { parseBytes } from "./size.ts";
import { composeSysctls, parseSysctl } from "./sysctl.ts";

const failure = (parse: () => unknown): string => {
	try {
		parse();
		return "ok";
	} catch (error) {
		return error instanceof CortenError ? `${error.code} ${error.at}` : String(error);
	}
};

test.each([
	["0", 0n],
	["1", 1n],
	["1b", 1n],
	["1k", 1024n],
	["1K", 1024n],
	["1kb", 1024n],
	["1KiB", 1024n],
	["512m", 512n << 20n],
	["1.5g", 3n << 29n],
	["0.5k", 512n],
	["1 g", 1n << 30n],
	["2t", 2n << 40n],
	["1p", 1n << 50n],
	["9223372036854775807", (1n << 63n) - 1n],
])("size %s", (text, bytes) => {
	expect(parseBytes(text, "--memory")).toBe(bytes);
});

test("what is no size is refused", () => {
	for (const text of [
		"",
		"-1",
		"k",
		"1x",
		"1bb",
		"1kk",
		"1.",
		".5g",
		"1e3",
		"0x10",
		"1,5g",
		"9223372036854775808",
		"99999999999999999999",
		"8192p",
		"1  g",
		" 1",
	]) {
		expect(failure(() => parseBytes(text, "--memory"))).toBe("invalid-argument --memory");
	}
});

const mib = (n: number) => BigInt(n) << 20n;
const limits: readonly (readonly [words: LimitWords, expected: unknown])[] = [
	[{}, {}],
	[{ memory: "0" }, {}],
	[{ memory: "64m" }, { memory: { limit: mib(64), swap: mib(128) } }],
	[{ memory: "64m", memorySwap: "64m" }, { memory: { limit: mib(64), swap: mib(64) } }],
	[{ memory: "64m", memorySwap: "1g" }, { memory: { limit: mib(64), swap: mib(1024) } }],
	[{ memory: "64m", memorySwap: "0" }, { memory: { limit: mib(64), swap: mib(128) } }],
	[{ memory: "64m", memorySwap: "-1" }, { memory: { limit: mib(64), swap: -1n } }],
	[{ memory: "64m", memoryReservation: "32m" }, { memory: { limit: mib(64), reservation: mib(32), swap: mib(128) } }],
	[{ memoryReservation: "32m" }, { memory: { reservation: mib(32) } }],
	[{ cpus: "1.5" }, { cpu: { period: 100_000n, quota: 150_000n } }],
	[{ cpus: ".5" }, { cpu: { period: 100_000n, quota: 50_000n } }],
	[{ cpus: "0.01" }, { cpu: { period: 100_000n, quota: 1000n } }],
	[{ cpus: "4" }, { cpu: { period: 100_000n, quota: 400_000n } }],
	[{ cpus: "0" }, {}],
	[{ cpuShares: "512", cpuPeriod: "50000", cpuQuota: "25000" }, { cpu: { shares: 512n, period: 50_000n, quota: 25_000n } }],
	[{ cpuQuota: "-1" }, { cpu: { quota: -1n } }],
	[{ cpusetCpus: "0-2,3", cpusetMems: "0" }, { cpu: { cpus: "0-2,3", mems: "0" } }],
	[{ pidsLimit: "100" }, { pids: { limit: 100n } }],
	[{ pidsLimit: "-1" }, {}],
	[{ pidsLimit: "0" }, {}],
];
test.each(limits)("limits %j", (words, expected) => {
	expect(parseLimits(words, 4)).toEqual(expected as never);
});

const badLimits: readonly (readonly [words: LimitWords, option: string])[] = [
	[{ memory: "5m" }, "--memory"],
	[{ memory: "-1" }, "--memory"],
	[{ memorySwap: "64m" }, "--memory-swap"],
	[{ memory: "64m", memorySwap: "32m" }, "--memory-swap"],
	[{ memory: "64m", memorySwap: "-2" }, "--memory-swap"],
	[{ memory: "64m", memoryReservation: "65m" }, "--memory-reservation"],
	[{ memoryReservation: "1m" }, "--memory-reservation"],
	[{ cpus: "4.1" }, "--cpus"],
	[{ cpus: "0.001" }, "--cpus"],
	[{ cpus: "-1" }, "--cpus"],
	[{ cpus: "" }, "--cpus"],
	[{ cpus: "." }, "--cpus"],
	[{ cpus: "1", cpuQuota: "5000" }, "--cpus"],
	[{ cpus: "1", cpuPeriod: "5000" }, "--cpus"],
	[{ cpuPeriod: "999" }, "--cpu-period"],
	[{ cpuPeriod: "1000001" }, "--cpu-period"],
	[{ cpuQuota: "999" }, "--cpu-quota"],
	[{ cpuQuota: "x" }, "--cpu-quota"],
	[{ cpuShares: "-1" }, "--cpu-shares"],
	[{ cpusetCpus: "a" }, "--cpuset-cpus"],
	[{ cpusetCpus: "3-1" }, "--cpuset-cpus"],
	[{ cpusetMems: "0,,1" }, "--cpuset-mems"],
	[{ pidsLimit: "-2" }, "--pids-limit"],
];
test.each(badLimits)("limits %j are refused at %s", (words, option) => {
	expect(failure(() => parseLimits(words, 4))).toBe(`invalid-argument ${option}`);
});

test("ulimits", () => {
	const infinity = 18446744073709551615n;
	expect(parseUlimit("nofile=1024:2048")).toEqual({ type: "RLIMIT_NOFILE", soft: 1024n, hard: 2048n });
	expect(parseUlimit("core=0")).toEqual({ type: "RLIMIT_CORE", soft: 0n, hard: 0n });
	expect(parseUlimit("memlock=-1:-1")).toEqual({ type: "RLIMIT_MEMLOCK", soft: infinity, hard: infinity });
	expect(parseUlimit("stack=1:unlimited")).toEqual({ type: "RLIMIT_STACK", soft: 1n, hard: infinity });
	for (const text of [
		"",
		"nofile",
		"nofile=",
		"nofile=2:1",
		"nofile=-1:5",
		"files=1",
		"NOFILE=1",
		"nofile=1:2:3",
		"nofile=-2",
		"nofile=1k",
		"nofile=99999999999999999999",
	]) {
		expect(failure(() => parseUlimit(text))).toBe("invalid-argument --ulimit");
	}
});

test("sysctls of the machine and smuggled paths are refused", () => {
	expect(parseSysctl("net.core.somaxconn=1024")).toEqual(["net.core.somaxconn", "1024"]);
	expect(parseSysctl("kernel.shm_rmid_forced=1")).toEqual(["kernel.shm_rmid_forced", "1"]);
	expect(parseSysctl("net.ipv4.tcp_rmem=4096 87380 6291456")[1]).toBe("4096 87380 6291456");
	for (const text of [
		"",
		"net.core.somaxconn",
		"=1",
		"net=1",
		"kernel.hostname=x",
		"vm.swappiness=1",
		"kernel.core_pattern=|/x",
		"fs.file-max=1",
		"net/core/somaxconn=1",
		"net.../../kernel/core_pattern=x",
		"net..core=1",
		"net.=1",
		"net.a/../b=1",
		"net.core.x=1\n2",
		"kernel.shmmax2=1",
		"netx.a=1",
	]) {
		expect(failure(() => parseSysctl(text))).toBe("invalid-argument --sysctl");
	}
	expect(
		composeSysctls({ sysctls: { "net.ipv4.ping_group_range": "1 0" }, network: "none", ipc: "private" }, { initialUserNamespace: true }),
	).toEqual({
		"net.ipv4.ping_group_range": "1 0",
		"net.ipv4.ip_unprivileged_port_start": "0",
	});
	expect(composeSysctls({ sysctls: {}, network: "host", ipc: "private" }, { initialUserNamespace: true })).toEqual({});
	expect(
		failure(() => composeSysctls({ sysctls: { "net.a": "1" }, network: "host", ipc: "private" }, { initialUserNamespace: true })),
	).toBe("invalid-argument --sysctl");
	expect(
		failure(() => composeSysctls({ sysctls: { "kernel.sem": "1" }, network: "none", ipc: "host" }, { initialUserNamespace: true })),
	).toBe("invalid-argument --sysctl");
});

const all = (1n << 41n) - 1n;
const names = (capAdd: string[], capDrop: string[], capabilities = all, privileged = false) =>
	composeCapabilities({ capAdd, capDrop, privileged }, { capabilities, lastCapability: 40 }).bounding;

test("capabilities compose as docker composes them", () => {
	expect([...names([], [])].sort()).toEqual([...defaultCapabilities].sort());
	expect(names([], ["ALL"])).toEqual([]);
	expect(names(["CAP_CHOWN"], ["ALL"])).toEqual(["CAP_CHOWN"]);
	expect(names(["ALL"], [])).toEqual([...capabilityNames]);
	expect(names(["ALL"], ["CAP_SYS_ADMIN"])).not.toContain("CAP_SYS_ADMIN");
	expect(names(["ALL"], ["ALL"])).toEqual([...capabilityNames]);
	expect(names(["CAP_NET_RAW"], ["CAP_NET_RAW"])).toContain("CAP_NET_RAW");
	expect(names(["CAP_SYS_ADMIN", "CAP_SYS_ADMIN"], []).filter((name) => name === "CAP_SYS_ADMIN")).toHaveLength(1);
	expect(names([], ["CAP_CHOWN"], all, true)).toEqual([...capabilityNames]);
});

test("no capability comes from nowhere", () => {
	const few = 0b11n;
	expect(names([], [], few)).toEqual(["CAP_CHOWN", "CAP_DAC_OVERRIDE"]);
	expect(names(["ALL"], [], few)).toEqual(["CAP_CHOWN", "CAP_DAC_OVERRIDE"]);
	expect(names([], [], few, true)).toEqual(["CAP_CHOWN", "CAP_DAC_OVERRIDE"]);
	expect(failure(() => names(["CAP_SYS_ADMIN"], [], few))).toBe("permission-denied --cap-add");
	const old = () => composeCapabilities({ capAdd: ["CAP_BPF"], capDrop: [], privileged: false }, { capabilities: all, lastCapability: 37 });
	expect(failure(old)).toBe("unsupported --cap-add");
	const sets = composeCapabilities({ capAdd: ["ALL"], capDrop: [], privileged: true }, { capabilities: all, lastCapability: 40 });
	expect(sets.inheritable).toEqual([]);
	expect(sets.ambient).toEqual([]);
});

test("capability names are read in any case, with and without CAP_", () => {
	for (const name of capabilityNames) {
		expect(parseCapability(name, "")).toBe(name);
		expect(parseCapability(name.slice(4).toLowerCase(), "")).toBe(name);
	}
	expect(parseCapability("all", "")).toBe("ALL");
	for (const text of ["", "CAP_", "CAP_X", "CHOWN ", "CAP_CAP_CHOWN"])
		expect(failure(() => parseCapability(text, "--cap-add"))).toBe("invalid-argument --cap-add");
});

test("devices", () => {
	const folder = () => "/f";
	expect(parseDevice("/dev/a", folder)).toEqual({ source: "/dev/a", target: "/dev/a", access: "rwm" });
	expect(parseDevice("/dev/a:/dev/b", folder)).toEqual({ source: "/dev/a", target: "/dev/b", access: "rwm" });
	expect(parseDevice("/dev/a:r", folder)).toEqual({ source: "/dev/a", target: "/dev/a", access: "r" });
	expect(parseDevice("/dev/a:/dev/b:rw", folder)).toEqual({ source: "/dev/a", target: "/dev/b", access: "rw" });
	for (const text of ["", ":", "/dev/a:b", "/dev/a:/dev/b:x", "/dev/a:/dev/b:rr", "/dev/a:/dev/b:rw:m", "/dev/a\0"]) {
		expect(failure(() => parseDevice(text, folder))).toBe("invalid-argument --device");
	}
	expect(failure(() => parseDevice("vendor.com/class=name", folder))).toBe("unsupported --device");
	expect(parseDeviceRule("c 13:* rwm")).toEqual({ allow: true, type: "c", major: 13, access: "rwm" });
	expect(parseDeviceRule("a *:* r")).toEqual({ allow: true, type: "a", access: "r" });
	for (const text of ["", "c 13 rwm", "d 1:2 r", "c 1:2 x", "c 1:2 rr", "c  1:2 r", "c 4096:0 r", "c 1:1048576 r"]) {
		expect(failure(() => parseDeviceRule(text))).toBe("invalid-argument --device-cgroup-rule");
	}
	expect(defaultDeviceRules()[0]).toEqual({ allow: false, access: "rwm" });
});

test("devices of this machine are found by node and by folder", () => {
	expect(resolveDevices({ source: "/dev/null", target: "/dev/nothing", access: "r" })[0]).toMatchObject({
		type: "c",
		path: "/dev/nothing",
		major: 1,
		minor: 3,
	});
	expect(failure(() => resolveDevices({ source: "/dev/absent", target: "/dev/a", access: "r" }))).toBe("not-found --device");
	expect(failure(() => resolveDevices({ source: "/etc/hosts", target: "/dev/a", access: "r" }))).toBe("invalid-argument --device");
	const paths = hostDevices().map((device) => device.path);
	expect(paths).not.toContain("/dev/null");
	expect(paths.some((path) => path.startsWith("/dev/pts/"))).toBe(false);
});
