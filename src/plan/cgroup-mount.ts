// The mount of type cgroup: what a container sees of its own cgroups. They are bound from the host's mounts, not mounted anew: seen from
// a cgroup namespace a bound folder looks the same, and a new superblock for each of v1's hierarchies costs a start 2 ms.
// Without a cgroup namespace too only the container's own folders are seen, so that a writable mount changes nobody else's.
// @see cgroup_namespaces(7)

import type { HostFacts } from "../linux/host.ts";
import * as flag from "../linux/mount-flags.ts";
import { cgroupsOf, hierarchyName } from "./cgroup-paths.ts";
import { attach, createFolder, type MountContext, nameOf, type ParsedMount } from "./mount-target.ts";
import { cwd } from "./ops.ts";
import { add, freeSlot, type Steps, takeSlot } from "./steps.ts";

/** Mounts the container's cgroup (v2), or all that it joined below a tmpfs, named as on the host (v1). */
export function addCgroupMount(steps: Steps, parsed: ParsedMount, context: MountContext): void {
	const { options, at } = parsed;
	const { config, host } = context;
	const set = options.attributes.set | options.recursiveAttributes.set;
	const folders = cgroupsOf(config.linux, host, context.frame).map(({ path }) => path);
	const made = takeSlot(steps);
	const bind = (folder: string, what: string): void => {
		add(steps, "open_tree", { out: made, dir: cwd, path: folder, flags: flag.OPEN_TREE_CLONE }, `open cgroup "${folder}"`, at);
		add(steps, "mount_setattr", { slot: made, flags: 0, set, clear: flag.MOUNT_ATTR__ATIME, propagation: flag.MS_PRIVATE }, what, at);
	};
	if (host.cgroup.version === 2) {
		// In a unit the container's is the unit's: the whole of the machine's is not for it to see, and a systemd would write it.
		bind(folders[0] ?? context.frame.unitCgroup ?? host.cgroup.mountPoint, nameOf(parsed));
		attach(steps, context.root, parsed.path, made, createFolder, false, nameOf(parsed), at);
	} else addHierarchies(steps, parsed, context, host.cgroup.hierarchies, set, made, bind);
	freeSlot(steps, made);
}

type Hierarchies = (HostFacts["cgroup"] & { version: 1 })["hierarchies"];

function addHierarchies(
	steps: Steps,
	parsed: ParsedMount,
	{ root, config, host, frame }: MountContext,
	hierarchies: Hierarchies,
	set: number,
	made: number,
	bind: (folder: string, what: string) => void,
): void {
	const { mount, at } = parsed;
	const namespace = config.linux.namespaces.some(({ type }) => type === "cgroup");
	const folders = cgroupsOf(config.linux, host, frame).map(({ path }) => path);
	const base = takeSlot(steps);
	const attrs = set & ~flag.MOUNT_ATTR_RDONLY;
	add(steps, "fsmount", { out: base, type: "tmpfs", options: ["source=cgroup", "mode=755"], attrs }, nameOf(parsed), at);
	attach(steps, root, parsed.path, base, createFolder, false, nameOf(parsed), at);
	for (const { mountPoint, controllers } of hierarchies) {
		const name = hierarchyName(mountPoint);
		const what = `mount cgroup "${name}"`;
		const folder = folders.find((path) => path.startsWith(`${mountPoint}/`));
		if (folder !== undefined) bind(folder, what);
		// Java takes the limits of v1 for absent when cpuset's hierarchy is, so it is shown also to who has not joined it.
		else if (namespace && controllers.includes("cpuset")) {
			add(steps, "fsmount", { out: made, type: "cgroup", options: ["source=cgroup", ...controllers], attrs: set }, what, at);
		} else continue;
		attach(steps, base, name, made, createFolder, true, what, at);
		for (const alias of name.includes(",") ? controllers : []) {
			add(steps, "symlinkat", { target: name, dir: base, path: alias }, `link cgroup "${alias}"`, at);
		}
	}
	if (set !== attrs) {
		const change = { slot: base, flags: 0, set: flag.MOUNT_ATTR_RDONLY, clear: 0, propagation: 0 };
		add(steps, "mount_setattr", change, `make "${mount.destination}" read-only`, at);
	}
	freeSlot(steps, base);
}
