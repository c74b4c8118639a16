// The cgroups of a start, whichever version the machine has: when they are made, who joins them and how.

import type { HostFacts } from "../linux/host.ts";
import type { Linux } from "../spec/runtime.ts";
import { type CgroupFolder, cgroupsOf, unified } from "./cgroup-paths.ts";
import { makeCgroup, openCgroup } from "./cgroup-steps.ts";
import { addCgroups1, joinCgroups1 } from "./cgroup1.ts";
import { addCgroup2, refuseLimits2 } from "./cgroup2.ts";
import { addDeviceRules } from "./device-cgroup.ts";
import type { Frame } from "./frame.ts";
import { cwd } from "./ops.ts";
import { add, type Steps } from "./steps.ts";

/** The cgroups of one plan. */
export type Cgroups = {
	readonly folders: readonly CgroupFolder[];
	/** The slot of the v2 folder that the new process is born in, or cwd. */
	readonly slot: number;
	/** Makes the folders and limits, when that has to wait until systemd has made its scope around the new process. */
	readonly later?: (steps: Steps) => void;
};

/**
 * The host's side, before clone3: folders and limits. With a scope it is only prepared: the scope begins with the new process.
 * @throws `unsupported`, `invalid-spec` or `permission-denied`, each with the field that cannot be
 */
export function addCgroups(steps: Steps, linux: Linux, host: HostFacts, frame: Frame): Cgroups {
	const folders = cgroupsOf(linux, host, frame);
	const born = folders.find(({ controllers }) => controllers.includes(unified));
	const make = (to: Steps): void => {
		if (host.cgroup.version === 1)
			addCgroups1(
				to,
				linux,
				folders.filter((folder) => folder !== born),
			);
		if (born === undefined) {
			if (host.cgroup.version === 2) refuseLimits2(linux);
			return;
		}
		if (host.cgroup.version === 2) addCgroup2(to, linux, born, host.cgroup.controllers);
		else makeCgroup(to, born);
	};
	if (frame.scope !== undefined) return { folders, slot: cwd, later: make };
	make(steps);
	return { folders, slot: born === undefined ? cwd : openCgroup(steps, born) };
}

/** The new process's side, its first steps. With a scope it waits until the parent has put it there. */
export function joinCgroups(steps: Steps, { folders, later }: Cgroups): void {
	if (later !== undefined) add(steps, "sync", { tied: 1 }, "wait for the cgroups");
	joinCgroups1(
		steps,
		folders.filter(({ controllers }) => !controllers.includes(unified)).map(({ path }) => path),
	);
}

/** The parent's side with a scope: has it made around the new process, then makes the rest, and lets the new process go on. */
export function addScope(steps: Steps, { later }: Cgroups, frame: Frame): void {
	if (later === undefined || frame.scope === undefined) return;
	add(steps, "wait", {}, "wait for the new process");
	add(steps, "introduce", { fd: frame.scope.fd }, "make a systemd scope", "/linux/cgroupsPath");
	later(steps);
	add(steps, "resume", {}, "let the new process go on");
}

/** The parent's side, when the new process is prepared and before it may go. */
export function addCgroupDevices(steps: Steps, linux: Linux, host: HostFacts, frame: Frame, cgroups: Cgroups): void {
	const mayFail = frame.rootless === true;
	if (host.cgroup.version === 1) {
		addDeviceRules(steps, linux, cgroups.folders, undefined, mayFail);
		return;
	}
	if (frame.unitCgroup !== undefined) {
		const slot = openCgroup(steps, { path: frame.unitCgroup });
		addDeviceRules(steps, linux, [], slot, mayFail, true);
		return;
	}
	const folder = cgroups.folders[0];
	if (folder === undefined) return;
	addDeviceRules(steps, linux, cgroups.folders, cgroups.slot === cwd ? openCgroup(steps, folder) : cgroups.slot, mayFail);
}

/**
 * The folders that go at the end. Those by which systemd sees that a scope is empty are its own to remove: it would wait for ever for the
 * end of one whose folder somebody else took away.
 */
export function removable({ folders, later }: Cgroups): readonly string[] {
	const ours =
		later === undefined ? folders : folders.filter(({ controllers }) => !watchedBySystemd.some((name) => controllers.includes(name)));
	return ours.map(({ path }) => path);
}

const watchedBySystemd = [unified, "name=systemd"];
