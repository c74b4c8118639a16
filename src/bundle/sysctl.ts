// Sysctls that belong to a namespace of the container and so cannot reach the host.
// @see docker-run(1) --sysctl, namespaces(7)

import { CortenError } from "../base/errors.ts";
import type { HostFacts } from "../linux/host.ts";
import type { RunRequest } from "./request.ts";

const at = "--sysctl";
const ipcNames = ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"].map((name) => `kernel.${name}`);

/** Which namespace a sysctl is of; undefined for those of the machine. */
export function sysctlNamespace(name: string): "network" | "ipc" | undefined {
	if (name.startsWith("net.")) return "network";
	return name.startsWith("fs.mqueue.") || ipcNames.includes(name) ? "ipc" : undefined;
}

/**
 * Parses `name=value`.
 * @throws `invalid-argument` for another grammar (no path can be smuggled in: a name is words joined by dots), and for a sysctl of
 * the machine
 */
export function parseSysctl(text: string): readonly [name: string, value: string] {
	const equals = text.indexOf("=");
	const name = text.slice(0, Math.max(equals, 0));
	const value = text.slice(equals + 1);
	if (!/^[a-z0-9_-]+(?:\.[A-Za-z0-9_@:-]+)+$/.test(name) || /[\0\n]/.test(value)) {
		throw new CortenError("invalid-argument", `cannot parse sysctl "${text}": it is not NAME=VALUE`, { at });
	}
	if (sysctlNamespace(name) === undefined) {
		const hint = "a container may set net.*, fs.mqueue.* and the kernel.* names of System V IPC";
		throw new CortenError("invalid-argument", `cannot set sysctl "${name}": it is the machine's, not the container's`, { at, hint });
	}
	return [name, value];
}

/**
 * docker's defaults with what was asked for. A new network namespace lets every group ping, and every user bind to low ports.
 * @throws `invalid-argument` when a sysctl's namespace is the host's
 */
export function composeSysctls(
	request: Pick<RunRequest, "sysctls" | "network" | "ipc">,
	{ initialUserNamespace }: Pick<HostFacts, "initialUserNamespace">,
): Record<string, string> {
	// A range of groups must be mapped; in a user namespace 0 always is.
	const pingers = initialUserNamespace ? "0 2147483647" : "0 0";
	const defaults = request.network === "host" ? {} : { "net.ipv4.ping_group_range": pingers, "net.ipv4.ip_unprivileged_port_start": "0" };
	for (const name of Object.keys(request.sysctls)) {
		const namespace = sysctlNamespace(name);
		if ((namespace === "network" && request.network === "host") || (namespace === "ipc" && request.ipc === "host")) {
			throw new CortenError("invalid-argument", `cannot set sysctl "${name}": the ${namespace} namespace is the host's`, { at });
		}
	}
	return { ...defaults, ...request.sysctls };
}
