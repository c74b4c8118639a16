// The mounts of config.json taken apart, and what can be said of them before anything is mounted.
// @see runtime-spec config.md#mounts

import { CortenError } from "../base/errors.ts";
import { lookUp } from "../base/look-up.ts";
import { parseMountOptions } from "../linux/mount-flags.ts";
import type { Config, Mount, NamespaceType } from "../spec/runtime.ts";
import type { ParsedMount } from "./mount-target.ts";

/** An absolute path without `.`, `..` and empty names; what is relative begins at the root. */
export function cleanPath(path: string): string {
	const names: string[] = [];
	for (const name of path.split("/")) {
		if (name === "..") names.pop();
		else if (name !== "" && name !== ".") names.push(name);
	}
	return `/${names.join("/")}`;
}

/** Whether the container has a namespace of this type that is not the caller's; `made`: a new one. */
function namespaceOf(config: Config, type: NamespaceType): { readonly made: boolean } | undefined {
	const found = config.linux.namespaces.find((namespace) => namespace.type === type);
	return found === undefined ? undefined : { made: found.path === undefined || found.path === "" };
}

/** Filesystems that show a namespace: who does not own that namespace cannot mount them, and sees the host's instead, as with crun. */
const shownNamespaces: Readonly<Record<string, readonly [type: NamespaceType, hostPath: string]>> = {
	proc: ["pid", "/proc"],
	sysfs: ["network", "/sys"],
	mqueue: ["ipc", "/dev/mqueue"],
};

/** The host's path that stands in for a filesystem that a user namespace cannot mount; undefined: it can. */
function standIn(mount: Mount, config: Config): string | undefined {
	const [type, hostPath] = lookUp(shownNamespaces, mount.type ?? "") ?? [];
	const user = namespaceOf(config, "user");
	if (type === undefined || user === undefined) return undefined;
	const shown = namespaceOf(config, type);
	const owned = shown !== undefined && (shown.made || !user.made);
	return owned ? undefined : hostPath;
}

/** What may be mounted below /proc: files that lxcfs and the like serve. Anything else could feign what is read there (CVE-2019-16884). */
const allowedBelowProc = [
	"cpuinfo",
	"diskstats",
	"meminfo",
	"stat",
	"swaps",
	"uptime",
	"loadavg",
	"slabinfo",
	"net/dev",
	"sys/kernel/ns_last_pid",
	"sys/crypto/fips_enabled",
];

function mayBeAt({ type, source }: Mount, bind: boolean, path: string): boolean {
	if (path === "/proc") return type === "proc" || (bind && cleanPath(source ?? "") === "/proc");
	return !path.startsWith("/proc/") || allowedBelowProc.includes(path.slice("/proc/".length));
}

function parse(mount: Mount, index: number, config: Config): ParsedMount {
	const at = `/mounts/${index}`;
	const options = parseMountOptions(mount.options ?? []);
	const path = cleanPath(mount.destination);
	const refuse = (field: string, why: string): CortenError =>
		new CortenError("invalid-spec", `cannot mount at "${mount.destination}": ${why}`, { at: at + field });
	if (mount.destination === "") throw refuse("/destination", "it is empty");
	const bind = options.bind !== undefined || mount.type === "bind";
	if (bind && options.data.length > 0) throw refuse("/options", `a bind mount takes no option "${options.data[0]}"`);
	if (!options.remount && !mayBeAt(mount, bind, path)) throw refuse("/destination", "it is inside /proc");
	const mapped = options.idmap !== undefined || mount.uidMappings !== undefined || mount.gidMappings !== undefined;
	if (mapped && !bind) throw refuse("/options", "only a bind mount can have its ids mapped");
	if (options.copyUp && mount.type !== "tmpfs") throw refuse("/options", "tmpcopyup is for tmpfs");
	const hostPath = bind ? undefined : standIn(mount, config);
	if (hostPath === undefined) return { mount, options, bind, path, at };
	const shown: Mount = { ...mount, type: "bind", source: hostPath };
	return { mount: shown, options: { ...options, bind: "rbind", data: [], superblock: [] }, bind: true, path, at };
}

/** Takes the mounts of config.json apart. @throws `invalid-spec` */
export function parseMounts(config: Config): readonly ParsedMount[] {
	return config.mounts.map((mount, index) => parse(mount, index, config));
}

/** What is at /dev: the host's own as a bind, in which nothing may be made; another mount; or what the image brought. */
export function sourceOfDev(mounts: readonly ParsedMount[]): "bind" | "mount" | "image" {
	let source: "bind" | "mount" | "image" = "image";
	for (const { path, bind, options } of mounts) if (path === "/dev" && !options.remount) source = bind ? "bind" : "mount";
	return source;
}
