// cgroup v2: one folder, made and limited before the new process is born in it (CLONE_INTO_CGROUP).
// @see runtime-spec config-linux.md#control-groups, Documentation/admin-guide/cgroup-v2.rst

import { CortenError } from "../base/errors.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../linux/file.ts";
import type { Linux, Resources } from "../spec/runtime.ts";
import { cgroupPath } from "./cgroup-paths.ts";
import { makeCgroup, put, type Setting, writeSettings } from "./cgroup1.ts";
import { cwd, opFlags } from "./ops.ts";
import { add, type Steps, takeSlot } from "./steps.ts";

/** Makes the cgroup. @returns the slot of its folder, for clone3 */
export function addCgroup2(steps: Steps, linux: Linux, mountPoint: string, folder: string): number {
	const path = cgroupPath(linux, folder);
	const resources = linux.resources ?? {};
	makeCgroup(steps, mountPoint, path);
	// From the root down each folder must hand its controllers on. One write each: a controller that is missing spoils a whole write.
	// Optional, as a missing controller matters only to a limit, and then the limit's own write says so.
	const controllers = ["memory", "pids", "cpu", ...(needsCpuset(resources) ? ["cpuset"] : []), ...unifiedControllers(resources)];
	for (let end = 0; end >= 0 && end < path.length; end = path.indexOf("/", end + 1)) {
		const above = mountPoint + path.slice(0, end);
		const settings = controllers.map((name) => ({
			file: "cgroup.subtree_control",
			value: `+${name}`,
			at: "/linux/cgroupsPath",
			flags: opFlags.optional,
		}));
		writeSettings(steps, above, settings);
	}
	writeSettings(steps, mountPoint + path, settingsOf(resources));
	const slot = takeSlot(steps);
	const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
	add(
		steps,
		"openat",
		{ out: slot, dir: cwd, path: mountPoint + path, flags, mode: 0 },
		`open cgroup "${mountPoint + path}"`,
		"/linux/cgroupsPath",
	);
	return slot;
}

const needsCpuset = (resources: Resources): boolean => resources.cpu?.cpus !== undefined || resources.cpu?.mems !== undefined;

function unifiedControllers(resources: Resources): string[] {
	const names = Object.keys(resources.unified ?? {}).map((file) => file.slice(0, file.indexOf(".")));
	return [...new Set(names)].filter((name) => !["memory", "pids", "cpu", "cpuset", "cgroup"].includes(name));
}

const maximum = (value: bigint): bigint | "max" => (value < 0n ? "max" : value);

function settingsOf({ memory, cpu, pids, unified }: Resources): Setting[] {
	const settings: Setting[] = [];
	if (memory?.limit !== undefined && memory.limit !== 0n) put(settings, "memory.max", maximum(memory.limit), "memory/limit");
	if (memory?.reservation !== undefined && memory.reservation !== 0n)
		put(settings, "memory.low", maximum(memory.reservation), "memory/reservation");
	if (memory?.swap !== undefined && memory.swap !== 0n)
		put(settings, "memory.swap.max", swapAlone(memory.swap, memory.limit), "memory/swap", opFlags.absentOk);
	if (cpu?.shares !== undefined && cpu.shares !== 0n) put(settings, "cpu.weight", weightOfShares(cpu.shares), "cpu/shares");
	if (cpu?.quota || cpu?.period) put(settings, "cpu.max", `${maximum(cpu.quota || -1n)} ${cpu.period || 100_000n}`, "cpu/quota");
	put(settings, "cpuset.cpus", cpu?.cpus, "cpu/cpus");
	put(settings, "cpuset.mems", cpu?.mems, "cpu/mems");
	if (pids?.limit !== undefined) put(settings, "pids.max", pids.limit > 0n ? pids.limit : "max", "pids/limit");
	for (const [file, value] of Object.entries(unified ?? {})) {
		if (file.includes("/") || file.includes(".."))
			throw new CortenError("invalid-spec", `cannot set cgroup file "${file}"`, { at: "/linux/resources/unified" });
		put(settings, file, value, `unified/${file}`);
	}
	return settings;
}

/** config.json's swap is memory and swap together, v2's is swap alone. */
function swapAlone(both: bigint, memory: bigint | undefined): bigint | "max" {
	if (both < 0n) return "max";
	const at = "/linux/resources/memory/swap";
	if (memory === undefined || memory <= 0n) throw new CortenError("invalid-spec", "cannot limit swap without a limit of memory", { at });
	if (both < memory) throw new CortenError("invalid-spec", "cannot limit memory and swap together to less than memory", { at });
	return both - memory;
}

/**
 * v1's shares (2 to 262144, default 1024) as v2's weight (1 to 10000, default 100): the curve through these three points that runc and
 * crun use since 2025; the straight line before it made 1024 shares a weight of 39.
 */
export function weightOfShares(shares: bigint): bigint {
	if (shares <= 2n) return 1n;
	if (shares >= 262_144n) return 10_000n;
	const log = Math.log2(Number(shares));
	return BigInt(Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34)));
}
