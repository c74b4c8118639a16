// A root that is a folder of the host, as every bundle's is: bound onto itself, without a stage. And the change to the new root.
// @see runtime-spec config.md#root

import { O_DIRECTORY, O_PATH } from "../linux/file.ts";
import * as flag from "../linux/mount-flags.ts";
import type { RootfsRecipe } from "../spec/rootfs.ts";
import type { Config } from "../spec/runtime.ts";
import type { Frame } from "./frame.ts";
import { cwd } from "./ops.ts";
import { propagationOf } from "./propagation.ts";
import type { Root } from "./rootfs.ts";
import { add, freeSlot, type Steps, takeSlot } from "./steps.ts";

/** The folder itself with what is mounted below it, detached. It stays private to the container, or hears of the host's mounts. */
export function openFolder(steps: Steps, path: string, config: Config): number {
	const tree = takeSlot(steps);
	const args = { out: tree, dir: cwd, path, flags: flag.OPEN_TREE_CLONE | flag.AT_RECURSIVE };
	add(steps, "open_tree", args, `open the root filesystem "${path}"`, "/root/path");
	const slave = propagationOf(config.linux.rootfsPropagation)?.bit === flag.MS_SLAVE;
	const change = { slot: tree, flags: flag.AT_RECURSIVE, set: 0, clear: 0, propagation: slave ? flag.MS_SLAVE : flag.MS_PRIVATE };
	add(steps, "mount_setattr", change, `mount the root filesystem "${path}"`, "/root/path");
	return tree;
}

/** Mounts the folder on itself: a root must be a mount, and this is where hooks look for it. */
export function addBareFolder(steps: Steps, path: string, config: Config): Root {
	const root = openFolder(steps, path, config);
	const target = takeSlot(steps);
	add(steps, "openat", { out: target, dir: cwd, path, flags: O_PATH | O_DIRECTORY, mode: 0 }, `open "${path}"`, "/root/path");
	add(steps, "move_mount", { from: root, to: target }, `mount the root filesystem "${path}"`, "/root/path");
	freeSlot(steps, target);
	return { root, stage: cwd };
}

/** The new process leaves the host's root for its own. */
export function addChangeRoot(steps: Steps, recipe: RootfsRecipe, { root, stage }: Root, frame: Frame): void {
	if (frame.noPivot !== true) {
		add(steps, "pivot_root", { slot: root }, "change the root", "/root");
		return;
	}
	const onTop = stage === cwd && recipe.kind === "folder" && recipe.path === "/";
	if (!onTop) {
		const above = takeSlot(steps);
		add(steps, "openat", { out: above, dir: cwd, path: "/", flags: O_PATH | O_DIRECTORY, mode: 0 }, 'open "/"', "--no-pivot");
		add(steps, "move_mount", { from: root, to: above }, "move the root filesystem to /", "--no-pivot");
		freeSlot(steps, above);
	}
	add(steps, "chroot", { slot: root }, "change the root", "/root");
}
