// What config.json may ask for and no file of this stage compiles yet. It is refused by name, never passed over. Whoever implements a
// property deletes its line here.

import { CortenError } from "../base/errors.ts";
import type { Config, IdMapping, Process, Resources } from "../spec/runtime.ts";

/** A JSON pointer, and whether something is asked for there. An empty text, list or object asks for nothing. */
type Check<T> = readonly [at: string, asked: (section: T) => unknown];

const some = (list: readonly unknown[] | Readonly<Record<string, unknown>> | string | undefined): boolean =>
	list !== undefined && Object.keys(list).length > 0;

const mapped = ({
	uidMappings,
	gidMappings,
}: {
	readonly uidMappings?: readonly IdMapping[];
	readonly gidMappings?: readonly IdMapping[];
}) => some(uidMappings) || some(gidMappings);

const processChecks: readonly Check<Process>[] = [
	["/process/apparmorProfile", (process) => process.apparmorProfile],
	["/process/selinuxLabel", (process) => process.selinuxLabel],
	["/process/ioPriority", (process) => process.ioPriority],
	["/process/scheduler", (process) => process.scheduler],
	["/process/execCPUAffinity", (process) => some(process.execCPUAffinity)],
];

const resourceChecks: readonly Check<Resources>[] = [
	["memory/kernel", ({ memory }) => memory?.kernel !== undefined],
	["memory/kernelTCP", ({ memory }) => memory?.kernelTCP !== undefined],
	["memory/swappiness", ({ memory }) => memory?.swappiness !== undefined],
	["memory/disableOOMKiller", ({ memory }) => memory?.disableOOMKiller],
	["memory/useHierarchy", ({ memory }) => memory?.useHierarchy !== undefined],
	["memory/checkBeforeUpdate", ({ memory }) => memory?.checkBeforeUpdate],
	["cpu/burst", ({ cpu }) => cpu?.burst !== undefined],
	["cpu/realtimeRuntime", ({ cpu }) => cpu?.realtimeRuntime !== undefined],
	["cpu/realtimePeriod", ({ cpu }) => cpu?.realtimePeriod !== undefined],
	["cpu/idle", ({ cpu }) => cpu?.idle !== undefined],
	["blockIO", ({ blockIO }) => some(blockIO)],
	["hugepageLimits", ({ hugepageLimits }) => some(hugepageLimits)],
	["network", ({ network }) => some(network)],
	["rdma", ({ rdma }) => some(rdma)],
];

const linuxChecks: readonly Check<Config["linux"]>[] = [
	["/linux/uidMappings", ({ uidMappings }) => some(uidMappings)],
	["/linux/gidMappings", ({ gidMappings }) => some(gidMappings)],
	["/linux/timeOffsets", ({ timeOffsets }) => some(timeOffsets)],
	["/linux/netDevices", ({ netDevices }) => some(netDevices)],
	["/linux/seccomp/listenerPath", ({ seccomp }) => some(seccomp?.listenerPath)],
	["/linux/mountLabel", ({ mountLabel }) => some(mountLabel)],
	["/linux/personality", ({ personality }) => personality],
	["/linux/memoryPolicy", ({ memoryPolicy }) => memoryPolicy],
	["/linux/intelRdt", ({ intelRdt }) => some(intelRdt)],
];

function refuse(asked: readonly string[]): void {
	if (asked.length === 0) return;
	throw new CortenError("unsupported", `cannot run config.json: not implemented: ${asked.join(", ")}`, { at: asked[0] ?? "" });
}

function askedOf<T>(checks: readonly Check<T>[], section: T, prefix = ""): string[] {
	return checks.filter(([, asked]) => asked(section)).map(([at]) => prefix + at);
}

/**
 * Refuses a configuration that asks for what is not implemented.
 * @throws `unsupported` with every JSON pointer, the first in `at`
 */
export function refuseUnsupported(config: Config): void {
	const asked = askedOf(processChecks, config.process);
	for (const [index, mount] of config.mounts.entries()) if (mapped(mount)) asked.push(`/mounts/${index}/uidMappings`);
	asked.push(...askedOf(linuxChecks, config.linux));
	if (config.linux.resources !== undefined) asked.push(...askedOf(resourceChecks, config.linux.resources, "/linux/resources/"));
	refuse(asked);
}

/** The same for the process of an exec. @throws `unsupported` */
export function refuseUnsupportedProcess(process: Process): void {
	refuse(askedOf(processChecks, process));
}

/** The same for an update of a container's resources; pointers are those of config.json. @throws `unsupported` */
export function refuseUnsupportedResources(resources: Resources): void {
	refuse(askedOf(resourceChecks, resources, "/linux/resources/"));
}
