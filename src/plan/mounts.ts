// The mounts of config.json, in their order. Each is made detached, its target is resolved inside the root and held by descriptor, and the
// two are joined: a name that a container swaps in between leads nowhere else (CVE-2021-30465).
// @see runtime-spec config.md#mounts, config-linux.md#default-filesystems

import { CortenError } from "../base/errors.ts";
import { O_DIRECTORY, O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "../linux/file.ts";
import * as flag from "../linux/mount-flags.ts";
import { makeBind } from "./binds.ts";
import { addCgroupMount } from "./cgroup-mount.ts";
import { contextOptions } from "./labels.ts";
import { alterMount, attach, createFolder, createLike, type MountContext, nameOf, openTarget, type ParsedMount } from "./mount-target.ts";
import { opFlags } from "./ops.ts";
import { add, freeSlot, type Steps, takeSlot } from "./steps.ts";

/** What is left of a mount to do when everything has its place: it becomes read-only. */
export type LateMount = { readonly slot: number; readonly parsed: ParsedMount };

/**
 * Makes all mounts.
 * @returns root: the slot of the root, another one when something was mounted at /; late: for {@link finishMounts}
 */
export function addMounts(steps: Steps, given: MountContext): { readonly root: number; readonly late: readonly LateMount[] } {
	const late: LateMount[] = [];
	let context = given;
	for (const [index, parsed] of context.mounts.entries()) {
		const { options, mount, bind, path, at } = parsed;
		if (options.remount) addRemount(steps, parsed, context);
		else if (mount.type === "cgroup" && !bind) addCgroupMount(steps, parsed, context);
		else if (!bind && !isVirtual(parsed)) addByMount(steps, parsed, context);
		else {
			const made = bind ? makeBind(steps, parsed, index, context) : makeVirtual(steps, parsed, context, late);
			if (path === "/") {
				add(steps, "move_mount", { from: made, to: context.root }, nameOf(parsed), at);
				context = { ...context, root: made };
				continue;
			}
			const create = bind ? createLike(made) : createFolder;
			attach(steps, context.root, path, made, create, mustBePlain(parsed), nameOf(parsed), at);
			if (late.at(-1)?.slot !== made) freeSlot(steps, made);
		}
	}
	return { root: context.root, late };
}

/** Makes read-only what had to be writable until all was in it. */
export function finishMounts(steps: Steps, late: readonly LateMount[]): void {
	for (const { slot, parsed } of late) makeReadonly(steps, slot, parsed);
}

function makeReadonly(steps: Steps, slot: number, { mount, at }: ParsedMount): void {
	const change = { slot, flags: 0, set: flag.MOUNT_ATTR_RDONLY, clear: 0, propagation: 0 };
	add(steps, "mount_setattr", change, `make "${mount.destination}" read-only`, `${at}/options`);
}

// An image may bring these as a link, to have devices, /proc or /sys made somewhere else (CVE-2026-41579, CVE-2019-19921).
const mustBePlain = ({ mount, path }: ParsedMount): boolean =>
	mount.type === "proc" || mount.type === "sysfs" || path === "/dev" || path === "/proc" || path === "/sys";

/** Filesystems without a disk, which are made detached; read-only is a matter of the mount alone. All others go through mount(2). */
const virtualTypes = ["proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup2", "ramfs"];

function isVirtual({ mount, at }: ParsedMount): boolean {
	if (mount.type === undefined || mount.type === "") {
		throw new CortenError("invalid-spec", `cannot mount at "${mount.destination}": it has no type`, { at: `${at}/type` });
	}
	return virtualTypes.includes(mount.type);
}

/** The filesystem's own words, one by one: `size=1m,nr_inodes=9` is two. Not with a quote or backslash, which keep a comma in a value. */
function dataWords({ options }: ParsedMount, labels: readonly string[]): readonly string[] {
	const words: string[] = [];
	for (const word of options.data) {
		if (!word.includes(",") || word.includes('"') || word.includes("\\")) words.push(word);
		else words.push(...word.split(",").filter((part) => part !== ""));
	}
	return labels.length === 0 ? words : [...words, ...labels];
}

/** A new filesystem, detached. @returns its slot */
function makeVirtual(steps: Steps, parsed: ParsedMount, context: MountContext, late: LateMount[]): number {
	const { mount, options, path, at } = parsed;
	const type = mount.type ?? "";
	const data = dataWords(parsed, contextOptions(context.config, context.host, mount.type ?? "")).map((word) =>
		word.includes('"') ? word.replaceAll('"', "") : word,
	);
	const strange = data.find((word) => word.startsWith("@") || word.startsWith("%"));
	if (strange !== undefined) throw new CortenError("invalid-spec", `cannot use mount option "${strange}"`, { at: `${at}/options` });
	const words = [`source=${mount.source || type}`, ...flag.fsconfigWords(options.superblock), ...data];
	// A tmpfs without a mode of its own gets that of the folder below it, so that /tmp stays a /tmp.
	const inherits = type === "tmpfs" && !data.some((word) => word.startsWith("mode="));
	const below = inherits || options.copyUp ? openBelow(steps, parsed, context) : undefined;
	if (inherits && below !== undefined) words.push(`%mode=${below}`);
	const asked = options.attributes.set | options.recursiveAttributes.set;
	const readonly = type === "tmpfs" && (asked & flag.MOUNT_ATTR_RDONLY) !== 0;
	const filledLater = readonly && (path === "/dev" || context.mounts.some((other) => other.path.startsWith(`${path}/`)));
	const attrs = filledLater || options.copyUp ? asked & ~flag.MOUNT_ATTR_RDONLY : asked;
	const made = takeSlot(steps);
	add(steps, "fsmount", { out: made, type, options: words, attrs }, nameOf(parsed), at);
	if (options.copyUp && below !== undefined) {
		add(steps, "copyup", { from: below, to: made }, `copy "${mount.destination}" of the root filesystem`, `${at}/options`);
	}
	if (below !== undefined) freeSlot(steps, below);
	if (filledLater) late.push({ slot: made, parsed });
	else if (readonly && options.copyUp) makeReadonly(steps, made, parsed);
	propagate(steps, made, parsed);
	return made;
}

/** What is at the place of the mount before it. @returns its slot, which stays empty when nothing is there */
function openBelow(steps: Steps, { path, at }: ParsedMount, { root }: MountContext): number {
	const slot = takeSlot(steps);
	const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	const args = { out: slot, dir: root, path, flags: O_PATH | O_DIRECTORY, resolve, create: 0 };
	add(steps, "close", { slot }, "empty a slot", "", opFlags.optional);
	add(steps, "openat2", args, `find mount point "${path}"`, `${at}/destination`, opFlags.absentOk);
	return slot;
}

function propagate(steps: Steps, slot: number, parsed: ParsedMount): void {
	const { options } = parsed;
	if (options.propagation.length === 0) return;
	const none = { set: 0, clear: 0 };
	alterMount(steps, slot, { ...parsed, options: { ...options, attributes: none, recursiveAttributes: none } }, options.propagation);
}

/** Filesystems of disks, networks and others, with whatever options their helpers know: mount(2), by the target's descriptor. */
function addByMount(steps: Steps, parsed: ParsedMount, context: MountContext): void {
	const { mount, options, path, at } = parsed;
	if (path === "/") {
		throw new CortenError("unsupported", `cannot mount "${mount.type}" at "/": only binds and filesystems in memory can be the root`, {
			at,
		});
	}
	const target = openTarget(steps, context.root, path, createFolder, mustBePlain(parsed), at);
	const set = options.attributes.set | options.recursiveAttributes.set;
	const flags = flag.mountFlags({ set, clear: 0 }, options.superblock);
	const data = dataWords(parsed, contextOptions(context.config, context.host, mount.type ?? "")).join(",");
	add(steps, "mount_at", { source: mount.source ?? "", target, type: mount.type ?? "", flags, data }, nameOf(parsed), at);
	freeSlot(steps, target);
	if (options.propagation.length === 0) return;
	const made = openTarget(steps, context.root, path, 0, mustBePlain(parsed), at);
	propagate(steps, made, parsed);
	freeSlot(steps, made);
}

/** `remount`: other options for what is mounted there. Of a bind, what is not named stays as it is. */
function addRemount(steps: Steps, parsed: ParsedMount, context: MountContext): void {
	const { mount, options, bind, path, at } = parsed;
	const slot = openTarget(steps, context.root, path, 0, mustBePlain(parsed), at);
	if (bind) alterMount(steps, slot, parsed, options.propagation);
	else {
		const flags = flag.MS_REMOUNT | flag.mountFlags(options.attributes, options.superblock);
		const args = { source: mount.source ?? "", target: slot, type: mount.type ?? "", flags, data: dataWords(parsed, []).join(",") };
		add(steps, "mount_at", args, `re${nameOf(parsed)}`, at);
		alterMount(steps, slot, { ...parsed, options: { ...options, attributes: { set: 0, clear: 0 } } }, options.propagation);
	}
	freeSlot(steps, slot);
}
