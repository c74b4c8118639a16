// Mounts that come from outside: criu saves their names alone, and is told at the restore what they stand for. A name is the place in the
// container, as runc's are; a device node's is its path on the host.

import { CortenError } from "../../base/errors.ts";
import { type Fd, O_PATH, openFd, openInRoot, readLink } from "../../linux/file.ts";
import { sourceOf } from "../../plan/compile-criu.ts";
import { parseMounts } from "../../plan/mount-parse.ts";
import type { ParsedMount } from "../../plan/mount-target.ts";
import type { Config } from "../../spec/runtime.ts";
import type { Message } from "./message.ts";
import { below, type MountEntry } from "./mountinfo.ts";
import { pair } from "./request.ts";

/** Those every container has. @see runtime-spec config-linux.md#default-devices */
const defaultDevices = ["null", "zero", "full", "random", "urandom", "tty"].map((name) => `/dev/${name}`);

/** The binds of a config.json. @throws `unsupported` for what criu would restore as something else */
function bindsOf(config: Config): readonly ParsedMount[] {
	const binds = parseMounts(config).filter(({ bind, options }) => bind && !options.remount);
	for (const { mount, options, at } of binds) {
		const mapped = options.idmap !== undefined || mount.uidMappings !== undefined || mount.gidMappings !== undefined;
		if (!mapped) continue;
		throw new CortenError("unsupported", `cannot checkpoint the mount at "${mount.destination}": criu knows no mapped ids`, { at });
	}
	return binds;
}

/**
 * The mounts of a running container that come from outside.
 * @param inside what its first process sees mounted
 * @param host what the caller sees mounted
 * @param bundle where relative sources begin
 * @returns criu's pairs: the place, the name
 */
export function externalAtDump(
	config: Config,
	inside: readonly MountEntry[],
	host: readonly MountEntry[],
	bundle: string,
): readonly Message[] {
	const found = new Map<string, string>();
	for (const parsed of bindsOf(config)) {
		const place = placeOf(parsed, inside, host, bundle);
		if (place === undefined) continue;
		// A bind with all that is mounted below it: other mounts of config.json there have their own turn.
		for (const { mountPoint } of inside)
			if (below(mountPoint, place) !== undefined && isOutside(mountPoint, inside, host)) found.set(mountPoint, mountPoint);
		found.set(place, place);
	}
	const devices = host.find(({ mountPoint }) => mountPoint === "/dev");
	for (const { mountPoint, device, root } of inside) {
		if (devices === undefined || device !== devices.device || mountPoint === "/" || found.has(mountPoint)) continue;
		const path = below(root, devices.root);
		if (path !== undefined && path !== "") found.set(mountPoint, `/dev${path}`);
	}
	return [...found].map(([place, name]) => pair(place, name));
}

/** Filesystems that criu mounts anew, whosever they are. */
const ownTypes = ["proc", "sysfs", "mqueue", "cgroup", "cgroup2"];

function isOutside(mountPoint: string, inside: readonly MountEntry[], host: readonly MountEntry[]): boolean {
	const entry = inside.findLast((other) => other.mountPoint === mountPoint);
	return entry !== undefined && !ownTypes.includes(entry.type) && host.some(({ device }) => device === entry.device);
}

/**
 * Where a bind is in the container: at its destination, or where links of the root filesystem have led it. That is found by what is
 * mounted there; the links are the container's, and may lead elsewhere by now.
 */
function placeOf(
	{ path, mount }: ParsedMount,
	inside: readonly MountEntry[],
	host: readonly MountEntry[],
	bundle: string,
): string | undefined {
	if (inside.some(({ mountPoint }) => mountPoint === path)) return path;
	const source = resolveSource(sourceOf(mount.source ?? "", bundle));
	let holder: MountEntry | undefined;
	for (const entry of host) {
		if (below(source, entry.mountPoint) === undefined) continue;
		if (holder === undefined || entry.mountPoint.length >= holder.mountPoint.length) holder = entry;
	}
	if (holder === undefined) return undefined;
	const root = `${holder.root === "/" ? "" : holder.root}${below(source, holder.mountPoint)}` || "/";
	return inside.find((entry) => entry.device === holder.device && entry.root === root && entry.mountPoint !== "/")?.mountPoint;
}

/** The path without links. */
function resolveSource(path: string): string {
	using fd = openFd(path, O_PATH);
	return readLink(`/proc/self/fd/${fd.number}`) ?? path;
}

/**
 * What the names in an image may stand for: the binds of config.json with what is mounted below them, and device nodes. Names that no
 * image has do no harm.
 * @param rootfs the root filesystem on the host, whose links lead a destination elsewhere
 */
export function externalAtRestore(config: Config, host: readonly MountEntry[], bundle: string, rootfs: string): readonly Message[] {
	const found = new Map<string, string>();
	for (const path of [...defaultDevices, ...(config.linux.devices ?? []).map((device) => device.path)]) found.set(path, path);
	using root = openFd(rootfs, O_PATH);
	for (const { path, mount, options } of bindsOf(config)) {
		const source = sourceOf(mount.source ?? "", bundle);
		for (const place of new Set([path, resolveIn(root, path)])) {
			found.set(place, source);
			if (options.bind !== "rbind") continue;
			const real = resolveSource(source);
			for (const { mountPoint } of host) {
				const rest = below(mountPoint, real);
				if (rest !== undefined && rest !== "") found.set(`${place}${rest}`, mountPoint);
			}
		}
	}
	return [...found].map(([name, path]) => pair(name, path));
}

/** The destination after the links of the root filesystem; itself when nothing is there yet. */
function resolveIn(root: Fd, path: string): string {
	const top = readLink(`/proc/self/fd/${root.number}`) ?? "";
	try {
		using fd = openInRoot(root, path, O_PATH);
		return below(readLink(`/proc/self/fd/${fd.number}`) ?? "", top) || path;
	} catch {
		return path;
	}
}
