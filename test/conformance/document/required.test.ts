// What the specification says is REQUIRED: a document that lacks it is refused.

import type { Document } from "../../support/bundle.ts";
import { conformance, type Peer } from "../../support/conformance.ts";

const one = (containerID: number | undefined, hostID: number | undefined, size: number | undefined) => [{ containerID, hostID, size }];
const seccomp = (more: object) => ({
	defaultAction: "SCMP_ACT_ALLOW",
	syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO", ...more }],
});
const argument = { index: 0, value: 1, op: "SCMP_CMP_EQ" };
const limit = { type: "RLIMIT_NOFILE", soft: 10, hard: 20 };
const device = { path: "/dev/mine", type: "c", major: 1, minor: 3 };
const merge = (target: object, more: object) => Object.assign(target, more);

/** The property, the peers that refuse its absence as well, and what takes it away; undefined values do not get into the JSON. */
const required: readonly (readonly [property: string, peers: string, change: (config: Document) => unknown])[] = [
	["root.path", "runc crun", (config) => merge(config, { root: {} })],
	["mounts[].destination", "runc crun", (config) => config.mounts.push(JSON.parse('{"type":"tmpfs","source":"tmpfs"}'))],
	["process.user.uid", "", (config) => merge(config.process, { user: { gid: 0 } })],
	["process.user.gid", "", (config) => merge(config.process, { user: { uid: 0 } })],
	["process.rlimits[].type", "runc crun", (config) => merge(config.process, { rlimits: [{ ...limit, type: undefined }] })],
	["process.rlimits[].soft", "runc crun", (config) => merge(config.process, { rlimits: [{ ...limit, soft: undefined }] })],
	["process.rlimits[].hard", "runc crun", (config) => merge(config.process, { rlimits: [{ ...limit, hard: undefined }] })],
	["process.scheduler.policy", "", (config) => merge(config.process, { scheduler: { nice: 1 } })],
	["process.ioPriority.class", "", (config) => merge(config.process, { ioPriority: { priority: 1 } })],
	["hooks.createRuntime[].path", "runc crun", (config) => merge(config, { hooks: { createRuntime: [{ args: ["true"] }] } })],
	["linux.namespaces[].type", "runc crun", (config) => merge(config.linux, { namespaces: [...config.linux.namespaces, {}] })],
	[
		"linux.uidMappings[].size",
		"runc crun",
		(config) =>
			merge(config.linux, {
				namespaces: [...config.linux.namespaces, { type: "user" }],
				uidMappings: one(0, 1, undefined),
				gidMappings: one(0, 1, 1),
			}),
	],
	["linux.devices[].path", "crun", (config) => merge(config.linux, { devices: [{ ...device, path: undefined }] })],
	["linux.devices[].type", "runc crun", (config) => merge(config.linux, { devices: [{ ...device, type: undefined }] })],
	["linux.devices[].major", "", (config) => merge(config.linux, { devices: [{ ...device, major: undefined }] })],
	["linux.resources.devices[].allow", "", (config) => merge(config.linux, { resources: { devices: [{ access: "rwm" }] } })],
	[
		"linux.resources.blockIO.throttleReadBpsDevice[].rate",
		"",
		(config) => merge(config.linux, { resources: { blockIO: { throttleReadBpsDevice: [{ major: 7, minor: 0 }] } } }),
	],
	[
		"linux.resources.hugepageLimits[].pageSize",
		"runc crun",
		(config) => merge(config.linux, { resources: { hugepageLimits: [{ limit: 1 }] } }),
	],
	[
		"linux.resources.network.priorities[].name",
		"runc crun",
		(config) => merge(config.linux, { resources: { network: { priorities: [{ priority: 1 }] } } }),
	],
	["linux.seccomp.defaultAction", "crun", (config) => (config.linux.seccomp = { syscalls: [] })],
	["linux.seccomp.syscalls[].names", "crun", (config) => (config.linux.seccomp = seccomp({ names: undefined }))],
	["linux.seccomp.syscalls[].action", "runc crun", (config) => (config.linux.seccomp = seccomp({ action: undefined }))],
	[
		"linux.seccomp.syscalls[].args[].index",
		"",
		(config) => (config.linux.seccomp = seccomp({ args: [{ ...argument, index: undefined }] })),
	],
	[
		"linux.seccomp.syscalls[].args[].value",
		"",
		(config) => (config.linux.seccomp = seccomp({ args: [{ ...argument, value: undefined }] })),
	],
	[
		"linux.seccomp.syscalls[].args[].op",
		"runc crun",
		(config) => (config.linux.seccomp = seccomp({ args: [{ ...argument, op: undefined }] })),
	],
	["linux.personality.domain", "crun", (config) => merge(config.linux, { personality: {} })],
	["linux.memoryPolicy.mode", "", (config) => merge(config.linux, { memoryPolicy: { nodes: "0" } })],
];

for (const [property, peers, change] of required) {
	const not: { [peer in Peer]?: string } = {};
	for (const peer of ["runc", "crun"] as const)
		if (!peers.includes(peer)) not[peer] = "its version here takes a zero value for what is missing";
	conformance(
		`a document without ${property} is refused`,
		async (world) => {
			await world.refused((config) => void change(config));
		},
		{ not },
	);
}
