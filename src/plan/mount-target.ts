// What all mounts share: their parts, and how a detached mount gets to its place in the root.

import { O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from "../linux/file.ts";
import type { HostFacts } from "../linux/host.ts";
import type { MountOptions } from "../linux/mount-flags.ts";
import type { Config, Mount } from "../spec/runtime.ts";
import type { Frame } from "./frame.ts";
import { add, freeSlot, type Steps, takeSlot } from "./steps.ts";

/** A mount, taken apart. */
export type ParsedMount = { readonly mount: Mount; readonly options: MountOptions; readonly bind: boolean; readonly at: string };

/** What the compilation of a mount may look at. */
export type MountContext = {
	readonly root: number;
	readonly stage: number;
	readonly mounts: readonly ParsedMount[];
	readonly config: Config;
	readonly host: HostFacts;
	/** Its folder is what relative sources refer to. */
	readonly frame: Pick<Frame, "folder" | "files" | "bundle">;
	/** Slots of binds that were opened before the mounts of the host were made slaves. @see openSharedBinds */
	readonly opened: ReadonlyMap<number, number>;
	/** Whether the sources of binds are on the stage already. @see gathering.ts */
	readonly gathered: boolean;
};

/** openat2's create. */
export const createFolder = 1;
/** openat2's create. */
export const createFile = 2;
/** openat2's create: as the thing in this slot is. */
export const createLike = (slot: number): number => 256 + slot;

/** Where on the stage the source of the mount with this index is. @see gathering.ts */
export const gatheredBind = (index: number): string => `b${index}`;

/** The words for its errors. */
export const nameOf = ({ mount }: ParsedMount): string => `mount "${mount.source ?? mount.type ?? "none"}" at "${mount.destination}"`;

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
	const target = takeSlot(steps);
	const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (noLinks ? RESOLVE_NO_SYMLINKS : 0);
	add(
		steps,
		"openat2",
		{ out: target, dir, path, flags: O_PATH, resolve, create },
		`find mount point "${path}"`,
		at.startsWith("/mounts/") ? `${at}/destination` : at,
	);
	add(steps, "move_mount", { from, to: target }, what, at);
	freeSlot(steps, target);
}
