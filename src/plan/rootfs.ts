// The root filesystem, built below the stage: a tmpfs on a folder that stays empty on the host, so that nothing has to be cleaned up.
// In it: numbered layers (lowest first), s (below them all: mount points that the image may lack), u and w (overlayfs' upper and work
// folder), r (the root), e (the empty folder that hides others).
// @see Documentation/filesystems/overlayfs.rst, Documentation/filesystems/erofs.rst

import { CortenError } from "../base/errors.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY } from "../linux/file.ts";
import type { HostFacts } from "../linux/host.ts";
import * as flag from "../linux/mount-flags.ts";
import type { LayerSource, RootfsRecipe } from "../spec/rootfs.ts";
import type { Config } from "../spec/runtime.ts";
import type { Frame } from "./frame.ts";
import { addMountPoints, mountPoints } from "./mount-points.ts";
import type { ParsedMount } from "./mount-target.ts";
import { cwd } from "./ops.ts";
import { addBareFolder, openFolder } from "./rootfs-folder.ts";
import { add, freeSlot, type Steps, takeSlot } from "./steps.ts";

/** The slots that hold the root of the container, and the stage around it; cwd when there is no stage. */
export type Root = { readonly root: number; readonly stage: number };

/** What the root depends on beside its recipe. */
export type RootContext = {
	readonly frame: Frame;
	readonly host: HostFacts;
	readonly config: Config;
	readonly mounts: readonly ParsedMount[];
	/** Whose the mount namespace is. */
	readonly place: "new" | "joined" | "gathered";
};

/** mount(2) takes one page of options, with its NUL. */
const maxMountData = 4095;
/** OVL_MAX_STACK */
const maxLayers = 500;

/** Mounts the root. Layers, files that are served, and what is gathered take a stage; it is the current folder afterwards. */
export function addRootfs(steps: Steps, recipe: RootfsRecipe, context: RootContext): Root {
	const { frame, host, mounts, place, config } = context;
	if (recipe.kind === "folder" && (frame.files ?? []).length === 0 && place !== "gathered")
		return addBareFolder(steps, recipe.path, config);
	const stage = takeSlot(steps);
	if (place === "joined") addStageOnRoot(steps, stage);
	else addStage(steps, stage, frame, place === "gathered" ? "0777" : "0700");
	folder(steps, stage, "r", 0o755);
	addMountPoints(steps, stage, mounts, frame);
	if (recipe.kind === "folder") addFolder(steps, recipe.path, config, stage);
	else addOverlay(steps, recipe, frame, host, stage);
	const root = takeSlot(steps);
	add(
		steps,
		"openat",
		{ out: root, dir: stage, path: "r", flags: O_PATH | O_DIRECTORY | O_NOFOLLOW, mode: 0 },
		"open the root filesystem",
		"/root",
	);
	return { root, stage };
}

function addStage(steps: Steps, stage: number, frame: Frame, mode: string): void {
	const attributes = flag.MS_NOSUID | flag.MS_NODEV | flag.MS_NOEXEC;
	add(
		steps,
		"mount",
		{ source: "tmpfs", target: frame.stage, type: "tmpfs", flags: attributes, data: `mode=${mode}` },
		`mount "tmpfs" at "${frame.stage}"`,
	);
	add(
		steps,
		"openat",
		{ out: stage, dir: cwd, path: frame.stage, flags: O_PATH | O_DIRECTORY | O_NOFOLLOW, mode: 0 },
		`open "${frame.stage}"`,
	);
	add(steps, "fchdir", { slot: stage }, `enter "${frame.stage}"`);
}

/** In a mount namespace that was joined the stage's folder may not exist. There the stage covers /, which paths from / do not see. */
function addStageOnRoot(steps: Steps, stage: number): void {
	const attrs = flag.MOUNT_ATTR_NOSUID | flag.MOUNT_ATTR_NODEV | flag.MOUNT_ATTR_NOEXEC;
	const top = takeSlot(steps);
	add(steps, "fsmount", { out: stage, type: "tmpfs", options: ["mode=0700"], attrs }, "mount the stage");
	add(steps, "openat", { out: top, dir: cwd, path: "/", flags: O_PATH | O_DIRECTORY, mode: 0 }, "mount the stage");
	add(steps, "move_mount", { from: stage, to: top }, "mount the stage");
	add(steps, "fchdir", { slot: stage }, "enter the stage");
	freeSlot(steps, top);
}

function folder(steps: Steps, stage: number, name: string, mode: number): void {
	add(steps, "mkdirat", { dir: stage, path: name, mode }, `make folder "${name}" on the stage`);
}

/** A root that is a folder, on a name of the stage. */
function addFolder(steps: Steps, path: string, config: Config, stage: number): void {
	const tree = openFolder(steps, path, config);
	attach(steps, tree, stage, "r", `mount the root filesystem "${path}"`, "/root/path");
	freeSlot(steps, tree);
}

/** Moves a detached mount onto a name of the stage. */
function attach(steps: Steps, from: number, stage: number, name: string, what: string, at = ""): void {
	const target = takeSlot(steps);
	add(steps, "openat", { out: target, dir: stage, path: name, flags: O_PATH | O_NOFOLLOW, mode: 0 }, what, at);
	add(steps, "move_mount", { from, to: target }, what, at);
	freeSlot(steps, target);
}

function addOverlay(steps: Steps, recipe: RootfsRecipe & { kind: "layers" }, frame: Frame, host: HostFacts, stage: number): void {
	const names: string[] = [];
	for (const layer of recipe.layers) {
		const name = `${names.length}`;
		addLayer(steps, layer, name, host, stage);
		names.unshift(name); // overlayfs wants the topmost first
	}
	names.push(mountPoints); // lowest: what the image has wins
	// A root without a writable layer gets one in memory: mount points that the image lacks must be made somewhere.
	const { upper } = recipe;
	if (upper === undefined) {
		folder(steps, stage, "u", 0o755);
		folder(steps, stage, "w", 0o700);
	} else {
		add(steps, "symlinkat", { target: upper.upperDir, dir: stage, path: "u" }, `link "${upper.upperDir}"`);
		add(steps, "symlinkat", { target: upper.workDir, dir: stage, path: "w" }, `link "${upper.workDir}"`);
	}
	// The four options are fixed because their defaults differ between distributions' kernels, and because a redirect or metacopy
	// attribute that an image's layer brings along must mean nothing.
	// In a user namespace trusted attributes cannot be written: since Linux 5.11 there are the user's, which redirect_dir=off excludes.
	const redirect = host.initialUserNamespace ? "redirect_dir=off" : "userxattr,redirect_dir=nofollow";
	let data = `lowerdir=${names.join(":")},upperdir=u,workdir=w,index=off,metacopy=off,${redirect},xino=off`;
	// Removed with the container: its end need not wait until the whole disk of the writable layer is synced (Linux 5.10).
	const fleeting = upper !== undefined && frame.atEnd.kind === "remove" && (host.kernel[0] > 5 || host.kernel[1] >= 10);
	if (fleeting) data += ",volatile";
	if (names.length > maxLayers || data.length > maxMountData) {
		throw new CortenError("unsupported", `cannot mount ${names.length} layers: overlayfs takes ${maxLayers}`, { at: "/root" });
	}
	add(steps, "mount", { source: "overlay", target: "r", type: "overlay", flags: 0, data }, "mount the root filesystem", "/root");
}

function addLayer(steps: Steps, layer: LayerSource, name: string, host: HostFacts, stage: number): void {
	const what = `mount layer "${layer.path}"`;
	if (layer.kind === "folder") {
		add(steps, "symlinkat", { target: layer.path, dir: stage, path: name }, `link layer "${layer.path}"`);
		return;
	}
	folder(steps, stage, name, 0o755);
	if (host.erofsFromFile) {
		add(steps, "mount", { source: layer.path, target: name, type: "erofs", flags: flag.MS_RDONLY, data: "" }, what);
		return;
	}
	// Before Linux 6.12 EROFS mounts from block devices only.
	const file = takeSlot(steps);
	const device = takeSlot(steps);
	const mount = takeSlot(steps);
	add(steps, "openat", { out: file, dir: cwd, path: layer.path, flags: O_RDONLY | O_NOFOLLOW, mode: 0 }, `open layer "${layer.path}"`);
	add(steps, "loop", { out: device, file }, `make a loop device for layer "${layer.path}"`);
	add(steps, "fsmount", { out: mount, type: "erofs", options: [`@source=${device}`, "ro"], attrs: flag.MOUNT_ATTR_RDONLY }, what);
	attach(steps, mount, stage, name, what);
	for (const slot of [file, device, mount]) freeSlot(steps, slot);
}

/**
 * A read-only empty folder to hide others under. Where there is a stage it is mounted there, as before Linux 6.15 only a mount that is
 * attached can be cloned.
 * @returns its slot
 */
export function addEmptyFolder(steps: Steps, stage: number): number {
	const what = "mount the folder that hides others";
	const empty = takeSlot(steps);
	const set = flag.MOUNT_ATTR_RDONLY | flag.MOUNT_ATTR_NOSUID | flag.MOUNT_ATTR_NODEV | flag.MOUNT_ATTR_NOEXEC;
	if (stage === cwd) {
		add(steps, "fsmount", { out: empty, type: "tmpfs", options: ["source=tmpfs", "nr_inodes=2"], attrs: set }, what);
		return empty;
	}
	folder(steps, stage, "e", 0o555);
	add(steps, "open_tree", { out: empty, dir: stage, path: "e", flags: flag.OPEN_TREE_CLONE }, what);
	add(steps, "mount_setattr", { slot: empty, flags: 0, set, clear: 0, propagation: 0 }, what);
	attach(steps, empty, stage, "e", what);
	return empty;
}
