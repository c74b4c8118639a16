// The freezer of a container's cgroups, read. @see Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst, cgroup-v2.rst cgroup.events

import { isError } from "../base/errors.ts";
import { readTextIfPresent } from "../linux/file.ts";

/** Whether a container is frozen. @param cgroups its folders; those without a freezer say nothing */
export function isFrozen(cgroups: readonly string[]): boolean {
	for (const folder of cgroups) {
		// v1 has a file for it in one hierarchy, whose folder is named freezer; v2 says it in every cgroup.
		if (folder.includes("/freezer/")) return read(`${folder}/freezer.state`)?.startsWith("FROZEN") === true;
		const events = cgroups.length === 1 ? read(`${folder}/cgroup.events`) : undefined;
		if (events !== undefined) return events.includes("frozen 1");
	}
	return false;
}

function read(path: string): string | undefined {
	try {
		return readTextIfPresent(path);
	} catch (error) {
		if (isError(error)) return undefined; // ENODEV: the cgroup is being removed
		throw error;
	}
}
