// The mounts of config.json, in their order. Each is made detached, its target is resolved inside the root and held by descriptor, and the
// two are joined: a name that a container swaps in between leads nowhere else (CVE-2021-30465).
// @see runtime-spec config.md#mounts, config-linux.md#default-filesystems

import { CortenError } from "../base/errors.ts";
import * as flag from "../linux/mount-flags.ts";
import type { Config, Mount } from "../spec/runtime.ts";
import { addCgroupMount } from "./cgroup-mount.ts";
import { contextOptions } from "./labels.ts";
import { stagedSource } from "./mount-points.ts";
import { attach, createFolder, createLike, gatheredBind, type MountContext, nameOf, type ParsedMount } from "./mount-target.ts";
import { cwd } from "./ops.ts";
import { add, freeSlot, type Steps, takeSlot } from "./steps.ts";

function parse(mount: Mount, index: number): ParsedMount {
	const at = `/mounts/${index}`;
	const options = flag.parseMountOptions(mount.options ?? []);
	const word = options.unsupported[0];
	if (word !== undefined) throw new CortenError("unsupported", `cannot use mount option "${word}"`, { at: `${at}/options` });
	if (!mount.destination.startsWith("/") || isRoot(mount.destination)) {
		throw new CortenError("invalid-spec", `cannot mount at "${mount.destination}": it is not an absolute path below /`, {
			at: `${at}/destination`,
		});
	}
	const bind = options.bind !== undefined || mount.type === "bind";
	if (bind && options.data.length > 0) {
		throw new CortenError("invalid-spec", `cannot use mount option "${options.data[0]}" for a bind mount`, { at: `${at}/options` });
	}
	return { mount, options, bind, at };
}

/** Takes the mounts of config.json apart. @throws `invalid-spec`, `unsupported` */
export function parseMounts(config: Config): readonly ParsedMount[] {
	return config.mounts.map(parse);
}

const isRoot = (path: string): boolean => path === "/" || path.split("/").every((name) => name === "" || name === ".");

/** What is at /dev: the host's own as a bind, in which nothing may be made; another mount; or what the image brought. */
export function sourceOfDev(mounts: readonly ParsedMount[]): "bind" | "mount" | "image" {
	let source: "bind" | "mount" | "image" = "image";
	for (const { mount, bind } of mounts) if (trimmed(mount.destination) === "/dev") source = bind ? "bind" : "mount";
	return source;
}

const trimmed = (path: string): string => (path.endsWith("/") ? path.slice(0, -1) : path);

/**
 * Opens the sources of shared binds. It must happen before the host's mounts become slaves: a copy made later would hear of the host's
 * mounts, but the host not of the container's.
 */
export function openSharedBinds(steps: Steps, mounts: readonly ParsedMount[], frame: MountContext["frame"]): Map<number, number> {
	const opened = new Map<number, number>();
	for (const [index, parsed] of mounts.entries()) {
		if (parsed.bind && parsed.options.propagation === flag.MS_SHARED) opened.set(index, openBind(steps, parsed, { frame, stage: cwd }));
	}
	return opened;
}

/** Makes all mounts of config.json. */
export function addMounts(steps: Steps, context: MountContext): void {
	for (const [index, parsed] of context.mounts.entries()) {
		if (parsed.bind) addBind(steps, parsed, index, context);
		else if (parsed.mount.type === "cgroup") addCgroupMount(steps, parsed, context);
		else addFilesystem(steps, parsed, context);
	}
}

// An image may bring these as a link, to have devices, /proc or /sys made somewhere else (CVE-2026-41579, CVE-2019-19921).
const mustBePlain = ({ mount }: ParsedMount): boolean =>
	mount.type === "proc" || mount.type === "sysfs" || trimmed(mount.destination) === "/dev";

/** Filesystems without a disk: read-only is a matter of the mount alone. */
const virtualTypes = ["proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup2", "overlay"];

function addFilesystem(steps: Steps, parsed: ParsedMount, context: MountContext): void {
	const { mount, options, at } = parsed;
	if (mount.type === undefined)
		throw new CortenError("invalid-spec", `cannot mount at "${mount.destination}": it has no type`, { at: `${at}/type` });
	const type = mount.type;
	const attrs = options.attributes.set | options.recursiveAttributes.set;
	const words = [`source=${mount.source ?? type}`, ...options.data, ...contextOptions(context.config, context.host, type)];
	if ((attrs & flag.MOUNT_ATTR_RDONLY) !== 0 && !virtualTypes.includes(type)) words.push("ro");
	const made = takeSlot(steps);
	add(steps, "fsmount", { out: made, type, options: words, attrs }, nameOf(parsed), at);
	if (options.propagation !== 0) {
		add(
			steps,
			"mount_setattr",
			{ slot: made, flags: 0, set: 0, clear: 0, propagation: options.propagation },
			nameOf(parsed),
			`${at}/options`,
		);
	}
	attach(steps, context.root, mount.destination, made, createFolder, mustBePlain(parsed), nameOf(parsed), at);
	freeSlot(steps, made);
}

function openBind(steps: Steps, parsed: ParsedMount, { frame, stage }: Pick<MountContext, "frame" | "stage">): number {
	const { mount, options, at } = parsed;
	if (mount.source === undefined) {
		throw new CortenError("invalid-spec", `cannot mount at "${mount.destination}": a bind mount needs a source`, { at: `${at}/source` });
	}
	const staged = stage === cwd ? undefined : stagedSource(parsed, frame);
	const path = staged ?? (mount.source.startsWith("/") ? mount.source : `${frame.bundle ?? frame.folder}/${mount.source}`);
	const tree = takeSlot(steps);
	const flags = flag.OPEN_TREE_CLONE | (options.bind === "rbind" ? flag.AT_RECURSIVE : 0);
	add(
		steps,
		"open_tree",
		{ out: tree, dir: staged === undefined ? cwd : stage, path, flags },
		`open "${path}" for the mount at "${mount.destination}"`,
		`${at}/source`,
	);
	return tree;
}

/** A clone of a bind's source with the attributes the mount asks for, not attached anywhere. @returns its slot */
export function prepareBind(steps: Steps, parsed: ParsedMount, context: Pick<MountContext, "frame" | "stage">, opened?: number): number {
	const { options, at } = parsed;
	const tree = opened ?? openBind(steps, parsed, context);
	const whole = options.propagation === 0 || options.propagationRecursive;
	const propagation = options.propagation === 0 ? flag.MS_PRIVATE : options.propagation;
	const alter = (flags: number, { set, clear }: flag.MountAttributes, propagate: number): void => {
		if (set === 0 && clear === 0 && propagate === 0) return;
		add(steps, "mount_setattr", { slot: tree, flags, set, clear, propagation: propagate }, nameOf(parsed), `${at}/options`);
	};
	alter(flag.AT_RECURSIVE, options.recursiveAttributes, whole ? propagation : 0);
	alter(0, options.attributes, whole ? 0 : propagation);
	return tree;
}

function addBind(steps: Steps, parsed: ParsedMount, index: number, context: MountContext): void {
	const { mount, at } = parsed;
	const tree =
		context.gathered && stagedSource(parsed, context.frame) === undefined
			? openGathered(steps, parsed, index, context.stage)
			: prepareBind(steps, parsed, context, context.opened.get(index));
	attach(steps, context.root, mount.destination, tree, createLike(tree), mustBePlain(parsed), nameOf(parsed), at);
	freeSlot(steps, tree);
}

function openGathered(steps: Steps, parsed: ParsedMount, index: number, stage: number): number {
	const tree = takeSlot(steps);
	const flags = flag.OPEN_TREE_CLONE | flag.AT_RECURSIVE;
	add(steps, "open_tree", { out: tree, dir: stage, path: gatheredBind(index), flags }, `${nameOf(parsed)}`, `${parsed.at}/source`);
	return tree;
}
