// Which cgroups a container of the runtime gets: all hierarchies, as other runtimes join them; without rights over the host those that can
// be made, and none when nothing was asked for. @see runtime-spec config-linux.md#cgroups-path

import { CortenError } from "../base/errors.ts";
import { AT_FDCWD, readTextIfPresent } from "../linux/file.ts";
import { type HostFacts, readOwnCgroups } from "../linux/host.ts";
import { cString, syscall } from "../linux/libc.ts";
import { nr } from "../linux/syscalls.ts";
import { type CgroupFolder, resolveCgroups } from "../plan/cgroup-paths.ts";
import type { Linux } from "../spec/runtime.ts";
import { isFrozen } from "../supervise/freezer.ts";
import { membersOf } from "../supervise/members.ts";

const W_OK = 2;
const ENOENT = -2;

/** Who wants cgroups. */
export type CgroupRequest = {
	readonly id: string;
	readonly rootless: boolean;
	/** What systemd has decided, below the mount points. */
	readonly path?: string;
};

/**
 * The folders of a new container's cgroups; nothing is made yet.
 * @throws `unsupported` for a limit of a controller that is not there, `invalid-spec`, `busy` when somebody lives in one of them
 */
export function chooseCgroups(linux: Linux, host: Pick<HostFacts, "cgroup">, request: CgroupRequest): readonly CgroupFolder[] {
	const { id, rootless, path } = request;
	const named = linux.cgroupsPath !== undefined && linux.cgroupsPath !== "";
	const own = path === undefined && !(named && linux.cgroupsPath?.startsWith("/")) ? readOwnCgroups() : undefined;
	const folders = resolveCgroups(linux, host.cgroup, {
		id,
		join: "all",
		...(own !== undefined && { own }),
		...(path !== undefined && { path }),
	});
	// A path that was given is meant: where it cannot be made, launch says so.
	const usable = rootless && !named ? folders.filter(canMake) : folders;
	refuseTaken(usable.map((folder) => folder.path));
	return usable;
}

/** Whether the folder or the first that is there above it may be written. */
function canMake({ path, mountPoint }: CgroupFolder): boolean {
	for (let folder = path; folder.length >= mountPoint.length; folder = folder.slice(0, folder.lastIndexOf("/"))) {
		const result = syscall(nr.faccessat, AT_FDCWD, cString(folder), W_OK);
		if (result !== ENOENT) return result === 0;
	}
	return false;
}

/** Two containers in one cgroup would share limits, and one's end would kill the other. */
function refuseTaken(paths: readonly string[]): void {
	for (const path of paths) {
		const members = membersOf(path);
		if (members.length === 0) continue;
		throw new CortenError("busy", `cannot use cgroup "${path}": container's cgroup is not empty: ${members.length} process(es) found`, {
			at: "/linux/cgroupsPath",
		});
	}
	if (isFrozen(paths)) {
		throw new CortenError("wrong-state", "cannot use a frozen cgroup: container's cgroup unexpectedly frozen", {
			at: "/linux/cgroupsPath",
		});
	}
}

/**
 * The cgroups of a further process. A container that runs an init of its own moves its processes into cgroups below, and then the kernel
 * takes no process in the one above: it goes where the first process is.
 * @param folders of the container
 */
export function cgroupsOfExec(folders: readonly string[], host: Pick<HostFacts, "cgroup">, pid: number): readonly string[] {
	const { cgroup } = host;
	const mountPoint = cgroup.version === 2 ? cgroup.mountPoint : cgroup.unified;
	if (mountPoint === undefined) return folders;
	return folders.map((folder) => {
		if (!folder.startsWith(`${mountPoint}/`)) return folder;
		if ((readTextIfPresent(`${folder}/cgroup.subtree_control`) ?? "").trim() === "") return folder;
		const root = cgroup.version === 2 ? (cgroup.root ?? "") : "";
		const inner = readOwnCgroups(pid)[""] ?? "";
		const path = mountPoint + (inner.startsWith(root) ? inner.slice(root.length) : inner);
		return path.startsWith(`${folder}/`) ? path : folder;
	});
}
