// Namespaces: which ones clone3 makes, which existing ones are joined, and what is set inside the new ones.
// @see runtime-spec config-linux.md#namespaces, namespaces(7)

import { CortenError } from "../base/errors.ts";
import { O_RDONLY } from "../linux/file.ts";
import type { Config, NamespaceType } from "../spec/runtime.ts";
import { cwd } from "./ops.ts";
import { add, type Steps, takeSlot } from "./steps.ts";

export const CLONE_NEWPID = 0x2000_0000;
export const CLONE_NEWCGROUP = 0x0200_0000;
export const CLONE_NEWNS = 0x2_0000;

/** The CLONE_NEW* bit of a namespace type. */
export function namespaceFlag(type: NamespaceType): number {
	switch (type) {
		case "mount":
			return CLONE_NEWNS;
		case "uts":
			return 0x0400_0000;
		case "ipc":
			return 0x0800_0000;
		case "pid":
			return CLONE_NEWPID;
		case "network":
			return 0x4000_0000;
		case "cgroup":
			return CLONE_NEWCGROUP;
		case "time":
			return 0x80;
		case "user":
			return 0x1000_0000;
	}
}

/** A namespace to join: its slot, its bit, its place in config.json. */
export type Join = { readonly slot: number; readonly flags: number; readonly path: string; readonly at: string };

/**
 * Reads the section. The host's side opens the namespaces to join, while their paths still mean what the caller meant.
 * @returns clone: bits for clone3 (a new cgroup namespace is not among them: it must come after the cgroup is joined)
 * @throws `invalid-spec` for a type that is named twice, `unsupported` for user namespaces and for anything but a new mount namespace
 */
export function openNamespaces(
	steps: Steps,
	config: Config,
): { readonly clone: number; readonly joins: readonly Join[]; readonly newCgroup: boolean } {
	let clone = 0;
	let newCgroup = false;
	const seen: NamespaceType[] = [];
	const joins: Join[] = [];
	for (const [index, { type, path }] of config.linux.namespaces.entries()) {
		const at = `/linux/namespaces/${index}`;
		if (seen.includes(type)) throw new CortenError("invalid-spec", `cannot make namespace "${type}" twice`, { at });
		seen.push(type);
		if (type === "user") throw new CortenError("unsupported", "cannot make a user namespace: not implemented", { at });
		if (path !== undefined && path !== "") {
			if (type === "mount") throw new CortenError("unsupported", "cannot join a mount namespace: a container has its own", { at });
			const slot = takeSlot(steps);
			add(steps, "openat", { out: slot, dir: cwd, path, flags: O_RDONLY, mode: 0 }, `open ${type} namespace "${path}"`, at);
			joins.push({ slot, flags: namespaceFlag(type), path, at });
		} else if (type === "cgroup") newCgroup = true;
		else clone |= namespaceFlag(type);
	}
	if ((clone & CLONE_NEWNS) === 0) {
		throw new CortenError("unsupported", "cannot run without a mount namespace: the root filesystem is mounted in it", {
			at: "/linux/namespaces",
		});
	}
	return { clone, joins, newCgroup };
}

/** Joins those of the opened namespaces that have a bit of `mask`. */
export function joinNamespaces(steps: Steps, joins: readonly Join[], mask: number): void {
	for (const { slot, flags, path, at } of joins) {
		if ((flags & mask) !== 0) add(steps, "setns", { slot, flags }, `join namespace "${path}"`, at);
	}
}

/** What is the new namespaces' own: host and domain name, the loopback interface. @throws `invalid-spec` for a name without its namespace */
export function setUpNamespaces(steps: Steps, config: Config): void {
	const made = (type: NamespaceType): boolean => config.linux.namespaces.some((namespace) => namespace.type === type && !namespace.path);
	const uts = config.linux.namespaces.some((namespace) => namespace.type === "uts");
	for (const key of ["hostname", "domainname"] as const) {
		const name = config[key];
		if (name === undefined || name === "") continue;
		if (!uts)
			throw new CortenError("invalid-spec", `cannot set ${key} "${name}": the container has the host's UTS namespace`, { at: `/${key}` });
		if (name.length > 64)
			throw new CortenError("invalid-spec", `cannot set ${key} "${name}": it is longer than 64 bytes`, { at: `/${key}` });
		add(steps, key === "hostname" ? "sethostname" : "setdomainname", { name }, `set ${key} "${name}"`, `/${key}`);
	}
	if (made("network")) add(steps, "ifup", { name: "lo" }, 'bring up interface "lo"', "/linux/namespaces");
}
