// cgroup v2: one folder, made and limited before the new process is born in it (CLONE_INTO_CGROUP).
// @see runtime-spec config-linux.md#control-groups, Documentation/admin-guide/cgroup-v2.rst

import { CortenError } from "../base/errors.ts";
import type { Linux } from "../spec/runtime.ts";
import type { CgroupFolder } from "./cgroup-paths.ts";
import { makeCgroup, writeSettings } from "./cgroup-steps.ts";
import { controllersOf2, settings2 } from "./cgroup2-settings.ts";
import { opFlags } from "./ops.ts";
import type { Steps } from "./steps.ts";

/** Controllers every container gets: its limits, its count of use. */
const always = ["memory", "pids", "cpu"];

/**
 * Makes the cgroup and sets its limits.
 * @param available the controllers of this machine; undefined: not known
 * @throws `unsupported` for a limit of a controller that is not among them; else see {@link settings2}
 */
export function addCgroup2(steps: Steps, linux: Linux, folder: CgroupFolder, available: readonly string[] | undefined): void {
	const settings = settings2(linux.resources ?? {});
	const needed = controllersOf2(settings);
	for (const [controller, at] of needed) {
		if (available === undefined || available.includes(controller)) continue;
		throw new CortenError("unsupported", `cannot limit what cgroup controller "${controller}" limits: this machine does not have it`, {
			at,
		});
	}
	makeCgroup(steps, folder);
	// From the root down each folder must hand its controllers on. One write each: a controller that is missing spoils a whole write.
	// Optional, as a missing controller matters only to a limit, and then the limit's own write says so.
	const controllers = [...new Set([...always, ...needed.map(([controller]) => controller), ...(available ?? [])])];
	const { mountPoint, path } = folder;
	for (let end = mountPoint.length; end >= 0; end = path.indexOf("/", end + 1)) {
		const handOn = controllers.map((name) => ({
			file: "cgroup.subtree_control",
			value: `+${name}`,
			at: "/linux/cgroupsPath",
			flags: opFlags.optional,
		}));
		writeSettings(steps, path.slice(0, end), handOn);
	}
	writeSettings(steps, path, settings);
}

/** For a container that gets no cgroup. @throws `permission-denied` when it has a limit: it would not hold */
export function refuseLimits2({ resources }: Linux): void {
	const [first] = settings2(resources ?? {});
	if (first === undefined) return;
	throw new CortenError("permission-denied", `cannot write "${first.value}" into "${first.file}": no cgroup can be made`, {
		at: first.at,
		hint: "without rights over the host's cgroups there are no limits, unless systemd makes the cgroup (--systemd-cgroup)",
	});
}
