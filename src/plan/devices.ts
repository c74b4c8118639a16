// Devices and links below /dev. /dev is opened without following links: an image may bring it as one (CVE-2026-41579).
// @see runtime-spec config-linux.md#devices, #default-devices; config.md#dev-symbolic-links

import { CortenError } from "../base/errors.ts";
import { O_DIRECTORY, O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from "../linux/file.ts";
import type { Config, Device } from "../spec/runtime.ts";
import type { ParsedMount } from "./mount-target.ts";
import { sourceOfDev } from "./mounts.ts";
import { opFlags } from "./ops.ts";
import { add, freeSlot, type Steps, takeSlot } from "./steps.ts";

const defaults: readonly (readonly [name: string, major: number, minor: number])[] = [
	["null", 1, 3],
	["zero", 1, 5],
	["full", 1, 7],
	["random", 1, 8],
	["urandom", 1, 9],
	["tty", 5, 0],
];

const links: readonly (readonly [name: string, target: string])[] = [
	["fd", "/proc/self/fd"],
	["stdin", "/proc/self/fd/0"],
	["stdout", "/proc/self/fd/1"],
	["stderr", "/proc/self/fd/2"],
	["core", "/proc/kcore"],
	["ptmx", "pts/ptmx"],
];

/** The kernel's bits of a device's type. */
export const typeBits = { c: 0o020000, u: 0o020000, b: 0o060000, p: 0o010000 } as const;
const AT_SYMLINK_NOFOLLOW = 0x100;

/** The kernel's 64-bit dev_t as mknod takes it. */
export function deviceNumber(major: number, minor: number): number {
	return (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12);
}

/** A device of the container, the specification's own or one of config.json's. */
export type DeviceNode = {
	readonly path: string;
	readonly type: Device["type"];
	readonly number: number;
	/** Permission bits. */
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	readonly at: string;
};

/** All devices, those of config.json instead of the default ones of the same path. @throws `invalid-spec` for one without a number */
export function devicesOf(config: Config): readonly DeviceNode[] {
	const nodes: DeviceNode[] = [];
	for (const [name, major, minor] of defaults) {
		const path = `/dev/${name}`;
		if (config.linux.devices.some((device) => device.path === path)) continue;
		nodes.push({ path, type: "c", number: deviceNumber(major, minor), mode: 0o666, uid: 0, gid: 0, at: "" });
	}
	for (const [index, { path, type, major, minor, fileMode, uid, gid }] of config.linux.devices.entries()) {
		const at = `/linux/devices/${index}`;
		if (type !== "p" && (major === undefined || minor === undefined)) {
			throw new CortenError("invalid-spec", `cannot make device "${path}": it has no number`, { at });
		}
		const mode = (fileMode ?? 0o666) & 0o7777;
		nodes.push({ path, type, number: deviceNumber(major ?? 0, minor ?? 0), mode, uid: uid ?? 0, gid: gid ?? 0, at });
	}
	return nodes;
}

/** Links below /dev. @param dev the slot of /dev */
export function addDeviceLinks(steps: Steps, dev: number): void {
	for (const [name, target] of links)
		add(steps, "symlinkat", { target, dir: dev, path: name }, `make link "/dev/${name}"`, "", opFlags.presentOk);
}

/** Makes the devices; with the host's own /dev as a bind there is nothing to make. */
export function addDevices(steps: Steps, config: Config, mounts: readonly ParsedMount[], root: number): void {
	const source = sourceOfDev(mounts);
	if (source === "bind") return;
	const dev = takeSlot(steps);
	const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
	add(
		steps,
		"openat2",
		{ out: dev, dir: root, path: "/dev", flags: O_PATH | O_DIRECTORY, resolve, create: 1 },
		'open "/dev" in the root filesystem',
	);
	// In an image's own /dev the names may be taken.
	const flags = source === "mount" ? 0 : opFlags.presentOk;
	const given = config.linux.devices;
	for (const [name, major, minor] of defaults) {
		if (given.some((device) => device.path === `/dev/${name}`)) continue;
		add(
			steps,
			"mknodat",
			{ dir: dev, path: name, mode: typeBits.c | 0o666, dev: deviceNumber(major, minor) },
			`make device "/dev/${name}"`,
			"",
			flags,
		);
	}
	for (const [index, device] of given.entries()) addDevice(steps, device, `/linux/devices/${index}`, root, dev, flags);
	addDeviceLinks(steps, dev);
	freeSlot(steps, dev);
}

function addDevice(steps: Steps, device: Device, at: string, root: number, dev: number, flags: number): void {
	const { path, type, fileMode, uid, gid } = device;
	if (device.type !== "p" && (device.major === undefined || device.minor === undefined)) {
		throw new CortenError("invalid-spec", `cannot make device "${path}": it has no number`, { at });
	}
	const cut = path.lastIndexOf("/");
	const name = path.slice(cut + 1);
	if (!path.startsWith("/") || name === "" || name === "." || name === "..")
		throw new CortenError("invalid-spec", `cannot make device "${path}"`, { at });
	const what = `make device "${path}"`;
	const above = path.slice(0, cut);
	const folder = above === "/dev" ? dev : takeSlot(steps);
	if (folder !== dev) {
		const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
		add(steps, "openat2", { out: folder, dir: root, path: above || "/", flags: O_PATH | O_DIRECTORY, resolve, create: 1 }, what, at);
	}
	const number = deviceNumber(device.major ?? 0, device.minor ?? 0);
	add(steps, "mknodat", { dir: folder, path: name, mode: typeBits[type] | ((fileMode ?? 0o666) & 0o7777), dev: number }, what, at, flags);
	if ((uid ?? 0) !== 0 || (gid ?? 0) !== 0) {
		add(steps, "fchownat", { dir: folder, path: name, uid: uid ?? 0, gid: gid ?? 0, flags: AT_SYMLINK_NOFOLLOW }, what, at);
	}
	if (folder !== dev) freeSlot(steps, folder);
}
