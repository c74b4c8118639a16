// What the container must not see or change: masked and read-only paths, the root itself, and the sysctls of its namespaces.
// @see runtime-spec config-linux.md#masked-paths, #readonly-paths, #sysctl; config.md#root

import { CortenError } from "../base/errors.ts";
import { O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from "../linux/file.ts";
import * as flag from "../linux/mount-flags.ts";
import type { Config, NamespaceType } from "../spec/runtime.ts";
import type { Frame } from "./frame.ts";
import { cwd } from "./ops.ts";
import { addEmptyFolder, type Root } from "./rootfs.ts";
import { add, bytesOf, freeSlot, type Steps, takeSlot } from "./steps.ts";

/** Hides masked paths and makes read-only ones so, then the root, after which no mount point can be made any more. */
export function addPaths(steps: Steps, config: Config, { root, stage }: Root): void {
	const { maskedPaths, readonlyPaths } = config.linux;
	checkAbsolute("maskedPaths", maskedPaths);
	checkAbsolute("readonlyPaths", readonlyPaths);
	if (maskedPaths.length > 0) {
		const nullDevice = takeSlot(steps);
		const emptyFolder = addEmptyFolder(steps, stage);
		const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
		add(
			steps,
			"openat2",
			{ out: nullDevice, dir: root, path: "/dev/null", flags: O_PATH, resolve, create: 0 },
			'open "/dev/null" in the root filesystem',
			"/linux/maskedPaths",
		);
		for (const [index, path] of maskedPaths.entries()) {
			add(steps, "mask", { root, path, nullDevice, emptyFolder }, `mask "${path}"`, `/linux/maskedPaths/${index}`);
		}
		freeSlot(steps, nullDevice);
		freeSlot(steps, emptyFolder);
	}
	for (const [index, path] of readonlyPaths.entries()) {
		add(steps, "readonly", { root, path }, `make "${path}" read-only`, `/linux/readonlyPaths/${index}`);
	}
	if (!config.root.readonly) return;
	const args = { slot: root, flags: 0, set: flag.MOUNT_ATTR_RDONLY, clear: 0, propagation: 0 };
	add(steps, "mount_setattr", args, "make the root filesystem read-only", "/root/readonly");
}

function checkAbsolute(field: string, paths: readonly string[]): void {
	const index = paths.findIndex((path) => !path.startsWith("/"));
	if (index < 0) return;
	throw new CortenError("invalid-spec", `cannot find path "${paths[index]}": it is not absolute`, { at: `/linux/${field}/${index}` });
}

/** Sysctls that belong to a namespace, by exact name or by prefix (with its dot). */
const namespaced: readonly (readonly [type: NamespaceType, names: readonly string[]])[] = [
	["network", ["net."]],
	[
		"ipc",
		[
			"fs.mqueue.",
			"kernel.msgmax",
			"kernel.msgmnb",
			"kernel.msgmni",
			"kernel.sem",
			"kernel.shmall",
			"kernel.shmmax",
			"kernel.shmmni",
			"kernel.shm_rmid_forced",
		],
	],
	["uts", ["kernel.domainname"]],
];

/**
 * Sets sysctls through the host's own /proc, before the root changes: nothing in the container can have prepared it (CVE-2025-52881), and
 * /proc/sys shows the namespaces of whoever writes. Where a unit's sandbox has made that one read-only, through a proc of its own.
 * @throws `invalid-spec` for one that is not a namespace of the container's own: it would be the host's
 */
export function addSysctls(steps: Steps, config: Config, frame: Frame): void {
	const sysctls = Object.entries(config.linux.sysctl ?? {});
	const proc = frame.ownProc === true && sysctls.length > 0 ? takeSlot(steps) : cwd;
	if (proc !== cwd) {
		const attrs = flag.MOUNT_ATTR_NOSUID | flag.MOUNT_ATTR_NODEV | flag.MOUNT_ATTR_NOEXEC;
		add(steps, "fsmount", { out: proc, type: "proc", options: ["source=proc"], attrs }, "mount a proc for sysctls");
	}
	const top = proc === cwd ? "/proc/sys" : "sys";
	for (const [given, value] of sysctls) {
		const at = `/linux/sysctl/${given.replaceAll("~", "~0").replaceAll("/", "~1")}`;
		const refuse = (why: string): CortenError => new CortenError("invalid-spec", `cannot set sysctl "${given}": ${why}`, { at });
		const path = sysctlPath(given);
		const name = path.replaceAll("/", ".");
		if (name === "kernel.hostname") throw refuse("it conflicts with the field hostname");
		const type = namespaced.find(([, names]) =>
			names.some((known) => (known.endsWith(".") ? name.startsWith(known) : name === known)),
		)?.[0];
		const own = config.linux.namespaces.find((namespace) => namespace.type === type);
		const theHosts = own?.path !== undefined && /^\/proc\/(1|self|thread-self)\/ns\//.test(own.path);
		if (own === undefined || theHosts || path.split("/").some((part) => part === "" || part === "." || part === "..")) {
			throw refuse("it is not one of the container's namespaces");
		}
		const what = `set sysctl "${given}" to "${value}"`;
		add(steps, "write", { dir: proc, path: `${top}/${path}`, data: bytesOf(value), flags: 0 }, what, at);
	}
	if (proc !== cwd) freeSlot(steps, proc);
}

/** sysctl(8): whichever of . and / comes first separates, the other is part of a name (net.ipv4.conf.eth0/1.forwarding). */
function sysctlPath(name: string): string {
	const dot = name.indexOf(".");
	const slash = name.indexOf("/");
	if (slash >= 0 && (dot < 0 || slash < dot)) return name;
	return name
		.split(".")
		.map((part) => part.replaceAll("/", "."))
		.join("/");
}
