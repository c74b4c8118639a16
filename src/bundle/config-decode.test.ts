// Documents of config.json that others wrote, and seccomp profiles in docker's format.

import { expect, test } from "bun:test";
import { CortenError } from "../base/errors.ts";
import { decodeConfig, decodeProcess, decodeResources } from "./config-decode.ts";
import { encodeConfig } from "./config-encode.ts";
import { wholeConfig } from "./config-whole.fixture.ts";
import { composeSeccomp, decodeSeccompProfile } from "./seccomp-profile.ts";

const minimal = { ociVersion: "1.0.2", root: { path: "rootfs" }, process: { user: { uid: 0, gid: 0 }, args: ["sh"], cwd: "/" } };
const decode = (document: unknown) => decodeConfig(typeof document === "string" ? document : JSON.stringify(document), "config");
const failure = (document: unknown): string => {
	try {
		decode(document);
		return "ok";
	} catch (error) {
		return error instanceof CortenError ? `${error.code} ${error.at}` : String(error);
	}
};
const withProcess = (more: object) => ({ ...minimal, process: { ...minimal.process, ...more } });
const withLinux = (linux: object) => ({ ...minimal, linux });

test("absent properties have their defaults", () => {
	expect(decode(minimal)).toEqual({
		ociVersion: "1.0.2",
		root: { path: "rootfs", readonly: false },
		mounts: [],
		process: {
			terminal: false,
			user: { uid: 0, gid: 0, additionalGids: [] },
			args: ["sh"],
			env: [],
			cwd: "/",
			rlimits: [],
			noNewPrivileges: false,
		},
		linux: { namespaces: [], devices: [], maskedPaths: [], readonlyPaths: [] },
	});
});

test("64-bit values are exact", () => {
	const text = JSON.stringify(withProcess({ rlimits: [{ type: "RLIMIT_CORE", soft: 1, hard: "HARD" }] })).replace(
		'"HARD"',
		"18446744073709551615",
	);
	expect(decode(text).process.rlimits).toEqual([{ type: "RLIMIT_CORE", soft: 1n, hard: 18446744073709551615n }]);
	expect(decode(withLinux({ resources: { memory: { limit: -1, swap: 5 } } })).linux.resources?.memory).toEqual({ limit: -1n, swap: 5n });
});

test.each([
	["wrong types", { ...minimal, hostname: 5 }, "/hostname"],
	["no args", withProcess({ args: [] }), "/process/args"],
	["no cwd", { ...minimal, process: { user: { uid: 0, gid: 0 }, args: ["a"] } }, "/process/cwd"],
	["a relative cwd", withProcess({ cwd: "a" }), "/process/cwd"],
	["a NUL in args", withProcess({ args: ["a\0b"] }), "/process/args/0"],
	["the uid that means no change", withProcess({ user: { uid: 4294967295, gid: 0 } }), "/process/user/uid"],
	["a negative gid", withProcess({ user: { uid: 0, gid: -1 } }), "/process/user/gid"],
	["a fraction", withProcess({ oomScoreAdj: 1.5 }), "/process/oomScoreAdj"],
	["another major version", { ...minimal, ociVersion: "2.0.0" }, "/ociVersion"],
	["an empty destination", { ...minimal, mounts: [{ destination: "" }] }, "/mounts/0/destination"],
	["an annotation without a name", { ...minimal, annotations: { "": "x" } }, "/annotations"],
	["a relative hook", { ...minimal, hooks: { poststop: [{ path: "x" }] } }, "/hooks/poststop/0/path"],
	["a hook that must be over at once", { ...minimal, hooks: { prestart: [{ path: "/x", timeout: 0 }] } }, "/hooks/prestart/0/timeout"],
	["half a mapping", withLinux({ uidMappings: [{ containerID: 0, size: 1 }] }), "/linux/uidMappings/0/hostID"],
	["a schema of two lines", withLinux({ intelRdt: { memBwSchema: "MB:0=1\nMB:1=1" } }), "/linux/intelRdt/memBwSchema"],
	["an unknown domain", withLinux({ personality: { domain: "BSD" } }), "/linux/personality/domain"],
	[
		"a weight of nothing",
		withLinux({ resources: { blockIO: { weightDevice: [{ major: 8, minor: 0 }] } } }),
		"/linux/resources/blockIO/weightDevice/0",
	],
	["a device without limits", withLinux({ resources: { rdma: { mlx: {} } } }), "/linux/resources/rdma/mlx"],
	["an unknown policy", withProcess({ scheduler: { policy: "SCHED_EEVDF" } }), "/process/scheduler/policy"],
	["a priority of another class", withProcess({ ioPriority: { class: "IOPRIO_CLASS_BE", priority: 8 } }), "/process/ioPriority/priority"],
	["an unknown namespace", withLinux({ namespaces: [{ type: "net" }] }), "/linux/namespaces/0/type"],
	["a namespace twice", withLinux({ namespaces: [{ type: "pid" }, { type: "pid" }] }), "/linux/namespaces"],
	["an unknown seccomp action", withLinux({ seccomp: { defaultAction: "ALLOW" } }), "/linux/seccomp/defaultAction"],
	["an unknown propagation", withLinux({ rootfsPropagation: "x" }), "/linux/rootfsPropagation"],
	["an array", [], ""],
])("%s: invalid", (_, document, at) => {
	expect(failure(document)).toBe(`invalid-spec ${at}`);
});

test("all issues come at once", () => {
	expect(() => decode({ ...minimal, root: {}, process: { ...minimal.process, cwd: "", args: 5 } })).toThrow(
		"/root/path is missing, expected string; /process/args expected array, found number; /process/cwd is not an absolute path",
	);
});

test("a relative destination starts at the root", () => {
	expect(decode({ ...minimal, mounts: [{ destination: "a" }] }).mounts).toEqual([{ destination: "/a" }]);
});

test("a document without a process has one that cannot run", () => {
	expect(decode({ ociVersion: "1.3.0", root: { path: "rootfs" } }).process.args).toEqual([]);
});

test("what is not known is ignored, what is for another system is not", () => {
	expect(failure({ ...minimal, "org.example": { anything: 1 }, linux: { newProperty: true, intelRdt: { enableCMT: true } } })).toBe("ok");
	expect(failure({ ...minimal, windows: {} })).toBe("unsupported /windows");
});

test("every property of the specification comes through, and back", () => {
	expect(decode(encodeConfig(wholeConfig))).toEqual(wholeConfig);
});

test("a process alone is a document", () => {
	const process = { ...minimal.process, oomScoreAdj: 1 };
	expect(decodeProcess(JSON.stringify(process), "p.json")).toMatchObject({ args: ["sh"], oomScoreAdj: 1, env: [] });
	expect(() => decodeProcess("{}", "p.json")).toThrow("p.json: /user is missing");
});

test("resources alone are a document", () => {
	expect(decodeResources('{"memory":{"limit":1},"cpu":{"idle":1}}', "r.json")).toEqual({ memory: { limit: 1n }, cpu: { idle: 1n } });
	expect(() => decodeResources('{"memory":{"limit":"1"}}', "r.json")).toThrow("r.json: /memory/limit expected integer, found string");
});

test("a device number of -1 means all", () => {
	const rule = { allow: true, type: "c", major: -1, minor: 5, access: "m" };
	expect(decode(withLinux({ resources: { devices: [rule] } })).linux.resources?.devices).toEqual([
		{ allow: true, type: "c", minor: 5, access: "m" },
	]);
});

const profile = (document: object) => decodeSeccompProfile(new TextEncoder().encode(JSON.stringify(document)), "p.json");

test("conditions of a seccomp profile are decided", () => {
	const decoded = profile({
		defaultAction: "SCMP_ACT_ERRNO",
		defaultErrnoRet: 1,
		archMap: [
			{ architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
			{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] },
		],
		syscalls: [
			{ names: ["read"], action: "SCMP_ACT_ALLOW" },
			{ name: "write", action: "SCMP_ACT_ALLOW" },
			{ names: ["mount"], action: "SCMP_ACT_ALLOW", includes: { caps: ["CAP_SYS_ADMIN"] } },
			{ names: ["umount2"], action: "SCMP_ACT_ALLOW", excludes: { caps: ["CAP_SYS_ADMIN"] } },
			{ names: ["arm"], action: "SCMP_ACT_ALLOW", includes: { arches: ["arm"] } },
			{ names: ["amd"], action: "SCMP_ACT_ALLOW", includes: { arches: ["amd64", "x32"] } },
			{ names: ["old"], action: "SCMP_ACT_ALLOW", includes: { minKernel: "4.8" } },
			{ names: ["new"], action: "SCMP_ACT_ALLOW", includes: { minKernel: "6.13" } },
			{ names: ["next"], action: "SCMP_ACT_ALLOW", includes: { minKernel: "7.0" } },
			{
				names: ["clone"],
				action: "SCMP_ACT_ALLOW",
				args: [{ index: 0, value: 2114060288, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
				comment: "",
			},
		],
	});
	const names = (caps: string[]) => composeSeccomp(decoded, caps, [6, 12]).syscalls?.flatMap((rule) => rule.names);
	expect(names([])).toEqual(["read", "write", "umount2", "amd", "old", "clone"]);
	expect(names(["CAP_SYS_ADMIN"])).toEqual(["read", "write", "mount", "amd", "old", "clone"]);
	const composed = composeSeccomp(decoded, [], [6, 12]);
	expect(composed.architectures).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
	expect(composed.syscalls?.at(-1)).toEqual({
		names: ["clone"],
		action: "SCMP_ACT_ALLOW",
		args: [{ index: 0, value: 2114060288n, valueTwo: 0n, op: "SCMP_CMP_MASKED_EQ" }],
	});
});

test("broken seccomp profiles are refused", () => {
	for (const document of [
		{},
		{ defaultAction: "x" },
		{ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["a"], action: "x" }] },
		{
			defaultAction: "SCMP_ACT_ALLOW",
			syscalls: [{ names: ["a"], action: "SCMP_ACT_ALLOW", args: [{ index: 6, value: 0, op: "SCMP_CMP_EQ" }] }],
		},
		{ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["a"], action: "SCMP_ACT_ALLOW", includes: { minKernel: "x" } }] },
		{ defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"], archMap: [{ architecture: "SCMP_ARCH_X86_64" }] },
	]) {
		expect(() => profile(document)).toThrow("p.json");
	}
});
