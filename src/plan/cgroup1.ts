// cgroup v1: a folder in each hierarchy, made and limited by the host's side, joined by the new process.
// @see runtime-spec config-linux.md#control-groups, Documentation/admin-guide/cgroup-v1/

import { CortenError } from "../base/errors.ts";
import type { Linux } from "../spec/runtime.ts";
import type { CgroupFolder } from "./cgroup-paths.ts";
import { makeCgroup, writeSettings } from "./cgroup-steps.ts";
import { controllersOf, settings1 } from "./cgroup1-settings.ts";
import { cwd } from "./ops.ts";
import { add, type Steps } from "./steps.ts";

/**
 * The host's side: folders and limits.
 * @throws `unsupported` for linux.resources.unified, which is v2's, and for a limit of a hierarchy that is not joined
 */
export function addCgroups1(steps: Steps, linux: Linux, folders: readonly CgroupFolder[]): void {
	const resources = linux.resources ?? {};
	if (Object.keys(resources.unified ?? {}).length > 0) {
		throw new CortenError("unsupported", "cannot set files of cgroup v2 on a machine with cgroup v1", { at: "/linux/resources/unified" });
	}
	for (const [needed, at] of controllersOf(resources)) {
		if (folders.some(({ controllers }) => controllers.includes(needed))) continue;
		throw new CortenError("permission-denied", `cannot limit what cgroup controller "${needed}" limits: no cgroup of it can be made`, {
			at,
		});
	}
	for (const folder of folders) {
		makeCgroup(steps, folder);
		const cpuset = folder.controllers.includes("cpuset");
		if (cpuset) fillCpusetsAbove(steps, folder);
		for (const controller of folder.controllers) writeSettings(steps, folder.path, settings1(controller, resources));
		if (cpuset) fillCpuset(steps, folder.path);
	}
}

/** A new cpuset is empty, and an empty one can neither be joined nor have others below: what is not asked for is all that the folder above has. */
function fillCpuset(steps: Steps, folder: string): void {
	for (const file of ["cpuset.cpus", "cpuset.mems"]) {
		add(steps, "inherit", { dir: cwd, path: folder, file }, `fill "${folder}/${file}"`, "/linux/cgroupsPath");
	}
}

function fillCpusetsAbove(steps: Steps, { mountPoint, path }: CgroupFolder): void {
	for (let end = path.indexOf("/", mountPoint.length + 1); end >= 0; end = path.indexOf("/", end + 1))
		fillCpuset(steps, path.slice(0, end));
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
