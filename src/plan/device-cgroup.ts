// Device rules are set by the parent when the new process is prepared, and before it may go: building the root can take devices that the
// container must not have (loop devices, before Linux 6.12), and a filesystem on one is opened by whoever mounts it.

import type { HostFacts } from "../linux/host.ts";
import type { Linux } from "../spec/runtime.ts";
import { cgroupPath } from "./cgroup-paths.ts";
import { type Setting, writeSettings } from "./cgroup1.ts";
import { compileDeviceRules } from "./device-program.ts";
import { type DeviceRule, deviceRules } from "./device-rules.ts";
import { add, type Steps } from "./steps.ts";

/**
 * Sets the rules of linux.resources.devices, if there are any: lines for cgroup v1, a program for v2.
 * @param cgroup the slot of the v2 folder
 */
export function addDeviceRules(steps: Steps, linux: Linux, host: HostFacts, folder: string, cgroup: number): void {
	const given = linux.resources?.devices;
	if (given === undefined) return;
	const rules = deviceRules(given);
	if (host.cgroup.version === 2) {
		add(steps, "bpf", { cgroup, instructions: compileDeviceRules(rules) }, "load the device rules", "/linux/resources/devices");
		return;
	}
	for (const { mountPoint, controllers } of host.cgroup.hierarchies) {
		if (controllers.includes("devices")) writeSettings(steps, mountPoint + cgroupPath(linux, folder), rules.map(line));
	}
}

function line(rule: DeviceRule): Setting {
	const value = rule.type === "a" ? "a" : `${rule.type} ${rule.major ?? "*"}:${rule.minor ?? "*"} ${rule.access}`;
	return { file: rule.allow ? "devices.allow" : "devices.deny", value, at: "/linux/resources/devices" };
}
