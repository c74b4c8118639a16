// Bind mounts: a detached copy of a tree of the host, altered, and moved onto its place. The source's links are followed on the host.
// @see runtime-spec config.md#linux-mount-options, mount_setattr(2)

import { CortenError } from "../base/errors.ts";
import { O_RDONLY } from "../linux/file.ts";
import * as flag from "../linux/mount-flags.ts";
import type { Config, IdMapping } from "../spec/runtime.ts";
import { stagedSource } from "./mount-points.ts";
import {
	alterMount,
	gatheredBind,
	type MountContext,
	nameOf,
	type OpenedBind,
	type OpenedBinds,
	type ParsedMount,
} from "./mount-target.ts";
import { cwd } from "./ops.ts";
import { propagationOf } from "./propagation.ts";
import { add, freeSlot, type Steps, takeSlot } from "./steps.ts";

/** The propagation of a bind: its own words, or else what linux.rootfsPropagation makes of mounts; private when nothing is said. */
function propagationOfBind({ options }: ParsedMount, config: Config): readonly flag.Propagation[] {
	if (options.propagation.length > 0) return options.propagation;
	const bit = propagationOf(config.linux.rootfsPropagation)?.bit;
	return [{ bit: bit === flag.MS_SLAVE || bit === flag.MS_SHARED ? bit : flag.MS_PRIVATE, recursive: true }];
}

function openBind(steps: Steps, parsed: ParsedMount, { frame, stage }: Pick<MountContext, "frame" | "stage">): number {
	const { mount, options, at } = parsed;
	if (mount.source === undefined || mount.source === "") {
		throw new CortenError("invalid-spec", `cannot mount at "${mount.destination}": a bind mount needs a source`, { at: `${at}/source` });
	}
	const staged = stage === cwd ? undefined : stagedSource(parsed, frame);
	const path = staged ?? (mount.source.startsWith("/") ? mount.source : `${frame.bundle ?? frame.folder}/${mount.source}`);
	const tree = takeSlot(steps);
	const flags = flag.OPEN_TREE_CLONE | (options.bind === "rbind" ? flag.AT_RECURSIVE : 0);
	const dir = staged === undefined ? cwd : stage;
	add(steps, "open_tree", { out: tree, dir, path, flags }, `open "${path}" for the mount at "${mount.destination}"`, `${at}/source`);
	return tree;
}

const isIdmapped = ({ mount, options }: ParsedMount): boolean =>
	!options.remount && (options.idmap !== undefined || mount.uidMappings !== undefined || mount.gidMappings !== undefined);

const lines = (mappings: readonly IdMapping[]): string =>
	mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");

/** The user namespace whose mappings a mount gets: by its own mappings, or the container's. @returns its slot */
function openMappings(steps: Steps, { mount, at }: ParsedMount, config: Config, made: Map<string, number>): number {
	const own = mount.uidMappings !== undefined || mount.gidMappings !== undefined;
	const { uidMappings, gidMappings } = own ? mount : config.linux;
	const path = config.linux.namespaces.find(({ type }) => type === "user")?.path;
	const joined = !own && path !== undefined && path !== "" ? path : undefined;
	const [uids, gids] = [lines(uidMappings ?? []), lines(gidMappings ?? [])];
	if (joined === undefined && (uids === "" || gids === "")) {
		const message = `cannot map the ids of the mount at "${mount.destination}": it needs uidMappings and gidMappings`;
		throw new CortenError("invalid-spec", message, { at });
	}
	const key = joined ?? `${uids}:${gids}`;
	const known = made.get(key);
	if (known !== undefined) return known;
	const slot = takeSlot(steps);
	made.set(key, slot);
	const what = `make the mappings of the mount at "${mount.destination}"`;
	if (joined === undefined) add(steps, "userns", { out: slot, uids, gids }, what, `${at}/uidMappings`);
	else add(steps, "openat", { out: slot, dir: cwd, path: joined, flags: O_RDONLY, mode: 0 }, `open user namespace "${joined}"`, at);
	return slot;
}

/**
 * The host's side: binds whose ids are mapped, for which it takes the privilege and the pids of the host. They are finished here.
 */
export function openMappedBinds(
	steps: Steps,
	mounts: readonly ParsedMount[],
	config: Config,
	frame: MountContext["frame"],
): Map<ParsedMount, OpenedBind> {
	const opened = new Map<ParsedMount, OpenedBind>();
	const mappings = new Map<string, number>();
	for (const parsed of mounts) {
		const { mount, options, at } = parsed;
		if (!isIdmapped(parsed)) continue;
		const slot = openBind(steps, parsed, { frame, stage: cwd });
		const userns = openMappings(steps, parsed, config, mappings);
		const flags = options.idmap === "ridmap" ? flag.AT_RECURSIVE : 0;
		add(steps, "mount_idmap", { slot, userns, flags }, `map the ids of the mount at "${mount.destination}"`, `${at}/options`);
		alterMount(steps, slot, parsed, propagationOfBind(parsed, config));
		opened.set(parsed, { slot, finished: true });
	}
	for (const slot of mappings.values()) {
		add(steps, "close", { slot }, "close a user namespace");
		freeSlot(steps, slot);
	}
	return opened;
}

/** The parent's side: what only the container uses must not stay mounted for as long as launch lives. */
export function closeMappedBinds(steps: Steps, opened: OpenedBinds): void {
	for (const [{ mount }, { slot }] of opened) add(steps, "close", { slot }, `close the source of the mount at "${mount.destination}"`);
}

/**
 * Opens the sources of shared binds. It must happen before the host's mounts become slaves: a copy made later would hear of the host's
 * mounts, but the host not of the container's.
 * @param mapped what is open already
 * @returns all that is open
 */
export function openSharedBinds(
	steps: Steps,
	mounts: readonly ParsedMount[],
	config: Config,
	frame: MountContext["frame"],
	mapped: OpenedBinds,
): OpenedBinds {
	const opened = new Map(mapped);
	for (const parsed of mounts) {
		if (!parsed.bind || parsed.options.remount || opened.has(parsed)) continue;
		if (propagationOfBind(parsed, config).some(({ bit }) => bit === flag.MS_SHARED)) {
			opened.set(parsed, { slot: openBind(steps, parsed, { frame, stage: cwd }), finished: false });
		}
	}
	return opened;
}

/** A bind's finished mount, detached. @returns its slot */
export function prepareBind(
	steps: Steps,
	parsed: ParsedMount,
	context: Pick<MountContext, "frame" | "stage" | "config" | "opened">,
): number {
	const early = context.opened.get(parsed);
	const slot = early?.slot ?? openBind(steps, parsed, context);
	if (early?.finished !== true) alterMount(steps, slot, parsed, propagationOfBind(parsed, context.config));
	return slot;
}

/** The same, or what was gathered. @param index of the mount */
export function makeBind(steps: Steps, parsed: ParsedMount, index: number, context: MountContext): number {
	if (!context.gathered || stagedSource(parsed, context.frame) !== undefined) return prepareBind(steps, parsed, context);
	const tree = takeSlot(steps);
	const flags = flag.OPEN_TREE_CLONE | flag.AT_RECURSIVE;
	add(steps, "open_tree", { out: tree, dir: context.stage, path: gatheredBind(index), flags }, nameOf(parsed), `${parsed.at}/source`);
	return tree;
}
