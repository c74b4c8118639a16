// What a container with a user namespace is made of, gathered with the caller's privilege: root of the new namespace can open neither
// what belongs to others nor make devices. A process that passes (op `fork`) does it in a mount namespace of its own, on the stage; the
// new process's mount namespace is a copy of that one, in which the kernel has locked what was set (read-only, nosuid, nodev), so that
// the container cannot take it back.
// @see mount_namespaces(7), "Restrictions on mount namespaces"

import { O_DIRECTORY, O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from "../linux/file.ts";
import type { HostFacts } from "../linux/host.ts";
import * as flag from "../linux/mount-flags.ts";
import type { RootfsRecipe } from "../spec/rootfs.ts";
import type { Config } from "../spec/runtime.ts";
import { prepareBind } from "./binds.ts";
import { devicesOf, ownerOf, typeBits } from "./devices.ts";
import type { Frame } from "./frame.ts";
import { stagedSource } from "./mount-points.ts";
import { attach, createFolder, createLike, gatheredBind, type OpenedBinds, type ParsedMount } from "./mount-target.ts";
import { CLONE_NEWNS } from "./namespaces.ts";
import { cwd } from "./ops.ts";
import { addRootfs, type Root } from "./rootfs.ts";
import { add, freeSlot, type Steps, takeSlot } from "./steps.ts";
import { hostId, type UserNamespace } from "./userns.ts";

/** What there is to gather. */
export type Gathering = {
	readonly config: Config;
	readonly rootfs: RootfsRecipe;
	readonly frame: Frame;
	readonly host: HostFacts;
	readonly mounts: readonly ParsedMount[];
	readonly user: UserNamespace;
	/** @see openMappedBinds */
	readonly mapped: OpenedBinds;
};

/** Where on the stage the device with this index is. */
export const gatheredDevice = (index: number): string => `d/${index}`;

/** Whether this caller can make devices at all: not in a user namespace. */
export const makesDevices = (host: HostFacts): boolean => host.initialUserNamespace && (host.capabilities & (1n << 27n)) !== 0n;

/** Gathers it all. The current folder is the stage afterwards, and so is that of the new process. */
export function gather(steps: Steps, gathering: Gathering): void {
	const { config, rootfs, frame, host, mounts, user, mapped } = gathering;
	add(steps, "unshare", { flags: CLONE_NEWNS }, "make a mount namespace to gather in", "/linux/namespaces");
	const inward = { source: "", target: "/", type: "", flags: flag.MS_REC | flag.MS_SLAVE, data: "" };
	add(steps, "mount", inward, "keep mounts from the host");
	// Open to everybody: nobody but this process and the new one sees it, and the latter is not the host's root.
	const { root, stage } = addRootfs(steps, rootfs, { frame, host, config, mounts, place: "gathered" });
	for (const [index, parsed] of mounts.entries()) {
		if (!parsed.bind || parsed.options.remount || stagedSource(parsed, frame) !== undefined) continue;
		const tree = prepareBind(steps, parsed, { frame, stage, config, opened: mapped });
		const what = `gather the source of the mount at "${parsed.mount.destination}"`;
		attach(steps, stage, gatheredBind(index), tree, createLike(tree), true, what, parsed.at);
		freeSlot(steps, tree);
	}
	if (makesDevices(host)) gatherDevices(steps, config, stage, user);
	freeSlot(steps, root);
	freeSlot(steps, stage);
}

function gatherDevices(steps: Steps, config: Config, stage: number, { uids, gids }: UserNamespace): void {
	const made = takeSlot(steps);
	const what = "make a place for devices";
	const attrs = flag.MOUNT_ATTR_NOSUID | flag.MOUNT_ATTR_NOEXEC;
	add(steps, "fsmount", { out: made, type: "tmpfs", options: ["mode=0755"], attrs }, what);
	attach(steps, stage, "d", made, createFolder, true, what, "");
	for (const [index, { path, type, mode, number, uid, gid, at }] of devicesOf(config).entries()) {
		if (type === "p") continue;
		const name = `${index}`;
		const args = {
			dir: made,
			path: name,
			mode: typeBits[type] | mode,
			dev: number,
			owner: ownerOf(hostId(uids, uid) ?? 0, hostId(gids, gid) ?? 0),
			source: "",
		};
		add(steps, "mknodat", args, `make device "${path}"`, at);
	}
	freeSlot(steps, made);
}

/** The new process, whose current folder is its copy of the stage: the root becomes a mount of its own, which can be pivoted to. */
export function enterGathered(steps: Steps): Root {
	const stage = takeSlot(steps);
	const root = takeSlot(steps);
	add(steps, "openat", { out: stage, dir: cwd, path: ".", flags: O_PATH | O_DIRECTORY, mode: 0 }, "open the stage");
	const what = "open the root filesystem";
	const tree = takeSlot(steps);
	add(steps, "open_tree", { out: tree, dir: stage, path: "r", flags: flag.OPEN_TREE_CLONE | flag.AT_RECURSIVE }, what, "/root");
	attach(steps, stage, "r", tree, 0, true, what, "/root");
	freeSlot(steps, tree);
	const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
	add(steps, "openat2", { out: root, dir: stage, path: "r", flags: O_PATH | O_DIRECTORY, resolve, create: 0 }, what, "/root");
	return { root, stage };
}
