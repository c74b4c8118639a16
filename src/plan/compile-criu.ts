// Plans around CRIU, which does itself what launch does for a new container: one that makes cgroups and nothing else, one whose end is the
// criu program, and one that takes over a process that criu has restored. docs/decisions/0016.

import { O_DIRECTORY, O_NOFOLLOW, O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "../linux/file.ts";
import type { HostFacts } from "../linux/host.ts";
import * as flag from "../linux/mount-flags.ts";
import type { Config } from "../spec/runtime.ts";
import { addCgroupDevices, addCgroups, removable } from "./cgroups.ts";
import { addEnd, addGo } from "./ends.ts";
import type { Frame } from "./frame.ts";
import { addHooks } from "./hooks.ts";
import { parseMounts } from "./mount-parse.ts";
import { createFile, createFolder, createLike, openTarget, type ParsedMount } from "./mount-target.ts";
import { CLONE_NEWNS } from "./namespaces.ts";
import { cwd, opFlags, type Plan } from "./ops.ts";
import { add, bytesOf, freeSlot, type Steps, startSteps, takeSlot } from "./steps.ts";

/** The cgroups of a container with their limits and device rules; nobody is in them yet. @throws as compile */
export function compileCgroups(config: Config, host: HostFacts, frame: Frame): Plan {
	const steps = startSteps();
	const cgroups = addCgroups(steps, config.linux, host, frame);
	addCgroupDevices(steps, config.linux, host, frame, cgroups);
	return { ops: steps.ops };
}

/** How the criu program is to be started. */
export type CriuStart = {
	/** The container's folder: what is mounted is mounted on it, in a mount namespace of criu's own. */
	readonly folder: string;
	/** Absolute paths of the program; the first that exists. */
	readonly candidates: readonly string[];
	readonly env: readonly string[];
	/** Where the machine's cgroups are mounted, when criu can be given them: see {@link criuPaths}. */
	readonly cgroupMount?: string;
	/** For a restore: the root filesystem, and the mounts whose places must be there. */
	readonly root?: { readonly path: string; readonly config: Config; readonly bundle: string };
	/** cgroups to be in. */
	readonly cgroups: readonly string[];
};

/** What {@link compileCriu} makes, as criu finds it. */
export const criuPaths = (folder: string): { readonly yard: string; readonly root: string } => ({
	yard: `${folder}/yard`,
	root: `${folder}/root`,
});

/**
 * Compiles the start of `criu swrk 3`: descriptor 3 is its socket. It gets a mount namespace of its own, so that whatever becomes of it,
 * no mount is left, with the root filesystem as a mount (criu's wish), and a folder with the machine's cgroups: criu would mount them
 * itself, and by that take the option nsdelegate from the whole machine.
 */
export function compileCriu(start: CriuStart): Plan {
	const steps = startSteps();
	for (const path of start.cgroups) {
		const file = `${path}/cgroup.procs`;
		add(steps, "write", { dir: cwd, path: file, data: bytesOf("0"), flags: 0 }, `join cgroup "${path}"`, "/linux/cgroupsPath");
	}
	add(steps, "unshare", { flags: CLONE_NEWNS }, "make a mount namespace");
	const inward = { source: "", target: "/", type: "", flags: flag.MS_REC | flag.MS_SLAVE, data: "" };
	add(steps, "mount", inward, "keep mounts from the host");
	const { root, cgroupMount, folder, candidates } = start;
	const yard = cgroupMount === undefined ? undefined : openTree(steps, cgroupMount, 0, "/linux/cgroupsPath");
	const tree = root === undefined ? undefined : openTree(steps, root.path, flag.AT_RECURSIVE, "/root/path");
	const stage = { source: "tmpfs", target: folder, type: "tmpfs", flags: flag.MS_NOSUID | flag.MS_NODEV, data: "mode=0700" };
	add(steps, "mount", stage, `mount "tmpfs" at "${folder}"`);
	if (yard !== undefined) place(steps, yard, criuPaths(folder).yard, "unified");
	if (tree !== undefined && root !== undefined) {
		addPlaces(steps, tree, root.config, root.bundle);
		place(steps, tree, criuPaths(folder).root, "");
	}
	add(steps, "umask", { mask: 0o022 }, "set the umask");
	add(steps, "execve", { candidates, argv: ["criu", "swrk", "3"], envp: start.env }, `start "${candidates[0] ?? "criu"}"`, "--criu");
	return { ops: steps.ops };
}

/** A detached copy of a tree of the host, private. @returns its slot */
function openTree(steps: Steps, path: string, recursive: number, at: string): number {
	const tree = takeSlot(steps);
	add(steps, "open_tree", { out: tree, dir: cwd, path, flags: flag.OPEN_TREE_CLONE | recursive }, `open "${path}"`, at);
	const change = { slot: tree, flags: recursive, set: 0, clear: 0, propagation: flag.MS_PRIVATE };
	add(steps, "mount_setattr", change, `mount "${path}"`, at);
	return tree;
}

/** Mounts a tree at a new folder. @param below a further folder in it */
function place(steps: Steps, tree: number, path: string, below: string): void {
	const what = `make folder "${path}"`;
	add(steps, "mkdirat", { dir: cwd, path, mode: 0o755 }, what);
	const place = below === "" ? path : `${path}/${below}`;
	if (below !== "") add(steps, "mkdirat", { dir: cwd, path: place, mode: 0o755 }, what);
	const target = takeSlot(steps);
	add(steps, "openat", { out: target, dir: cwd, path: place, flags: O_PATH | O_DIRECTORY | O_NOFOLLOW, mode: 0 }, `open "${place}"`);
	add(steps, "move_mount", { from: tree, to: target }, `mount "${place}"`);
	freeSlot(steps, target);
}

/** The places of the mounts: criu makes none, and in a root filesystem on another machine they may never have been. */
function addPlaces(steps: Steps, root: number, config: Config, bundle: string): void {
	const mounts = parseMounts(config);
	for (const [index, parsed] of mounts.entries()) {
		if (parsed.options.remount || parsed.path === "/" || parsed.mount.type === "cgroup") continue;
		// What is in a filesystem in memory is in the image, and criu makes it.
		const above = mounts.slice(0, index).findLast(({ path }) => parsed.path.startsWith(`${path}/`));
		if (above !== undefined && !above.bind) continue;
		const create = parsed.bind ? createLike(openSource(steps, parsed, bundle)) : createFolder;
		if (above === undefined) freeSlot(steps, openTarget(steps, root, parsed.path, create, false, parsed.at));
		else {
			const below = openSource(steps, above, bundle);
			freeSlot(steps, openTarget(steps, below, parsed.path.slice(above.path.length), create, false, parsed.at));
			freeSlot(steps, below);
		}
		if (create > createFile) freeSlot(steps, create - createLike(0));
	}
}

function openSource(steps: Steps, { mount, at }: ParsedMount, bundle: string): number {
	const path = sourceOf(mount.source ?? "", bundle);
	const slot = takeSlot(steps);
	add(steps, "openat", { out: slot, dir: cwd, path, flags: O_PATH, mode: 0 }, `open "${path}"`, `${at}/source`);
	return slot;
}

/** Where a bind's source is. */
export function sourceOf(source: string, bundle: string): string {
	return source.startsWith("/") ? source : `${bundle}/${source}`;
}

/**
 * What criu does not restore, while every restored process still stands still: attributes of the root filesystem, and the loopback
 * interface of a network namespace whose content was not saved.
 */
export function compileSettling(config: Config, pid: number, loopback: boolean): Plan {
	const steps = startSteps();
	const slot = takeSlot(steps);
	const enter = (name: string, what: string): void => {
		add(steps, "openat", { out: slot, dir: cwd, path: `/proc/${pid}/ns/${name}`, flags: 0, mode: 0 }, what);
		add(steps, "setns", { slot, flags: 0 }, what);
	};
	if (loopback) {
		enter("net", "join the container's network namespace");
		add(steps, "ifup", { name: "lo" }, 'bring up interface "lo"', "/linux/namespaces", opFlags.optional);
	}
	enter("mnt", "join the container's mount namespace");
	const root = takeSlot(steps);
	const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	add(steps, "openat2", { out: root, dir: cwd, path: "/", flags: O_PATH | O_DIRECTORY, resolve, create: 0 }, "open the root filesystem");
	if (config.root.readonly) {
		const args = { slot: root, flags: 0, set: flag.MOUNT_ATTR_RDONLY, clear: 0, propagation: 0 };
		add(steps, "mount_setattr", args, "make the root filesystem read-only", "/root/readonly");
	}
	return { ops: steps.ops };
}

/** A process that is there already, a child of whoever becomes launch. */
export type Adoption = { readonly pid: number; readonly terminal?: number };

/** Compiles what launch does for a restored process: its pid files, its terminal, and watching it. */
export function compileAdoption(config: Config, host: HostFacts, frame: Frame, { pid, terminal }: Adoption): Plan {
	const steps = startSteps();
	// Its cgroups are made already: this only names them.
	const cgroups = removable(addCgroups(startSteps(), config.linux, host, frame));
	add(steps, "adopt", { pid, terminal: terminal ?? cwd, parent: 1 }, "find the restored process");
	const output = { log: cwd, stdout: cwd, stderr: cwd, ends: undefined };
	addGo(steps, { frame, output, terminal: terminal !== undefined && config.process.terminal, adopted: true });
	addEnd(steps, frame, cgroups);
	addHooks(steps, config, frame, "poststop");
	return { ops: steps.ops };
}
