// Where a container's cgroups are: one folder in each hierarchy it joins, named by linux.cgroupsPath below the hierarchy's mount point.

import { CortenError } from "../base/errors.ts";
import type { HostFacts } from "../linux/host.ts";
import type { Linux } from "../spec/runtime.ts";

/** Controllers of v1 whose hierarchies every container joins: its limits, its count of use, its device rules, its freezer. */
const always = ["devices", "freezer", "memory", "pids", "cpu", "cpuacct"];

/** `memory` of `/sys/fs/cgroup/memory`. */
export function hierarchyName(mountPoint: string): string {
	return mountPoint.slice(mountPoint.lastIndexOf("/") + 1);
}

/**
 * The path below each hierarchy's mount point, beginning with a slash: linux.cgroupsPath, or `/corten-<id>` of the container's folder.
 * @throws `unsupported` for systemd's slice:prefix:name, `invalid-spec` for a path that climbs
 */
export function cgroupPath(linux: Linux, folder: string): string {
	const given = linux.cgroupsPath;
	if (given === undefined || given === "") return `/corten-${folder.slice(folder.lastIndexOf("/") + 1)}`;
	const at = "/linux/cgroupsPath";
	if (given.includes(":")) throw new CortenError("unsupported", `cannot use cgroup "${given}": systemd's form is not implemented`, { at });
	const names = given.split("/").filter((name) => name !== "" && name !== ".");
	if (names.length === 0 || names.includes("..")) throw new CortenError("invalid-spec", `cannot use cgroup "${given}"`, { at });
	return `/${names.join("/")}`;
}

/** Whether the container has a limit that the v1 hierarchy with these controllers keeps, or joins it anyway. */
export function joinsHierarchy(linux: Linux, controllers: readonly string[]): boolean {
	const { cpus, mems } = linux.resources?.cpu ?? {};
	if (controllers.includes("cpuset")) return cpus !== undefined || mems !== undefined || controllers.some((name) => always.includes(name));
	return controllers.some((name) => always.includes(name));
}

/**
 * The absolute folders of a container's cgroups: one for version 2; for version 1 one in each hierarchy that it joins, in the order of
 * the host. For whoever joins them, reads their counts or removes them.
 * @param folder the container's folder, whose name stands in for a missing linux.cgroupsPath
 * @throws see {@link cgroupPath}
 */
export function cgroupFolders(linux: Linux, cgroup: HostFacts["cgroup"], folder: string): readonly string[] {
	const path = cgroupPath(linux, folder);
	if (cgroup.version === 2) return [cgroup.mountPoint + path];
	return cgroup.hierarchies.filter(({ controllers }) => joinsHierarchy(linux, controllers)).map(({ mountPoint }) => mountPoint + path);
}
