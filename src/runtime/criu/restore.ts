// A restore: the container's folder and cgroups as at its creation, criu in place of launch, and launch again to take over what criu made.

import { CortenError, isError } from "../../base/errors.ts";
import { decodeConfig } from "../../bundle/config-decode.ts";
import { becomeLaunch } from "../../launch/spawn.ts";
import { spawnLaunch } from "../../launch/spawn-child.ts";
import { Fd } from "../../linux/file.ts";
import { type HostFacts, readHostFacts } from "../../linux/host.ts";
import { check, syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";
import { unified } from "../../plan/cgroup-paths.ts";
import { compileAdoption, compileCgroups, compileSettling, criuPaths } from "../../plan/compile-criu.ts";
import { encodePlan } from "../../plan/encode.ts";
import type { Frame } from "../../plan/frame.ts";
import { hostNeeds } from "../../plan/host-needs.ts";
import type { Plan } from "../../plan/ops.ts";
import type { Config } from "../../spec/runtime.ts";
import { removeCgroups } from "../../supervise/cgroup.ts";
import { openProcess, sendSignal } from "../../supervise/process.ts";
import { chooseCgroups } from "../cgroups.ts";
import type { RuntimeContext } from "../command.ts";
import { checkConsole } from "../console.ts";
import { discardContainerFolder, makeContainerFolder, writeRecord } from "../folder.ts";
import { hookState } from "../hook-state.ts";
import { describe, frameOf, type LaunchRequest, readConfigFile } from "../launching.ts";
import { openLog } from "../log-file.ts";
import { absolute } from "../path.ts";
import { runHooks } from "../run-hooks.ts";
import { checkId, folderOf, type RuntimeRecord } from "../state.ts";
import { inheritedDescriptors } from "./descriptors.ts";
import { externalAtRestore } from "./external.ts";
import { criuFailure } from "./failure.ts";
import { readMountinfo } from "./mountinfo.ts";
import { checkNamespaces, givenNamespaces } from "./namespaces.ts";
import { commonOptions, type ImageFolders, openFolders, type RestoreOptions } from "./options.ts";
import { findCriu } from "./program.ts";
import { type CriuOptions, pair } from "./request.ts";
import { firstInherited, type Notification, startCriu } from "./session.ts";
import { cgroupMountOf, environmentOfCriu } from "./surroundings.ts";

const SIGKILL = 9;
const F_DUPFD = 0;

/** All that is known before criu starts. */
type Restore = {
	readonly what: string;
	readonly criu: string;
	readonly config: Config;
	readonly bundle: string;
	readonly rootfs: string;
	readonly folder: string;
	readonly record: RuntimeRecord;
	readonly host: HostFacts;
	readonly frame: Frame;
	readonly folders: ImageFolders;
	readonly options: RestoreOptions;
};

/** What criu has made. */
type Restored = { pid: number; terminal: number | undefined };

/**
 * Restores a container and becomes launch.
 * @throws `unsupported` where criu is missing or cannot work; `system` with what its log says; nothing is left behind then
 */
export async function restoreContainer(context: RuntimeContext, id: string, options: RestoreOptions): Promise<never> {
	checkId(id);
	const what = `restore container "${id}"`;
	if (context.systemdCgroup) throw new CortenError("unsupported", `cannot ${what} with --systemd-cgroup`, { at: "--systemd-cgroup" });
	const request = requestOf(id, options);
	const bundle = absolute(options.bundle || ".");
	const text = readConfigFile(bundle);
	const config = decodeConfig(text, `config "${bundle}/config.json"`);
	checkConsole(config.process.terminal, request.watch !== "supervise", request.consoleSocket);
	checkNamespaces(config, "restore");
	const criu = findCriu(context.criu, what);
	using folders = openFolders(options, "restore.log", false);
	const host = readHostFacts(hostNeeds(config.process, config.linux));
	const rootfs = absolute(config.root.path, bundle);
	const path = folderOf(context.root, id);
	const folder = makeContainerFolder(context.root, id);
	const restored: Restored = { pid: 0, terminal: undefined };
	let record: RuntimeRecord | undefined;
	try {
		const cgroups = chooseCgroups(config.linux, host, { id, rootless: context.rootless });
		record = describe(config, { id, bundle, rootfs, cgroups: cgroups.map((cgroup) => cgroup.path) });
		writeRecord(path, record, text);
		const env = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
		const frame: Frame = { ...frameOf(path, bundle, record, request), hookEnv: env, cgroups, rootless: context.rootless };
		await perform(context, compileCgroups(config, host, frame), "make its cgroups");
		await runCriu(context, { what, criu, config, bundle, rootfs, folder: path, record, host, frame, folders, options }, restored);
		const { pid, terminal } = restored;
		const log = openLog(context.log);
		becomeLaunch(
			encodePlan(compileAdoption(config, host, frame, { pid, ...(terminal !== undefined && { terminal }) }), {
				lockFd: folder.lockFd.number,
				json: false,
				failureStatus: 1,
				...(log !== undefined && { log }),
			}),
		);
	} catch (error) {
		takeBack(restored, record);
		discardContainerFolder(folder);
		throw error;
	}
}

function requestOf(id: string, options: RestoreOptions): LaunchRequest {
	return {
		id,
		bundle: options.bundle,
		watch: options.detach ? "leave" : "supervise",
		consoleSocket: options["console-socket"] || undefined,
		pidFile: options["pid-file"] || undefined,
		pidfdSocket: undefined,
		preserveFds: 0,
		noPivot: options["no-pivot"],
		noNewKeyring: false,
	};
}

/** Whatever of the container lives, and its cgroups. Best effort: delete can do it again. */
function takeBack({ pid }: Restored, record: RuntimeRecord | undefined): void {
	if (pid > 0) {
		using process = openProcess(pid);
		if (process !== undefined) sendSignal(process, SIGKILL);
	}
	try {
		removeCgroups(record?.cgroups ?? []);
	} catch (error) {
		if (!isError(error)) throw error;
	}
}

/** Has launch execute a plan that ends. @throws `system`; launch has said what failed */
async function perform(context: RuntimeContext, plan: Plan, verb: string): Promise<void> {
	if (plan.ops.length === 0) return;
	const log = openLog(context.log);
	using logFd = log === undefined ? undefined : new Fd(log.fd);
	const bytes = encodePlan(plan, { json: false, failureStatus: 1, ...(log !== undefined && { log: { fd: 3, format: log.format } }) });
	const status = await spawnLaunch(bytes, [logFd]).exited;
	if (status !== 0) throw new CortenError("system", `cannot restore the container: launch could not ${verb}`);
}

async function runCriu(context: RuntimeContext, restore: Restore, restored: Restored): Promise<void> {
	const { config, bundle, rootfs, folder, record, host, criu, what, folders } = restore;
	const cgroupMount = cgroupMountOf(host);
	const given = givenNamespaces(config, firstInherited);
	const start = {
		folder,
		candidates: [criu],
		env: environmentOfCriu(),
		...(cgroupMount !== undefined && { cgroupMount }),
		root: { path: rootfs, config, bundle },
		cgroups: record.cgroups,
	};
	const session = startCriu(context, start, given.descriptors);
	for (const descriptor of given.descriptors) descriptor[Symbol.dispose]();
	const request: CriuOptions = {
		...optionsOf(restore),
		joinNs: given.join,
		inheritFds: [...inheritedDescriptors(folders.image), ...given.inherit],
		cgroupYard: cgroupMount === undefined ? undefined : criuPaths(folder).yard,
		cgroupRoots: (restore.frame.cgroups ?? []).flatMap(({ controllers, path, mountPoint }) =>
			controllers.map((name) => pair(name === unified ? "" : name, path.slice(mountPoint.length))),
		),
	};
	const answer = await session.ask("restore", request, (notification) => notified(context, restore, restored, notification));
	if (answer?.success !== true || restored.pid === 0) throw criuFailure(what, criu, folders.log, answer);
}

function optionsOf({ config, bundle, rootfs, folder, folders, options }: Restore): CriuOptions {
	return {
		...commonOptions(options, folders, config),
		root: criuPaths(folder).root,
		evasiveDevices: true,
		// A child of this process, which launch waits for.
		restoreSibling: true,
		externalMounts: externalAtRestore(config, readMountinfo("self"), bundle, rootfs),
		lsmProfile: options["lsm-profile"] || undefined,
		lsmMountContext: options["lsm-mount-context"] || undefined,
	};
}

/** What is to be done while criu waits. A throw ends the restore. */
async function notified(
	context: RuntimeContext,
	{ config, record }: Restore,
	restored: Restored,
	{ script, pid, descriptor }: Notification,
): Promise<void> {
	if (script === "setup-namespaces") {
		const state = hookState(record, "creating").join(String(pid));
		for (const kind of ["prestart", "createRuntime"] as const) {
			if ((await runHooks(context, kind, config.hooks?.[kind], state)) === 0) continue;
			throw new CortenError("system", `cannot restore container "${record.id}": a ${kind} hook failed`);
		}
	} else if (script === "orphan-pts-master" && descriptor !== undefined) {
		restored.terminal = check(syscall(nr.fcntl, descriptor.number, F_DUPFD, 3), "cannot keep the terminal");
	} else if (script === "post-restore") {
		restored.pid = pid;
		const loopback = config.linux.namespaces.some(({ type, path }) => type === "network" && !path);
		await perform(context, compileSettling(config, pid, loopback), "finish its mounts");
	}
}
