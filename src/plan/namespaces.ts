// Namespaces: which ones clone3 makes, which existing ones are joined, and what is set inside the new ones.
// @see runtime-spec config-linux.md#namespaces, namespaces(7)

import { CortenError } from "../base/errors.ts";
import { O_NONBLOCK, O_RDONLY } from "../linux/file.ts";
import type { Config, NamespaceType } from "../spec/runtime.ts";
import { cwd, opFlags } from "./ops.ts";
import { add, bytesOf, freeSlot, type Steps, takeSlot } from "./steps.ts";

/** Not a namespace: the new process is the caller's child. */
export const CLONE_PARENT = 0x8000;
export const CLONE_NEWPID = 0x2000_0000;
export const CLONE_NEWCGROUP = 0x0200_0000;
export const CLONE_NEWNS = 0x2_0000;
export const CLONE_NEWUSER = 0x1000_0000;

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
			return CLONE_NEWUSER;
	}
}

/** A namespace to join: its slot, its bit, its place in config.json. */
export type Join = { readonly slot: number; readonly type: NamespaceType; readonly path: string; readonly at: string };

/** What config.json says of namespaces, read and opened. */
export type Namespaces = {
	/** Bits for clone3. Not among them: a time namespace with offsets, and what is in `late`. */
	readonly clone: number;
	/**
	 * Bits to unshare later: a cgroup namespace when the cgroup is joined, and with a user namespace the IPC namespace when the process
	 * is root there, or the message queues' folder would belong to nobody.
	 */
	readonly late: number;
	readonly joins: readonly Join[];
	/** The lines of timens_offsets; none: the clocks are the caller's, or those of a new namespace as they are. */
	readonly timeOffsets: string;
	/** The mount namespace: a new one, one that is joined, or the caller's. */
	readonly mount: "new" | "joined" | "none";
};

/**
 * Reads the section. The host's side opens the namespaces to join, while their paths still mean what the caller meant.
 * @throws `invalid-spec` for a type that is named twice, for offsets without a time namespace, `unsupported` for a mount namespace that
 * would not belong to the new user namespace
 */
export function openNamespaces(steps: Steps, config: Config): Namespaces {
	let clone = 0;
	let late = 0;
	let mount: Namespaces["mount"] = "none";
	const timeOffsets = offsetLines(config);
	const hasUser = config.linux.namespaces.some(({ type }) => type === "user");
	const seen: NamespaceType[] = [];
	const joins: Join[] = [];
	for (const [index, { type, path }] of config.linux.namespaces.entries()) {
		const at = `/linux/namespaces/${index}`;
		if (seen.includes(type)) throw new CortenError("invalid-spec", `cannot make namespace "${type}" twice`, { at });
		seen.push(type);
		if (type === "mount") mount = path ? "joined" : "new";
		if (path !== undefined && path !== "") {
			const slot = takeSlot(steps);
			// Not waiting: the path of a FIFO would hold up the start for ever.
			add(steps, "openat", { out: slot, dir: cwd, path, flags: O_RDONLY | O_NONBLOCK, mode: 0 }, `open ${type} namespace "${path}"`, at);
			joins.push({ slot, type, path, at });
		} else if (type === "cgroup" || (type === "ipc" && hasUser)) late |= namespaceFlag(type);
		else if (type !== "time" || timeOffsets === "") clone |= namespaceFlag(type);
	}
	if (mount === "joined" && (clone & CLONE_NEWUSER) !== 0) {
		throw new CortenError("unsupported", "cannot join a mount namespace with a new user namespace: it would have no right to mount there", {
			at: "/linux/namespaces",
		});
	}
	return { clone, late, joins, timeOffsets, mount };
}

/** @throws `invalid-spec` for offsets without a new time namespace, and for clocks that have none */
function offsetLines({ linux: { namespaces, timeOffsets = {} } }: Config): string {
	let lines = "";
	for (const [clock, { secs, nanosecs }] of Object.entries(timeOffsets)) {
		const at = `/linux/timeOffsets/${clock}`;
		if (clock !== "monotonic" && clock !== "boottime") {
			throw new CortenError("invalid-spec", `cannot set clock "${clock}" back or forth`, { at });
		}
		if (!namespaces.some(({ type, path }) => type === "time" && !path)) {
			throw new CortenError("invalid-spec", `cannot set clock "${clock}" without a time namespace of the container's own`, { at });
		}
		lines += `${clock} ${secs} ${nanosecs}\n`;
	}
	return lines;
}

const joinOne = (steps: Steps, { slot, type, path, at }: Join): void =>
	add(steps, "setns", { slot, flags: namespaceFlag(type) }, `join ${type} namespace "${path}"`, at);

/** Joins those of the opened namespaces whose type is asked for. */
export function joinNamespaces(steps: Steps, joins: readonly Join[], asked: (type: NamespaceType) => boolean): void {
	// The mount namespace last: it changes what every path means.
	for (const join of joins) if (join.type !== "mount" && asked(join.type)) joinOne(steps, join);
	for (const join of joins) if (join.type === "mount" && asked(join.type)) joinOne(steps, join);
}

/**
 * The process that passes joins all of them. Whose they are is not known: they are tried with the caller's privilege first, and those
 * that refuse again with what a joined user namespace gives.
 */
export function joinInPassing(steps: Steps, joins: readonly Join[]): void {
	const user = joins.find(({ type }) => type === "user");
	if (user === undefined) {
		joinNamespaces(steps, joins, () => true);
		return;
	}
	const others = joins.filter((join) => join !== user);
	const tryAll = (flags: number): void => {
		for (const { slot, type, path, at } of others) {
			add(steps, "setns_once", { slot, flags: namespaceFlag(type) }, `join ${type} namespace "${path}"`, at, flags);
		}
	};
	tryAll(opFlags.optional);
	joinOne(steps, user);
	tryAll(0);
}

/**
 * A time namespace whose clocks differ: it takes offsets only while nobody is in it.
 * @param enter whether this process goes in itself; otherwise its children are born there
 */
export function addTimeNamespace(steps: Steps, lines: string, enter: boolean): void {
	if (lines === "") return;
	const at = "/linux/timeOffsets";
	const flags = namespaceFlag("time");
	add(steps, "unshare", { flags }, "make a time namespace", at);
	add(steps, "write", { dir: cwd, path: "/proc/self/timens_offsets", data: bytesOf(lines), flags: 0 }, "set the clocks", at);
	if (!enter) return;
	const slot = takeSlot(steps);
	add(
		steps,
		"openat",
		{ out: slot, dir: cwd, path: "/proc/self/ns/time_for_children", flags: O_RDONLY, mode: 0 },
		"enter the time namespace",
		at,
	);
	add(steps, "setns", { slot, flags }, "enter the time namespace", at);
	freeSlot(steps, slot);
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
