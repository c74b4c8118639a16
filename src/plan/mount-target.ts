// What all mounts share: their parts, and how a detached mount gets to its place in the root.

import { O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from "../linux/file.ts";
import type { HostFacts } from "../linux/host.ts";
import * as flag from "../linux/mount-flags.ts";
import type { Config, Mount } from "../spec/runtime.ts";
import type { Frame } from "./frame.ts";
import { add, freeSlot, type Steps, takeSlot } from "./steps.ts";

/** A mount, taken apart. `path`: its destination, absolute and without `.`, `..` and empty names. */
export type ParsedMount = {
	readonly mount: Mount;
	readonly options: flag.MountOptions;
	readonly bind: boolean;
	readonly path: string;
	readonly at: string;
};

/** What the compilation of a mount may look at. */
export type MountContext = {
	readonly root: number;
	/** cwd when there is none. */
	readonly stage: number;
	readonly mounts: readonly ParsedMount[];
	readonly config: Config;
	readonly host: HostFacts;
	/** Its bundle (or else its folder) is what relative sources refer to. */
	readonly frame: Pick<Frame, "folder" | "files" | "bundle" | "cgroups" | "unitCgroup">;
	/** Whether the sources of binds are on the stage already. @see gathering.ts */
	readonly gathered: boolean;
	/** Binds that were opened earlier. @see openMappedBinds, openSharedBinds */
	readonly opened: OpenedBinds;
};

/** A bind's detached mount; `finished`: its options hold already. */
export type OpenedBind = { readonly slot: number; readonly finished: boolean };
/** By the mount that asked for them. */
export type OpenedBinds = ReadonlyMap<ParsedMount, OpenedBind>;

/** openat2's create. */
export const createFolder = 1;
/** openat2's create. */
export const createFile = 2;
/** openat2's create, a further bit: an image's link may not lead a mount into /proc, where parseMounts lets only some (CVE-2019-16884). */
const notInProc = 0x1_0000;
/** openat2's create: as the thing in this slot is. */
export const createLike = (slot: number): number => 256 + slot;

/** Where on the stage the source of the mount with this index is. @see gathering.ts */
export const gatheredBind = (index: number): string => `b${index}`;

/** The words for its errors. */
export const nameOf = ({ mount }: ParsedMount): string => `mount "${mount.source ?? mount.type ?? "none"}" at "${mount.destination}"`;

/** Resolves `path` in `dir` into a new slot. @returns the slot */
export function openTarget(steps: Steps, dir: number, path: string, create: number, noLinks: boolean, at: string): number {
	const target = takeSlot(steps);
	const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (noLinks ? RESOLVE_NO_SYMLINKS : 0);
	const field = at.startsWith("/mounts/") ? `${at}/destination` : at;
	const how = path === "/proc" || path.startsWith("/proc/") || !at.startsWith("/mounts/") ? create : create | notInProc;
	add(steps, "openat2", { out: target, dir, path, flags: O_PATH, resolve, create: how }, `find mount point "${path}"`, field);
	return target;
}

/** Resolves `path` in `dir` and moves the mount in `from` onto it. */
export function attach(
	steps: Steps,
	dir: number,
	path: string,
	from: number,
	create: number,
	noLinks: boolean,
	what: string,
	at: string,
): void {
	const target = openTarget(steps, dir, path, create, noLinks, at);
	add(steps, "move_mount", { from, to: target }, what, at);
	freeSlot(steps, target);
}

/** Attributes and propagation of the mount in `slot`, in as few calls as their order allows. */
export function alterMount(steps: Steps, slot: number, parsed: ParsedMount, propagation: readonly flag.Propagation[]): void {
	const { attributes, recursiveAttributes } = parsed.options;
	const [first, ...more] = propagation;
	const alter = (flags: number, { set, clear }: flag.MountAttributes, bit: number): void => {
		if (set === 0 && clear === 0 && bit === 0) return;
		add(steps, "mount_setattr", { slot, flags, set, clear, propagation: bit }, nameOf(parsed), `${parsed.at}/options`);
	};
	alter(flag.AT_RECURSIVE, recursiveAttributes, first?.recursive === true ? first.bit : 0);
	alter(0, attributes, first?.recursive === false ? first.bit : 0);
	for (const { bit, recursive } of more) alter(recursive ? flag.AT_RECURSIVE : 0, { set: 0, clear: 0 }, bit);
}
