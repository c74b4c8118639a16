// Where a container's cgroups are: one folder in each hierarchy it joins, named by linux.cgroupsPath below the hierarchy's mount point or,
// for a relative path, below the caller's own cgroup.
// @see runtime-spec config-linux.md#cgroups-path

import { CortenError } from "../base/errors.ts";
import type { HostFacts } from "../linux/host.ts";
import type { Linux } from "../spec/runtime.ts";
import { controllersOf } from "./cgroup1-settings.ts";

/** One cgroup of a container. */
export type CgroupFolder = {
	/** Absolute. */
	readonly path: string;
	/** The mount point of its hierarchy, above `path`. */
	readonly mountPoint: string;
	/** Those of a v1 hierarchy; of a v2 one, also beside v1's, {@link unified}. */
	readonly controllers: readonly string[];
};

/** What stands for the controllers of a v2 hierarchy. */
export const unified = "unified";

/** What decides beside config.json. */
export type CgroupChoice = {
	/** The container's name, which stands in for a missing linux.cgroupsPath. */
	readonly id: string;
	/**
	 * `needed`: of v1's hierarchies those that limit, count or freeze this container. `all`: every one, so that whoever looks for the
	 * container in one of them finds it, as other runtimes have it.
	 */
	readonly join: "needed" | "all";
	/** The caller's own cgroups: given, a relative or missing path begins there; else at the top. */
	readonly own?: OwnCgroups;
	/** As /proc/self/cgroup would name it: systemd has decided it. */
	readonly path?: string;
};

/** The text behind the controllers of /proc/self/cgroup; v2's controller is "". */
export type OwnCgroups = Readonly<Record<string, string>>;

/** Controllers of v1 whose hierarchies every container joins: its limits, its count of use, its device rules, its freezer. */
const always = ["devices", "freezer", "memory", "pids", "cpu", "cpuacct"];

/** `memory` of `/sys/fs/cgroup/memory`. */
export function hierarchyName(mountPoint: string): string {
	return mountPoint.slice(mountPoint.lastIndexOf("/") + 1);
}

/** The end of a container's folder, which is its id. */
export function idOfFolder(folder: string): string {
	return folder.slice(folder.lastIndexOf("/") + 1);
}

function cleanPath(given: string): string {
	const at = "/linux/cgroupsPath";
	if (given.includes(":") && /^[^/:]*:[^/:]*:[^/:]*$/.test(given)) {
		throw new CortenError("unsupported", `cannot use cgroup "${given}": systemd's form needs --systemd-cgroup`, { at });
	}
	const names = given.split("/").filter((name) => name !== "" && name !== ".");
	if (names.length === 0 || names.includes("..")) throw new CortenError("invalid-spec", `cannot use cgroup "${given}"`, { at });
	return `/${names.join("/")}`;
}

/**
 * The path below a mount point.
 * @param own the caller's cgroup as seen from there; undefined: relative paths begin at the top
 * @param root which cgroup is mounted there
 */
function pathBelow(linux: Linux, choice: CgroupChoice, own: string | undefined, root: string | undefined): string {
	if (choice.path !== undefined) return belowRoot(choice.path, root);
	const given = linux.cgroupsPath ?? "";
	const base = own === undefined || own === "/" ? "" : own;
	if (given === "") return own === undefined ? `/corten-${choice.id}` : `${base}/${choice.id}`;
	return given.startsWith("/") ? cleanPath(given) : base + cleanPath(given);
}

/** Of a cgroup as /proc/self/cgroup names it the part below the root of the mount: inside a container the mount is not the whole. */
function belowRoot(own: string, root: string | undefined): string {
	if (root === undefined || root === "/") return own;
	return own === root ? "/" : own.startsWith(`${root}/`) ? own.slice(root.length) : own;
}

function joins(linux: Linux, controllers: readonly string[], choice: CgroupChoice): boolean {
	if (choice.join === "all") return true;
	return controllers.some((name) => always.includes(name) || controllersOf(linux.resources ?? {}).some(([needed]) => needed === name));
}

/**
 * A container's cgroups: one for version 2; for version 1 one in each hierarchy that it joins, in the order of the host, and last the one
 * in the v2 hierarchy beside them when all are joined. For whoever joins them, reads their counts or removes them.
 * @throws `unsupported` for systemd's slice:prefix:name and for a limit of a controller that this machine does not have, `invalid-spec`
 * for a path that climbs
 */
export function resolveCgroups(linux: Linux, cgroup: HostFacts["cgroup"], choice: CgroupChoice): readonly CgroupFolder[] {
	const { own } = choice;
	if (cgroup.version === 2) {
		// The folder above the caller's: the caller's own has processes in it, and then the kernel hands no controllers on to those below.
		const parent = own === undefined ? undefined : above(belowRoot(own[""] ?? "/", cgroup.root));
		return [folderAt(cgroup.mountPoint, pathBelow(linux, choice, parent, cgroup.root), [unified])];
	}
	for (const [needed, at] of controllersOf(linux.resources ?? {})) {
		if (cgroup.hierarchies.some(({ controllers }) => controllers.includes(needed))) continue;
		throw new CortenError("unsupported", `cannot limit what cgroup controller "${needed}" limits: this machine does not have it`, { at });
	}
	const found = cgroup.hierarchies
		.filter(({ controllers }) => joins(linux, controllers, choice))
		.map(({ mountPoint, controllers, root }) => {
			const ownPath = own === undefined ? undefined : belowRoot(own[controllers[0] ?? ""] ?? "/", root);
			return folderAt(mountPoint, pathBelow(linux, choice, ownPath, root), controllers);
		});
	if (choice.join === "all" && cgroup.unified !== undefined) {
		found.push(folderAt(cgroup.unified, pathBelow(linux, choice, own === undefined ? undefined : (own[""] ?? "/"), undefined), [unified]));
	}
	return found;
}

function folderAt(mountPoint: string, path: string, controllers: readonly string[]): CgroupFolder {
	return { mountPoint, path: mountPoint + path, controllers };
}

function above(path: string): string {
	return path.slice(0, path.lastIndexOf("/")) || "/";
}

/**
 * The cgroups of a container that is in its caller's unit: none of its own, the caller's is the container's. Of v1's hierarchies the one
 * of the device rules is left, where the caller's cgroup may be one that it shares with half the machine.
 * @param own the caller's cgroups by controller
 */
export function unitCgroups(
	{ cgroup, initialUserNamespace }: Pick<HostFacts, "cgroup" | "initialUserNamespace">,
	own: OwnCgroups,
	id: string,
): { readonly cgroups: readonly CgroupFolder[]; readonly unitCgroup?: string } {
	if (cgroup.version === 2) {
		const path = belowRoot(own[""] ?? "/", cgroup.root);
		return { cgroups: [], unitCgroup: path === "/" ? cgroup.mountPoint : cgroup.mountPoint + path };
	}
	const cgroups = (initialUserNamespace ? cgroup.hierarchies : [])
		.filter(({ controllers }) => controllers.includes("devices"))
		.map(({ mountPoint, controllers, root }) => {
			const path = belowRoot(own.devices ?? "/", root);
			return folderAt(mountPoint, `${path === "/" ? "" : path}/corten-${id}`, controllers);
		});
	return { cgroups };
}

/**
 * The cgroups of a container outside of units: those it needs, and beside v1's one of v2 when that is what it is to see (a systemd's).
 * @param folder the container's
 */
export function containerCgroups(
	{ linux, mounts }: { readonly linux: Linux; readonly mounts: readonly { readonly type?: string | undefined }[] },
	cgroup: HostFacts["cgroup"],
	folder: string,
): readonly CgroupFolder[] {
	const choice: CgroupChoice = { id: idOfFolder(folder), join: "needed" };
	const needed = resolveCgroups(linux, cgroup, choice);
	if (cgroup.version === 2 || cgroup.unified === undefined || !mounts.some(({ type }) => type === "cgroup2")) return needed;
	return [...needed, folderAt(cgroup.unified, pathBelow(linux, choice, undefined, undefined), [unified])];
}

/** Where a process that joins a container in a unit belongs: in the payload's cgroups, by which the manager tells whose it is. */
export function joinedFolders(cgroup: HostFacts["cgroup"], payload: OwnCgroups): readonly string[] {
	if (cgroup.version === 2) return [cgroup.mountPoint + belowRoot(payload[""] ?? "/", cgroup.root)];
	const joined = cgroup.hierarchies.map(
		({ mountPoint, controllers, root }) => mountPoint + belowRoot(payload[controllers[0] ?? ""] ?? "/", root),
	);
	return cgroup.unified === undefined ? joined : [...joined, cgroup.unified + (payload[""] ?? "/")];
}

/** The cgroups of a plan: those the command has chosen, or what its config.json alone says. */
export function cgroupsOf(
	linux: Linux,
	host: Pick<HostFacts, "cgroup">,
	frame: { readonly folder: string; readonly cgroups?: readonly CgroupFolder[] },
): readonly CgroupFolder[] {
	return frame.cgroups ?? resolveCgroups(linux, host.cgroup, { id: idOfFolder(frame.folder), join: "needed" });
}
