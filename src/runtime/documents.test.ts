// What `features` says is what the decoders and compilers take, word by word; what `spec` writes is a config.json they take.

import { describe, expect, test } from "bun:test";
import { decodeConfig } from "../bundle/config-decode.ts";
import { capabilityNames } from "../linux/capabilities.ts";
import { parseMountOptions } from "../linux/mount-flags.ts";
import { mountOptionNames } from "../linux/mount-words.ts";
import { compileSeccomp } from "../plan/seccomp.ts";
import { seccompFlags } from "../plan/seccomp-load.ts";
import { features } from "./commands/features.ts";
import { rootConfig, rootlessConfig } from "./commands/spec.ts";

const decode = (config: unknown) => decodeConfig(new TextEncoder().encode(JSON.stringify(config)), "config.json");

describe("features", () => {
	const { linux, ociVersionMin, ociVersionMax, hooks, potentiallyUnsafeConfigAnnotations } = features();

	test("every mount option is known, and none is passed to the filesystem", () => {
		expect(mountOptionNames.filter((word) => parseMountOptions([word]).data.length > 0)).toEqual([]);
		expect(new Set(mountOptionNames).size).toBe(mountOptionNames.length);
		expect(mountOptionNames).toContain("rro");
	});

	test("config.json may say both versions, and what lies between", () => {
		for (const ociVersion of [ociVersionMin, "1.1.0", ociVersionMax])
			expect(decode({ ...rootConfig(), ociVersion }).ociVersion).toBe(ociVersion);
	});

	test("every hook, namespace and capability can be asked for", () => {
		for (const name of hooks) expect(decode({ ...rootConfig(), hooks: { [name]: [{ path: "/bin/true" }] } }).hooks?.[name]).toHaveLength(1);
		const base = rootConfig();
		const config = decode({
			...base,
			process: { ...base.process, capabilities: { bounding: capabilityNames } },
			linux: { ...base.linux, namespaces: linux.namespaces.map((type) => ({ type })) },
		});
		expect(config.linux.namespaces.map(({ type }) => type)).toEqual(linux.namespaces);
		expect(linux.capabilities).toEqual(capabilityNames);
	});

	test("every seccomp word is taken", () => {
		const base = rootConfig();
		const { actions, operators, archs, knownFlags, supportedFlags } = linux.seccomp;
		const rule = (action: string, op: string) => ({ names: ["read"], action, args: [{ index: 0, value: 1, op }] });
		const seccomp = {
			defaultAction: "SCMP_ACT_ALLOW",
			architectures: archs,
			flags: knownFlags,
			syscalls: [...actions.map((action) => rule(action, "SCMP_CMP_EQ")), ...operators.map((op) => rule("SCMP_ACT_ERRNO", op))],
		};
		const decoded = decode({ ...base, linux: { ...base.linux, seccomp } }).linux.seccomp;
		expect(decoded?.syscalls).toHaveLength(actions.length + operators.length);
		const notifying = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }] } as const;
		for (const flag of supportedFlags) expect(() => seccompFlags({ ...notifying, flags: [flag] })).not.toThrow();
		for (const arch of archs) expect(() => compileSeccomp({ defaultAction: "SCMP_ACT_ALLOW", architectures: [arch] })).not.toThrow();
		expect(supportedFlags).toEqual(knownFlags);
	});

	test("memory policies are taken", () => {
		const base = rootConfig();
		for (const mode of linux.memoryPolicy.modes) {
			expect(decode({ ...base, linux: { ...base.linux, memoryPolicy: { mode, nodes: "0" } } }).linux.memoryPolicy?.mode).toBe(mode);
		}
		for (const flag of linux.memoryPolicy.flags) {
			const memoryPolicy = { mode: "MPOL_BIND", nodes: "0", flags: [flag] };
			expect(decode({ ...base, linux: { ...base.linux, memoryPolicy } }).linux.memoryPolicy?.flags).toEqual([flag]);
		}
	});

	test("annotations that change what systemd does are named", () => {
		expect(potentiallyUnsafeConfigAnnotations).toEqual(["org.systemd.property."]);
	});
});

describe("spec", () => {
	test("both kinds are valid", () => {
		expect(decode(rootConfig()).process.args).toEqual(["sh"]);
		expect(decode(rootlessConfig(1000, 1001)).linux.uidMappings).toEqual([{ containerID: 0, hostID: 1000, size: 1 }]);
	});

	test("the rootless one asks for nothing that takes rights", () => {
		const { linux, mounts } = rootlessConfig(1000, 1001);
		expect(linux.namespaces.map(({ type }) => type)).toEqual(["pid", "ipc", "uts", "mount", "user"]);
		expect("resources" in linux).toBe(false);
		expect(mounts.flatMap(({ options }) => options ?? []).filter((word) => word.startsWith("gid="))).toEqual([]);
	});
});
