// What the golden plans ask of a process beside its user, and of the groups and devices of the host that it gets.

import { minimalHost } from "../linux/host.fixture.ts";
import type { HostFacts } from "../linux/host.ts";
import type { Linux, Process } from "../spec/runtime.ts";
import type { CompileInput } from "./compile.ts";
import type { CompileExecInput } from "./compile-exec.ts";
import { minimalConfig } from "./minimal.fixture.ts";

const process_ = (change: Partial<Process>): Partial<CompileInput> => ({
	config: { ...minimalConfig, process: { ...minimalConfig.process, ...change } },
});
const linux = (change: Partial<Linux>): Partial<CompileInput> => ({
	config: { ...minimalConfig, linux: { ...minimalConfig.linux, ...change } },
});
const host = (change: Partial<HostFacts>): HostFacts => ({ ...minimalHost, ...change });
const labelled: HostFacts = host({ securityModules: { apparmor: "apparmor/exec", selinux: true } });
const scheduler = { nice: 0, priority: 0, flags: [], runtime: 0n, deadline: 0n, period: 0n } as const;
const resctrl = (schemata?: string): HostFacts => host({ resctrl: { mountPoint: "/sys/fs/resctrl", schemata } });
const networked = [{ type: "mount" }, { type: "network" }] as const;

/** golden file -> what is changed */
export const attributeCases: Readonly<Record<string, Partial<CompileInput>>> = {
	scheduler: process_({
		scheduler: { ...scheduler, policy: "SCHED_BATCH", nice: -5, flags: ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_UTIL_CLAMP_MAX"] },
	}),
	"scheduler-deadline": process_({ scheduler: { ...scheduler, policy: "SCHED_DEADLINE", runtime: 10n, deadline: 20n, period: 30n } }),
	"io-priority": process_({ ioPriority: { class: "IOPRIO_CLASS_IDLE", priority: 4 } }),
	"memory-policy": linux({ memoryPolicy: { mode: "MPOL_INTERLEAVE", nodes: "2-3,64", flags: ["MPOL_F_STATIC_NODES"] } }),
	personality: linux({ personality: { domain: "LINUX32", flags: [] } }),
	labels: {
		config: {
			...minimalConfig,
			mounts: [
				{ destination: "/proc", type: "proc" },
				{ destination: "/tmp", type: "tmpfs" },
			],
			process: { ...minimalConfig.process, apparmorProfile: "acme", selinuxLabel: "system_u:system_r:c:s0" },
			linux: { ...minimalConfig.linux, mountLabel: "system_u:object_r:c:s0:c715,c811" },
		},
		host: labelled,
	},
	"net-devices": linux({ namespaces: networked, netDevices: { eth1: { name: "lan%d" }, eth2: {} } }),
	"rdt-own": {
		...linux({ intelRdt: { l3CacheSchema: "L3:0=f", memBwSchema: "MB:0=20", schemata: ["L2:0=3"], enableMonitoring: true } }),
		host: resctrl(),
	},
	"rdt-there": {
		...linux({ intelRdt: { closID: "gold", memBwSchema: "MB:0=20;1=0070" } }),
		host: resctrl("    MB:0=20;1=70\n    L3:0=f\n"),
	},
	"rdt-root": { ...linux({ intelRdt: { closID: "/" } }), host: resctrl("MB:0=100\n") },
};

/** Everything an exec can have of these. */
export const execAttributes: Pick<CompileExecInput, "process" | "shared" | "host"> = {
	process: {
		...minimalConfig.process,
		scheduler: { ...scheduler, policy: "SCHED_RR", priority: 3 },
		ioPriority: { class: "IOPRIO_CLASS_RT", priority: 0 },
		execCPUAffinity: { initial: "0-1", final: "1" },
		apparmorProfile: "acme",
	},
	shared: { personality: { domain: "LINUX" }, memoryPolicy: { mode: "MPOL_LOCAL" }, intelRdt: { closID: "gold" } },
	host: { ...labelled, resctrl: { mountPoint: "/sys/fs/resctrl", schemata: "MB:0=20\n" } },
};

/** error -> what is changed */
export const refusedAttributes: Readonly<Record<string, Partial<CompileInput>>> = {
	"unsupported /process/scheduler/policy": process_({ scheduler: { ...scheduler, policy: "SCHED_ISO" } }),
	"unsupported /process/apparmorProfile": process_({ apparmorProfile: "acme" }),
	"unsupported /process/selinuxLabel": process_({ selinuxLabel: "a:b:c:s0" }),
	"unsupported /linux/mountLabel": {
		config: {
			...minimalConfig,
			mounts: [{ destination: "/a", type: "tmpfs" }],
			linux: { ...minimalConfig.linux, mountLabel: "a:b:c:s0" },
		},
	},
	"unsupported /linux/personality/flags": linux({ personality: { domain: "LINUX", flags: ["SHORT_INODE"] } }),
	"invalid-spec /linux/memoryPolicy/nodes": linux({ memoryPolicy: { mode: "MPOL_BIND", nodes: "0-" } }),
	"invalid-spec /linux/netDevices": linux({ netDevices: { eth0: {} } }),
	"invalid-spec /linux/netDevices/eth0": linux({ namespaces: networked, netDevices: { eth0: { name: "a/b" } } }),
	"invalid-spec /linux/netDevices/b": linux({ namespaces: networked, netDevices: { a: { name: "b" }, b: {} } }),
	"unsupported /linux/intelRdt": linux({ intelRdt: {} }),
	"invalid-spec /linux/intelRdt": { ...linux({ intelRdt: { closID: "gold", memBwSchema: "MB:0=20" } }), host: resctrl("MB:0=30\n") },
	"not-found /linux/intelRdt/closID": { ...linux({ intelRdt: { closID: "gold" } }), host: resctrl() },
	"invalid-spec /linux/intelRdt/closID": { ...linux({ intelRdt: { closID: "../x" } }), host: resctrl() },
	"invalid-spec /linux/intelRdt/memBwSchema": { ...linux({ intelRdt: { memBwSchema: "L3:0=1" } }), host: resctrl() },
};
