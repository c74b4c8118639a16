// Network interfaces of the host that the container gets: moved by the parent, who has the privilege on both sides, while the new process
// waits, so that sysctls of an interface find it, and hooks as well.
// @see runtime-spec config-linux.md#network-devices

import { CortenError } from "../base/errors.ts";
import type { Config } from "../spec/runtime.ts";
import { add, type Steps } from "./steps.ts";

/** IFNAMSIZ without its NUL. */
const maxName = 15;

const asked = ({ linux }: Config): [string, { readonly name?: string }][] => Object.entries(linux.netDevices ?? {});

/** The new process, in its namespaces. */
export function awaitNetDevices(steps: Steps, config: Config): void {
	if (asked(config).length > 0) add(steps, "sync", { tied: 1 }, "wait for network devices", "/linux/netDevices");
}

/** The parent's side. @throws `invalid-spec` for names that are none, and without a network namespace */
export function addNetDevices(steps: Steps, config: Config): void {
	const devices = asked(config);
	const at = "/linux/netDevices";
	if (devices.length === 0) return;
	if (!config.linux.namespaces.some(({ type }) => type === "network"))
		throw new CortenError("invalid-spec", "cannot move network devices: the container has the host's network namespace", { at });
	add(steps, "wait", {}, "wait for the network namespace", at);
	const taken: string[] = [];
	for (const [name, { name: wanted }] of devices) {
		const newName = wanted || name;
		const place = `${at}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
		for (const word of [name, newName]) {
			if (!isName(word))
				throw new CortenError("invalid-spec", `cannot use network device name ${JSON.stringify(word.slice(0, 80))}`, { at: place });
		}
		if (name.includes("%") || (taken.includes(newName) && !newName.includes("%")))
			throw new CortenError("invalid-spec", `cannot move network device "${name}" to "${newName}"`, { at: place });
		taken.push(newName);
		add(steps, "netdevice", { name, newName }, `move network device "${name}" into the container as "${newName}"`, place);
	}
	add(steps, "resume", {}, "let the new process go on", at);
}

/** As the kernel's dev_valid_name; a template has one %d. */
function isName(name: string): boolean {
	if (name === "" || name === "." || name === ".." || name.length > maxName) return false;
	for (const character of name) if (character <= " " || character > "~" || character === "/" || character === ":") return false;
	return !name.includes("%") || (name.split("%").length === 2 && name.includes("%d"));
}
