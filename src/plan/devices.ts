// Devices and links below /dev. /dev is opened without following links: an image may bring it as one (CVE-2026-41579).
// @see runtime-spec config-linux.md#devices, #default-devices; config.md#dev-symbolic-links

import { CortenError } from "../base/errors.ts";
import { O_DIRECTORY, O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from "../linux/file.ts";
import type { Config, Device } from "../spec/runtime.ts";
import { cleanPath, sourceOfDev } from "./mount-parse.ts";
import type { ParsedMount } from "./mount-target.ts";
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

/** Linux gives 12 bits to the major number and 20 to the minor one. */
const maxMajor = 0xfff;
const maxMinor = 0xf_ffff;

/** The kernel's 64-bit dev_t as mknod takes it. */
export function deviceNumber(major: number, minor: number): number {
	return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

/** mknodat's owner. */
export function ownerOf(uid: number, gid: number): bigint {
	return BigInt(uid) | (BigInt(gid) << 32n);
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
	const given = config.linux.devices.map((device, index) => nodeOf(device, `/linux/devices/${index}`));
	const nodes: DeviceNode[] = [];
	for (const [name, major, minor] of defaults) {
		const path = `/dev/${name}`;
		if (given.some((node) => node.path === path)) continue;
		nodes.push({ path, type: "c", number: deviceNumber(major, minor), mode: 0o666, uid: 0, gid: 0, at: "" });
	}
	return [...nodes, ...given];
}

function nodeOf({ path: given, type, major, minor, fileMode, uid, gid }: Device, at: string): DeviceNode {
	const path = cleanPath(given);
	const wild = (number: number | undefined): boolean => number === undefined || number < 0;
	if (type !== "p" && (wild(major) || wild(minor))) {
		throw new CortenError("invalid-spec", `cannot make device "${path}": it has no number`, { at });
	}
	if (type !== "p" && ((major ?? 0) > maxMajor || (minor ?? 0) > maxMinor)) {
		throw new CortenError("invalid-spec", `cannot make device "${path}": Linux has no number ${major}:${minor}`, { at });
	}
	if (path === "/") throw new CortenError("invalid-spec", `cannot make device "${given}"`, { at });
	const number = type === "p" ? 0 : deviceNumber(major ?? 0, minor ?? 0);
	return { path, type, number, mode: (fileMode ?? 0o666) & 0o7777, uid: uid ?? 0, gid: gid ?? 0, at };
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
	for (const node of devicesOf(config)) addDevice(steps, node, root, dev);
	// An image's own /dev/ptmx would lead to another devpts.
	if (source === "image")
		add(steps, "unlinkat", { dir: dev, path: "ptmx", flags: 0 }, 'remove "/dev/ptmx" of the image', "", opFlags.absentOk);
	addDeviceLinks(steps, dev);
	freeSlot(steps, dev);
}

function addDevice(steps: Steps, { path, type, number, mode, uid, gid, at }: DeviceNode, root: number, dev: number): void {
	const cut = path.lastIndexOf("/");
	const what = `make device "${path}"`;
	const above = path.slice(0, cut);
	const folder = above === "/dev" ? dev : takeSlot(steps);
	if (folder !== dev) {
		const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
		add(steps, "openat2", { out: folder, dir: root, path: above || "/", flags: O_PATH | O_DIRECTORY, resolve, create: 1 }, what, at);
	}
	const args = { dir: folder, path: path.slice(cut + 1), mode: typeBits[type] | mode, dev: number, owner: ownerOf(uid, gid), source: path };
	add(steps, "mknodat", args, what, at);
	if (folder !== dev) freeSlot(steps, folder);
}
