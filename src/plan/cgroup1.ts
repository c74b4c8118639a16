// cgroup v1: a folder in each hierarchy, made and limited by the host's side, joined by the new process.
// @see runtime-spec config-linux.md#control-groups, Documentation/admin-guide/cgroup-v1/

import { CortenError } from "../base/errors.ts";
import type { HostFacts } from "../linux/host.ts";
import type { Linux, Resources } from "../spec/runtime.ts";
import { cgroupPath, joinsHierarchy } from "./cgroup-paths.ts";
import { cwd, opFlags } from "./ops.ts";
import { add, bytesOf, type Steps } from "./steps.ts";

/** A line for a cgroup file, and the field that asked for it. */
export type Setting = { readonly file: string; readonly value: string; readonly at: string; readonly flags?: number };

/** Appends a setting when the field is given. */
export function put(settings: Setting[], file: string, value: bigint | string | undefined, at: string, flags = 0): void {
	if (value !== undefined) settings.push({ file, value: `${value}`, at: `/linux/resources/${at}`, flags });
}

/** Writes settings into the files of a cgroup folder. */
export function writeSettings(steps: Steps, folder: string, settings: readonly Setting[]): void {
	for (const { file, value, at, flags } of settings) {
		const what = `write "${value}" into "${folder}/${file}"`;
		add(steps, "write", { dir: cwd, path: `${folder}/${file}`, data: bytesOf(value), flags: 0 }, what, at, flags ?? 0);
	}
}

/** Makes a cgroup folder with those above it; one that is there already stays. */
export function makeCgroup(steps: Steps, mountPoint: string, path: string): void {
	for (let end = path.indexOf("/", 1); ; end = path.indexOf("/", end + 1)) {
		const folder = mountPoint + (end < 0 ? path : path.slice(0, end));
		add(steps, "mkdirat", { dir: cwd, path: folder, mode: 0o755 }, `make cgroup "${folder}"`, "/linux/cgroupsPath", opFlags.presentOk);
		if (end < 0) return;
	}
}

type Hierarchies = (HostFacts["cgroup"] & { version: 1 })["hierarchies"];

/** The host's side: folders and limits. @throws `unsupported` for linux.resources.unified, which is v2's */
export function addCgroups1(steps: Steps, linux: Linux, host: HostFacts, hierarchies: Hierarchies, folder: string): void {
	if (Object.keys(linux.resources?.unified ?? {}).length > 0) {
		throw new CortenError("unsupported", "cannot set files of cgroup v2 on a machine with cgroup v1", { at: "/linux/resources/unified" });
	}
	const path = cgroupPath(linux, folder);
	for (const { mountPoint, controllers } of hierarchies) {
		if (!joinsHierarchy(linux, controllers)) continue;
		makeCgroup(steps, mountPoint, path);
		for (const controller of controllers) writeSettings(steps, mountPoint + path, settingsOf(controller, linux.resources ?? {}, host));
	}
}

function settingsOf(controller: string, resources: Resources, host: HostFacts): Setting[] {
	const settings: Setting[] = [];
	const { cpu, memory, pids } = resources;
	switch (controller) {
		case "memory":
			put(settings, "memory.limit_in_bytes", memory?.limit, "memory/limit");
			put(settings, "memory.soft_limit_in_bytes", memory?.reservation, "memory/reservation");
			// After the limit: memory and swap together may not be less. Kernels that do not count swap lack the file.
			put(settings, "memory.memsw.limit_in_bytes", memory?.swap, "memory/swap", opFlags.absentOk);
			break;
		case "cpu":
			put(settings, "cpu.shares", cpu?.shares === 0n ? undefined : cpu?.shares, "cpu/shares");
			put(settings, "cpu.cfs_period_us", cpu?.period === 0n ? undefined : cpu?.period, "cpu/period");
			put(settings, "cpu.cfs_quota_us", cpu?.quota === 0n ? undefined : cpu?.quota, "cpu/quota");
			break;
		case "cpuset":
			// A new cpuset is empty, and an empty one cannot be joined: what is not asked for is all that the host has.
			put(settings, "cpuset.cpus", cpu?.cpus || cpuset(host).cpus, "cpu/cpus");
			put(settings, "cpuset.mems", cpu?.mems || cpuset(host).mems, "cpu/mems");
			break;
		case "pids":
			put(settings, "pids.max", pids?.limit === undefined ? undefined : pids.limit > 0n ? pids.limit : "max", "pids/limit");
			break;
	}
	return settings;
}

function cpuset(host: HostFacts): { readonly cpus: string; readonly mems: string } {
	if (host.cpuset === undefined) throw new CortenError("bug", "cannot fill a cpuset: the facts of the host were read without it");
	return host.cpuset;
}

/**
 * The new process's side. It writes 0 into `tasks`, which moves the one thread that writes: cgroup.procs moves a whole process and for
 * that takes the kernel's lock on all thread groups, which waits for every CPU (measured here: 0.02 ms against 9 to 20 ms).
 */
export function joinCgroups1(steps: Steps, folders: readonly string[]): void {
	for (const path of folders) {
		add(
			steps,
			"write",
			{ dir: cwd, path: `${path}/tasks`, data: new Uint8Array([48]), flags: 0 },
			`join cgroup "${path}"`,
			"/linux/cgroupsPath",
		);
	}
}
