// The mounts of a container: docker's own, the three files of the network, and those asked for, which take the place of ours.
// @see runtime-spec config.md#mounts

import { CortenError } from "../base/errors.ts";
import type { Mount } from "../spec/runtime.ts";
import type { MountRequest, RunRequest } from "./request.ts";

type Request = Pick<RunRequest, "mounts" | "ipc" | "privileged" | "readOnly" | "shmSizeBytes" | "writableCgroups">;

function ownMounts(request: Request, terminals: readonly string[]): Mount[] {
	const protect = request.privileged ? [] : ["ro"];
	const cgroup = request.privileged || request.writableCgroups ? [] : ["ro"];
	const safe = ["nosuid", "noexec", "nodev"];
	const mounts: Mount[] = [
		{ destination: "/proc", type: "proc", source: "proc", options: safe },
		{ destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
		{
			destination: "/dev/pts",
			type: "devpts",
			source: "devpts",
			options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", ...terminals],
		},
		{ destination: "/sys", type: "sysfs", source: "sysfs", options: [...safe, ...protect] },
		{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [...safe, ...cgroup] },
		{ destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: safe },
	];
	if (request.ipc === "private") {
		mounts.push({ destination: "/dev/shm", type: "tmpfs", source: "shm", options: [...safe, "mode=1777", `size=${request.shmSizeBytes}`] });
	} else if (request.ipc === "host") {
		mounts.push({ destination: "/dev/shm", type: "bind", source: "/dev/shm", options: ["rbind", "rprivate"] });
	}
	return mounts;
}

function fileMounts(folder: string, readOnly: boolean): Mount[] {
	const options = ["rbind", "rprivate", ...(readOnly ? ["ro"] : [])];
	return ["resolv.conf", "hostname", "hosts"].map((name) => ({
		destination: `/etc/${name}`,
		type: "bind",
		source: `${folder}/${name}`,
		options,
	}));
}

function mountOf(request: MountRequest, recursiveReadonly: boolean): Mount {
	if (request.kind === "tmpfs") return { destination: request.target, type: "tmpfs", source: "tmpfs", options: request.options };
	const readonly = request.readonly === "no" ? [] : request.readonly === "yes" && request.recursive && recursiveReadonly ? ["rro"] : ["ro"];
	const options = [request.recursive ? "rbind" : "bind", ...readonly, ...request.flags, request.propagation];
	return { destination: request.target, type: "bind", source: request.source, options };
}

const depth = (path: string): number => path.split("/").length;

/**
 * Composes the mounts in the order they are made: ours, then the asked-for ones by depth, so that none hides another.
 * @param folder the container's folder, where the network's files are
 * @param recursiveReadonly whether the kernel makes a tree of mounts read-only (mount_setattr, Linux 5.12): otherwise the mounts
 * below a read-only source stay as they are
 * @param alone in a user namespace that maps one group there is no group of terminals
 * @throws `invalid-argument` when two are asked for at one place
 */
export function composeMounts(request: Request, folder: string, recursiveReadonly: boolean, alone = false): Mount[] {
	const targets = new Set<string>();
	for (const { target, at } of request.mounts) {
		if (targets.has(target)) throw new CortenError("invalid-argument", `cannot mount twice at "${target}"`, { at });
		targets.add(target);
	}
	const ours = [...ownMounts(request, alone ? [] : ["gid=5"]), ...fileMounts(folder, request.readOnly)].filter(
		({ destination }) => !targets.has(destination) && !(targets.has("/dev") && destination.startsWith("/dev/")),
	);
	const asked = request.mounts
		.map((mount) => mountOf(mount, recursiveReadonly))
		.sort((a, b) => depth(a.destination) - depth(b.destination));
	return [...ours, ...asked];
}

/**
 * The propagation of the container's root that the binds need: a shared one needs a shared root, or its events end there.
 * @returns undefined when the runtime's default will do
 */
export function rootPropagation(mounts: readonly MountRequest[]): "shared" | "rslave" | undefined {
	const words = mounts.map((mount) => (mount.kind === "bind" ? mount.propagation.replace(/^r/, "") : "private"));
	return words.includes("shared") ? "shared" : words.includes("slave") ? "rslave" : undefined;
}
