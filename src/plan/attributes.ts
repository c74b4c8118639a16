// What a process is beside its user: how it is scheduled, where its memory comes from, which system it sees. Set while it is still root,
// as real-time classes and negative nice values need a privilege, and before its seccomp filter, which need not allow these calls.
// @see runtime-spec config.md#linux-process, config-linux.md#memory-policy, #personality

import { CortenError } from "../base/errors.ts";
import {
	ioPriorityClasses,
	type Linux,
	memoryPolicyFlags,
	memoryPolicyModes,
	type Process,
	type Scheduler,
	schedulerFlags,
	schedulerPolicies,
} from "../spec/runtime.ts";
import { parseMask } from "./masks.ts";
import { add, type Steps } from "./steps.ts";

/** What of `linux` every process of a container gets, also one that comes later. */
export type SharedAttributes = Pick<Linux, "personality" | "memoryPolicy">;

const personalities = { LINUX: 0, LINUX32: 8 } as const;
const clampFlags: readonly string[] = ["SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX"];
/** SCHED_CAPACITY_SCALE: no clamp at all. */
const maxUtilization = 1024;
/** The sizes of struct sched_attr, without and with utilization clamps. */
const attributeBytes = { plain: 48, clamped: 56 } as const;
const firstMemoryPolicyFlag = 1 << 13;

/** Adds all of them. @throws `invalid-spec`, `unsupported` */
export function addAttributes(steps: Steps, process: Process, { personality, memoryPolicy }: SharedAttributes): void {
	if (process.scheduler !== undefined) addScheduler(steps, process.scheduler);
	if (process.ioPriority !== undefined) {
		const { class: name, priority } = process.ioPriority;
		const value = ((ioPriorityClasses.indexOf(name) + 1) << 13) | priority;
		add(steps, "ioprio_set", { priority: value }, `set I/O priority ${name} ${priority}`, "/process/ioPriority");
	}
	if (memoryPolicy !== undefined) addMemoryPolicy(steps, memoryPolicy);
	if (personality !== undefined) addPersonality(steps, personality);
}

function addScheduler(steps: Steps, scheduler: Scheduler): void {
	const at = "/process/scheduler";
	const { policy, nice, priority, flags } = scheduler;
	if (policy === "SCHED_ISO")
		throw new CortenError("unsupported", `cannot schedule by ${policy}: Linux has no such policy`, { at: `${at}/policy` });
	const clamped = flags.some((name) => clampFlags.includes(name));
	const attributes = new Uint8Array(clamped ? attributeBytes.clamped : attributeBytes.plain);
	const view = new DataView(attributes.buffer);
	view.setUint32(0, attributes.length, true);
	view.setUint32(4, schedulerPolicies.indexOf(policy), true);
	view.setBigUint64(
		8,
		flags.reduce((bits, name) => bits | (1n << BigInt(schedulerFlags.indexOf(name))), 0n),
		true,
	);
	view.setInt32(16, nice, true);
	view.setInt32(20, priority, true);
	view.setBigUint64(24, scheduler.runtime, true);
	view.setBigUint64(32, scheduler.deadline, true);
	view.setBigUint64(40, scheduler.period, true);
	// The specification has flags for the clamps and no values: those that clamp nothing.
	if (clamped) view.setUint32(52, maxUtilization, true);
	add(steps, "sched_setattr", { attributes }, `schedule by ${policy}`, at);
}

/** A struct sched_attr in words. */
export function schedulerWords(attributes: Uint8Array): string {
	const view = new DataView(attributes.buffer, attributes.byteOffset, attributes.byteLength);
	const flags = schedulerFlags.filter((_, bit) => ((view.getUint32(8, true) >> bit) & 1) === 1);
	const words = [
		schedulerPolicies[view.getUint32(4, true)] ?? "?",
		...flags,
		`nice=${view.getInt32(16, true)}`,
		`priority=${view.getInt32(20, true)}`,
	];
	for (const [index, name] of ["runtime", "deadline", "period"].entries()) {
		const value = view.getBigUint64(24 + index * 8, true);
		if (value !== 0n) words.push(`${name}=${value}`);
	}
	return words.join(" ");
}

function addMemoryPolicy(steps: Steps, { mode, nodes, flags }: NonNullable<Linux["memoryPolicy"]>): void {
	const at = "/linux/memoryPolicy";
	const mask = parseMask(nodes ?? "", "memory nodes", `${at}/nodes`);
	let bits = memoryPolicyModes.indexOf(mode);
	for (const name of flags ?? []) bits |= firstMemoryPolicyFlag << memoryPolicyFlags.indexOf(name);
	add(steps, "set_mempolicy", { mode: bits, nodes: mask }, `set memory policy ${mode}`, at);
}

function addPersonality(steps: Steps, { domain, flags }: NonNullable<Linux["personality"]>): void {
	const at = "/linux/personality";
	const flag = flags?.[0];
	if (flag !== undefined)
		throw new CortenError("unsupported", `cannot use personality flag ${JSON.stringify(flag)}: none is defined`, { at: `${at}/flags` });
	add(steps, "personality", { persona: personalities[domain] }, `set personality ${domain}`, at);
}

/**
 * Sets the CPUs that an exec starts on (`initial`, by the parent, before any cgroup is joined) or stays on (`final`, after).
 * @throws `invalid-spec`
 */
export function addAffinity(steps: Steps, process: Process, which: "initial" | "final"): void {
	const at = `/process/execCPUAffinity/${which}`;
	const list = process.execCPUAffinity?.[which] ?? "";
	const mask = parseMask(list, "CPUs", at);
	if (mask.length > 0) add(steps, "setaffinity", { mask }, `run on CPUs ${list}`, at);
}
