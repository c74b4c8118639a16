// The bundle stage: an image's config and what was asked for become config.json (runtime-spec 1.2) and a rootfs recipe. Reads what it
// must of the host (bind sources, devices, passwd of a root folder) and writes nothing but the missing folders of -v.

import { CortenError } from "../base/errors.ts";
import { type HostFacts, readHostname } from "../linux/host.ts";
import { parseSignal } from "../linux/signals.ts";
import type { HealthCheck } from "../spec/health.ts";
import type { ImageRecord } from "../spec/image.ts";
import type { RootfsRecipe } from "../spec/rootfs.ts";
import type { Config, Device, Linux, Mount, NamespaceType, Resources, Seccomp } from "../spec/runtime.ts";
import { defaultSeccomp } from "../spec/seccomp-default.ts";
import { composeArguments } from "./arguments.ts";
import { type BindKinds, checkPropagation, prepareSources } from "./bind-sources.ts";
import { composeCapabilities } from "./capabilities.ts";
import { defaultDeviceRules, hostDevices, resolveDevices } from "./device.ts";
import { composeEnv } from "./environment.ts";
import { composeHealth } from "./health.ts";
import { findInit } from "./init-path.ts";
import { composeMounts, rootPropagation } from "./mounts.ts";
import { type BundleFile, networkFiles } from "./network-files.ts";
import { checkWorkdir, cleanPath } from "./path.ts";
import { maskedPaths, readonlyPaths } from "./protected-paths.ts";
import type { RunRequest } from "./request.ts";
import { composeSeccomp } from "./seccomp-profile.ts";
import { composeSysctls } from "./sysctl.ts";
import { forSystemd, isSystemd, stopSignalOf, systemdMounts } from "./systemd.ts";
import { resolveUser, type UserFiles } from "./user.ts";
import { readUserFiles } from "./user-files.ts";

/** What a bundle is made from. */
export type BundleInput = {
	/** 64 hexadecimal digits. */
	readonly id: string;
	/** Undefined when the root is a folder. */
	readonly image: ImageRecord | undefined;
	/** The folder that is the root (`--rootfs`), absolute; undefined with an image. */
	readonly rootfsPath: string | undefined;
	/** The command and its arguments as operands. */
	readonly operands: readonly string[];
	readonly options: RunRequest;
	/** The container's folder, absolute: the files below are bound from there, the writable layer lies there. */
	readonly folder: string;
	readonly host: HostFacts;
	/** The static init of `--init`, if not corten's own. */
	readonly initPath?: string | undefined;
};

/** What the plan stage and the container's record need. */
export type Bundle = {
	readonly config: Config;
	readonly rootfs: RootfsRecipe;
	/** To be written into the container's folder before the start. */
	readonly files: readonly BundleFile[];
	/** For every bind source in config.mounts. */
	readonly bindKinds: BindKinds;
	/** Signal number of a polite stop. */
	readonly stopSignal: number;
	readonly stopTimeoutSeconds: number;
	/** The command is a systemd, or to be served as one. */
	readonly systemd: boolean;
	/** The folder of its journal, to be made before the start; undefined: it has none of ours. */
	readonly journal: string | undefined;
	/** Undefined: nobody asks. */
	readonly health: HealthCheck | undefined;
	/** The image's, then those of the options; never in config.json, where an image could speak to a runtime (CVE-2026-53488). */
	readonly labels: Readonly<Record<string, string>>;
	/** The mounts that were asked for, as `inspect` shows them. */
	readonly mounts: readonly {
		readonly type: "bind" | "tmpfs";
		readonly source: string;
		readonly destination: string;
		readonly readonly: boolean;
	}[];
};

const sigterm = 15;
const initTarget = "/dev/init";

/**
 * Makes a bundle. The same input on the same machine gives the same bundle.
 * @throws `invalid-argument`, `not-found` and `permission-denied` with the option in `at`; `invalid-spec` for an image that cannot run
 */
export function createBundle(input: BundleInput): Bundle {
	const { image, host, folder } = input;
	const imageConfig = image?.config.config;
	const args = composeArguments({ image: imageConfig, entrypoint: input.options.entrypoint, operands: input.operands });
	const systemd = isSystemd(input.options, args);
	const options = systemd ? forSystemd(input.options, input.id) : input.options;
	const hostname = composeHostname(options, input.id);
	const users = userFilesOf(input);
	const user = resolveUser(options.user ?? imageConfig?.user ?? "", users, options.groups, options.user === undefined ? "USER" : "--user");
	const cwd = composeWorkdir(options.workdir, imageConfig?.workingDir ?? "");
	const env = composeEnv({ image: imageConfig?.env ?? [], options: options.env, hostname, tty: options.tty, home: user.home });
	const capabilities = composeCapabilities(options, host);
	const binds = options.mounts.filter((mount) => mount.kind === "bind");
	const bindKinds = prepareSources(binds);
	for (const bind of binds) checkPropagation(bind);
	const composed = composeMounts(options, folder, atLeast(host.kernel, [5, 12]), host.groupsDenied);
	const { mounts, journal } = systemd ? systemdMounts(composed, folder, host.cgroup) : { mounts: composed, journal: undefined };
	if (journal !== undefined) bindKinds[journal] = "dir";
	const files = networkFiles(options, hostname);
	for (const file of files) bindKinds[`${folder}/${file.path}`] = "file";
	if (options.ipc === "host") bindKinds["/dev/shm"] = "dir";
	const init = composeInit(options, input.initPath, bindKinds);
	const config: Config = {
		ociVersion: "1.2.0",
		root: { path: input.rootfsPath ?? "rootfs", readonly: options.readOnly },
		...(options.uts === "private" && { hostname }),
		...(options.domainname !== undefined && { domainname: options.domainname }),
		mounts: [...mounts, ...init.mounts],
		process: {
			terminal: options.tty,
			user: {
				uid: user.uid,
				gid: user.gid,
				additionalGids: host.groupsDenied === true ? [] : user.additionalGids,
				...(options.umask !== undefined && { umask: options.umask }),
			},
			args: [...init.args, ...args],
			env,
			cwd,
			capabilities,
			rlimits: options.rlimits,
			noNewPrivileges: options.noNewPrivileges,
			...(options.oomScoreAdj !== undefined && { oomScoreAdj: options.oomScoreAdj }),
		},
		...(Object.keys(options.annotations).length > 0 && { annotations: options.annotations }),
		linux: composeLinux(input, capabilities.bounding),
	};
	return {
		config,
		rootfs: composeRootfs(input),
		files,
		bindKinds,
		stopSignal: options.stopSignal ?? imageStopSignal((systemd ? stopSignalOf : String)(imageConfig?.stopSignal ?? "")),
		systemd,
		journal,
		stopTimeoutSeconds: options.stopTimeoutSeconds ?? 10,
		health: composeHealth(options.health, imageConfig?.healthcheck),
		labels: { ...imageConfig?.labels, ...options.labels },
		mounts: options.mounts.map((mount) => ({
			type: mount.kind,
			source: mount.kind === "bind" ? mount.source : "",
			destination: mount.target,
			readonly: mount.kind === "bind" ? mount.readonly !== "no" : mount.options.includes("ro"),
		})),
	};
}

function atLeast(kernel: readonly [number, number], [major, minor]: readonly [number, number]): boolean {
	return kernel[0] > major || (kernel[0] === major && kernel[1] >= minor);
}

function composeHostname(options: RunRequest, id: string): string {
	if (options.hostname !== undefined) return options.hostname;
	if (options.network !== "host" && options.uts !== "host") return id.slice(0, 12);
	return readHostname();
}

function userFilesOf({ image, rootfsPath }: BundleInput): UserFiles {
	if (image !== undefined) return image;
	if (rootfsPath === undefined) throw new CortenError("bug", "a bundle needs an image or a root folder");
	return readUserFiles(rootfsPath);
}

function composeWorkdir(asked: string | undefined, image: string): string {
	if (asked !== undefined) checkWorkdir(asked);
	// A relative one in an image is meant from the root, as docker reads it.
	return cleanPath(asked ?? `/${image}`);
}

function imageStopSignal(text: string): number {
	if (text === "") return sigterm;
	try {
		return parseSignal(text);
	} catch (cause) {
		throw new CortenError("invalid-spec", `cannot use the image's stop signal "${text}"`, { cause, hint: "--stop-signal overrides it" });
	}
}

/** An init of our own in front of the command, bound into /dev, which is there and writable whatever the image is. */
function composeInit(
	options: RunRequest,
	given: string | undefined,
	kinds: Record<string, "dir" | "file">,
): { readonly args: string[]; readonly mounts: Mount[] } {
	// With the host's processes there is an init already.
	if (!options.init || options.pid === "host") return { args: [], mounts: [] };
	const path = given ?? findInit();
	if (path === undefined) throw new CortenError("not-found", 'cannot find corten\'s "init" beside the program', { at: "--init" });
	kinds[path] = "file";
	const mount: Mount = { destination: initTarget, type: "bind", source: path, options: ["bind", "ro", "rprivate"] };
	return { args: [initTarget, "--"], mounts: [mount] };
}

function composeRootfs({ image, rootfsPath, folder }: BundleInput): RootfsRecipe {
	if (image === undefined) return { kind: "folder", path: rootfsPath ?? "/" };
	// Also with --read-only: mount points that the image lacks are made in the upper layer; root.readonly then closes it.
	return { kind: "layers", layers: image.layers, upper: { upperDir: `${folder}/upper`, workDir: `${folder}/work` } };
}

function composeNamespaces(options: RunRequest): NamespaceType[] {
	const types: NamespaceType[] = ["mount"];
	if (options.network !== "host") types.push("network");
	if (options.uts !== "host") types.push("uts");
	if (options.pid !== "host") types.push("pid");
	if (options.ipc !== "host") types.push("ipc");
	if (options.cgroupns !== "host") types.push("cgroup");
	return types;
}

function composeDevices(options: RunRequest): { readonly devices: Device[]; readonly rules: NonNullable<Resources["devices"]> } {
	const asked = options.devices.flatMap((request) => resolveDevices(request).map((device) => ({ device, access: request.access })));
	const nodes = asked.map(({ device }) => device);
	if (options.privileged) {
		const there = hostDevices();
		const paths = new Set(there.map((device) => device.path));
		return { devices: [...there, ...nodes.filter((device) => !paths.has(device.path))], rules: [{ allow: true, access: "rwm" }] };
	}
	const rules = asked.map(({ device: { type, major, minor }, access }) => ({
		allow: true,
		type,
		...(major !== undefined && { major }),
		...(minor !== undefined && { minor }),
		access,
	}));
	return { devices: nodes, rules: [...defaultDeviceRules(), ...rules, ...options.deviceRules] };
}

function seccompOf({ options, host }: BundleInput, bounding: readonly string[]): Seccomp | undefined {
	if (options.seccomp === "unconfined") return undefined;
	if (options.seccomp !== "default") return composeSeccomp(options.seccomp, bounding, host.kernel);
	return options.privileged ? undefined : defaultSeccomp(bounding);
}

function composeLinux(input: BundleInput, bounding: readonly string[]): Linux {
	const { options, host } = input;
	const { devices, rules } = composeDevices(options);
	const propagation = rootPropagation(options.mounts);
	const seccomp = seccompOf(input, bounding);
	const isProtected = options.protectSystemPaths && !options.privileged;
	return {
		namespaces: composeNamespaces(options).map((type) => ({ type })),
		devices,
		cgroupsPath: `${options.cgroupParent === "/" ? "" : (options.cgroupParent ?? "")}/corten-${input.id}`,
		resources: { ...options.resources, devices: rules },
		...(propagation !== undefined && { rootfsPropagation: propagation }),
		...(seccomp !== undefined && { seccomp }),
		sysctl: composeSysctls(options, host),
		maskedPaths: isProtected ? maskedPaths(host.cpus) : [],
		readonlyPaths: isProtected ? readonlyPaths() : [],
	};
}
