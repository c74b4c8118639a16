// Devices: --device, --device-cgroup-rule, the default allow-list, and the nodes of the host for --privileged.
// @see runtime-spec config-linux.md#devices, docker-run(1) --device

import { CortenError } from "../base/errors.ts";
import { listFolder } from "../linux/file.ts";
import { type FileStat, statPath } from "../linux/stat.ts";
import type { Device } from "../spec/runtime.ts";
import { absolutePath, cleanPath } from "./path.ts";
import type { DeviceRequest, DeviceRule } from "./request.ts";

const at = "--device";
/** Nodes every container has anyway. @see runtime-spec config-linux.md#default-devices */
const everywhere = ["null", "zero", "full", "random", "urandom", "tty", "console", "ptmx"].map((name) => `/dev/${name}`);
/** Folders of /dev that a container has of its own. */
const ownFolders = ["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"];

const isAccess = (text: string): boolean => /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;

/** Parses `SOURCE[:TARGET][:ACCESS]`. @throws `invalid-argument`; `unsupported` for CDI names */
export function parseDevice(text: string, folder: () => string): DeviceRequest {
	const parts = text.split(":");
	const [source = "", second, third] = parts;
	const refuse = (why: string) => new CortenError("invalid-argument", `cannot parse device "${text}": ${why}`, { at });
	if (parts.length > 3 || source === "") throw refuse("it is not SOURCE[:TARGET][:ACCESS]");
	if (/^[^/]+\/[^/=]+=/.test(source)) throw new CortenError("unsupported", `cannot use device "${text}": CDI is not implemented`, { at });
	if (text.includes("\0")) throw refuse("it holds a NUL byte");
	const onlyAccess = third === undefined && second !== undefined && isAccess(second);
	const target = (onlyAccess ? undefined : second) || source;
	const access = (onlyAccess ? second : third) ?? "rwm";
	if (!isAccess(access)) throw refuse(`"${access}" is not made of r, w and m`);
	if (second !== undefined && !onlyAccess && !target.startsWith("/")) throw refuse(`"${target}" is not an absolute path`);
	return { source: absolutePath(source, folder), target: absolutePath(target, folder), access };
}

/** Parses `TYPE MAJOR:MINOR ACCESS`, as `c 13:* rw`. @throws `invalid-argument` */
export function parseDeviceRule(text: string, at = "--device-cgroup-rule"): DeviceRule {
	const match = /^([abc]) (\d{1,10}|\*):(\d{1,10}|\*) ([rwm]{1,3})$/.exec(text);
	const [, type = "", major = "", minor = "", access = ""] = match ?? [];
	if (match === null || !isAccess(access) || Number(major) > 0xfff || Number(minor) > 0xf_ffff) {
		throw new CortenError("invalid-argument", `cannot parse device rule "${text}": it is not like "c 13:* rwm"`, { at });
	}
	const numbers = { ...(major !== "*" && { major: Number(major) }), ...(minor !== "*" && { minor: Number(minor) }) };
	return { allow: true, type, ...numbers, access };
}

/**
 * What a container may use without being asked: docker's list and what runc adds to it (making nodes, its own terminals). docker's
 * denial of fuse is left out: nothing above it allows fuse, and v1 cgroups cannot take a node out of "make any node".
 */
export function defaultDeviceRules(): DeviceRule[] {
	const node = (major: number, minor: number): DeviceRule => ({ allow: true, type: "c", major, minor, access: "rwm" });
	return [
		{ allow: false, access: "rwm" },
		// A node may be made, as package managers do; to open it is another matter.
		{ allow: true, type: "c", access: "m" },
		{ allow: true, type: "b", access: "m" },
		node(1, 3), // null
		node(1, 5), // zero
		node(1, 7), // full
		node(1, 8), // random
		node(1, 9), // urandom
		node(5, 0), // tty
		node(5, 1), // console
		node(5, 2), // ptmx
		{ allow: true, type: "c", major: 136, access: "rwm" }, // pts/*
	];
}

function deviceOf(stat: FileStat, path: string): Device | undefined {
	if (stat.kind !== "char" && stat.kind !== "block") return undefined;
	const type = stat.kind === "char" ? "c" : "b";
	return { type, path, major: stat.major, minor: stat.minor, fileMode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid };
}

function* nodesBelow(folder: string, target: string, skip: readonly string[]): Generator<Device> {
	for (const name of listFolder(folder).sort()) {
		if (skip.includes(name)) continue;
		const stat = statPath(`${folder}/${name}`, false);
		if (stat?.kind === "dir") yield* nodesBelow(`${folder}/${name}`, `${target}/${name}`, []);
		const device = stat === undefined ? undefined : deviceOf(stat, `${target}/${name}`);
		if (device !== undefined) yield device;
	}
}

/** The nodes of the host's /dev but for those that every container has. Costs a statx(2) for each: only for --privileged. */
export function hostDevices(): Device[] {
	return [...nodesBelow("/dev", "/dev", ownFolders)].filter((device) => !everywhere.includes(device.path));
}

/**
 * Looks at what a request names: a node, or all nodes below a folder. Links are followed.
 * @throws `not-found`; `invalid-argument` when it is no device
 */
export function resolveDevices(request: DeviceRequest): Device[] {
	const stat = statPath(request.source);
	if (stat === undefined) throw new CortenError("not-found", `cannot find device "${request.source}"`, { at });
	const single = deviceOf(stat, cleanPath(request.target));
	if (single !== undefined) return [single];
	const below = stat.kind === "dir" ? [...nodesBelow(request.source, request.target, [])] : [];
	if (below.length > 0) return below;
	const why = stat.kind === "dir" ? "it is a folder without devices" : `it is a ${stat.kind}`;
	throw new CortenError("invalid-argument", `cannot use "${request.source}" as a device: ${why}`, { at });
}
