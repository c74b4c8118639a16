// Device rules are set by the parent when the new process is prepared, and before it may go: building the root can take devices that the
// container must not have (loop devices, before Linux 6.12), and a filesystem on one is opened by whoever mounts it.

import type { Linux } from "../spec/runtime.ts";
import type { CgroupFolder } from "./cgroup-paths.ts";
import type { Setting } from "./cgroup-setting.ts";
import { writeSettings } from "./cgroup-steps.ts";
import { compileDeviceRules } from "./device-program.ts";
import { type DeviceRule, deviceRules } from "./device-rules.ts";
import { opFlags } from "./ops.ts";
import { add, type Steps } from "./steps.ts";

/**
 * Sets the rules of linux.resources.devices, and those every container has: lines for cgroup v1, a program for v2. Whoever may not set
 * them (no v1 folder could be made, or `mayFail`) has no privilege over devices that they would take away.
 * @param cgroup the slot of the v2 folder, on a machine that has no other
 * @param replace whether rules of an earlier start are there, which these take the place of
 */
export function addDeviceRules(
	steps: Steps,
	linux: Linux,
	folders: readonly CgroupFolder[],
	cgroup: number | undefined,
	mayFail: boolean,
	replace = false,
): void {
	const at = "/linux/resources/devices";
	const rules = deviceRules(linux.resources?.devices ?? []);
	const flags = mayFail ? opFlags.optional : 0;
	if (cgroup !== undefined) {
		add(steps, "bpf", { cgroup, instructions: compileDeviceRules(rules), replace: replace ? 1 : 0 }, "load the device rules", at, flags);
		return;
	}
	for (const { path, controllers } of folders) {
		if (controllers.includes("devices"))
			writeSettings(
				steps,
				path,
				rules.map((rule) => ({ ...line(rule), flags })),
			);
	}
}

function line(rule: DeviceRule): Setting {
	const value = rule.type === "a" ? "a" : `${rule.type} ${rule.major ?? "*"}:${rule.minor ?? "*"} ${rule.access}`;
	return { file: rule.allow ? "devices.allow" : "devices.deny", value, at: "/linux/resources/devices" };
}
