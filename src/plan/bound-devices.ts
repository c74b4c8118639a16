// Devices where none can be made: in a user namespace each is bound over an empty file, from the node that was gathered, or from the
// host's of the same path.
// @see runtime-spec config-linux.md#devices

import { O_DIRECTORY, O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from "../linux/file.ts";
import * as flag from "../linux/mount-flags.ts";
import type { Config } from "../spec/runtime.ts";
import { addDeviceLinks, devicesOf, ownerOf, typeBits } from "./devices.ts";
import { gatheredDevice } from "./gathering.ts";
import { sourceOfDev } from "./mount-parse.ts";
import { attach, createFile, type ParsedMount } from "./mount-target.ts";
import { cwd } from "./ops.ts";
import type { Root } from "./rootfs.ts";
import { add, freeSlot, type Steps, takeSlot } from "./steps.ts";

/** Binds the devices. @param gathered whether their nodes are on the stage */
export function bindDevices(steps: Steps, config: Config, mounts: readonly ParsedMount[], { root, stage }: Root, gathered: boolean): void {
	if (sourceOfDev(mounts) === "bind") return;
	const tree = takeSlot(steps);
	const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
	const flags = O_PATH | O_DIRECTORY;
	for (const [index, { path, type, mode, uid, gid, at }] of devicesOf(config).entries()) {
		const what = `bind device "${path}"`;
		if (type === "p") {
			const above = path.slice(0, path.lastIndexOf("/")) || "/";
			add(steps, "openat2", { out: tree, dir: root, path: above, flags, resolve, create: 1 }, `open "${above}"`, at);
			const name = path.slice(path.lastIndexOf("/") + 1);
			const args = { dir: tree, path: name, mode: typeBits.p | mode, dev: 0, owner: ownerOf(uid, gid), source: "" };
			add(steps, "mknodat", args, `make "${path}"`, at);
			continue;
		}
		const source = gathered ? { dir: stage, path: gatheredDevice(index) } : { dir: cwd, path };
		add(steps, "open_tree", { out: tree, ...source, flags: flag.OPEN_TREE_CLONE }, what, at);
		attach(steps, root, path, tree, createFile, true, what, at);
	}
	freeSlot(steps, tree);
	const dev = takeSlot(steps);
	add(steps, "openat2", { out: dev, dir: root, path: "/dev", flags, resolve, create: 1 }, 'open "/dev" in the root filesystem');
	addDeviceLinks(steps, dev);
	freeSlot(steps, dev);
}
