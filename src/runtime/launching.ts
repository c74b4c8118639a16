// From a bundle to launch, for create and run: the folder, the plan, and corten is launch. What differs between the two is who watches.

import { CortenError } from "../base/errors.ts";
import { decodeConfig } from "../bundle/config-decode.ts";
import { becomeLaunch } from "../launch/spawn.ts";
import { readFile } from "../linux/file.ts";
import { readHostFacts } from "../linux/host.ts";
import { compile } from "../plan/compile.ts";
import { encodePlan } from "../plan/encode.ts";
import type { Frame } from "../plan/frame.ts";
import { hostNeeds } from "../plan/host-needs.ts";
import { rdtGroups } from "../plan/intel-rdt.ts";
import type { Config } from "../spec/runtime.ts";
import { chooseCgroups } from "./cgroups.ts";
import type { RuntimeContext } from "./command.ts";
import { checkConsole } from "./console.ts";
import { discardContainerFolder, makeContainerFolder, writeRecord } from "./folder.ts";
import { withHome } from "./home.ts";
import { hookState } from "./hook-state.ts";
import { openLog } from "./log-file.ts";
import { absolute } from "./path.ts";
import { preserveFds } from "./preserve-fds.ts";
import { runtimeSpecVersion } from "./spec-version.ts";
import { checkId, folderOf, type RuntimeRecord } from "./state.ts";
import { warnOfCapabilities } from "./warnings.ts";

/** What create and run have in common. */
export type LaunchRequest = {
	readonly id: string;
	/** As given; the current folder by default. */
	readonly bundle: string | undefined;
	readonly watch: "supervise" | "leave" | "gate";
	readonly consoleSocket: string | undefined;
	readonly pidFile: string | undefined;
	readonly pidfdSocket: string | undefined;
	/** So many descriptors from 3 up are the payload's. */
	readonly preserveFds: number;
	readonly noPivot: boolean;
	readonly noNewKeyring: boolean;
	/** `run --keep`: what is left at the end is left for delete. */
	readonly keep?: boolean;
};

/**
 * Makes the container and becomes launch.
 * @throws what the stages throw; nothing is left behind then
 */
export function launchContainer(context: RuntimeContext, request: LaunchRequest): Promise<never> {
	if (!context.systemdCgroup) return launch(context, request, undefined);
	return import("./scope.ts").then((scopes) => launch(context, request, scopes));
}

/** @param scopes loaded with --systemd-cgroup */
function launch(context: RuntimeContext, request: LaunchRequest, scopes: typeof import("./scope.ts") | undefined): never {
	const { id } = request;
	checkId(id);
	const bundle = absolute(request.bundle ?? ".");
	const text = readConfigFile(bundle);
	const config = decodeConfig(text, `config "${bundle}/config.json"`);
	checkConsole(config.process.terminal, request.watch !== "supervise", request.consoleSocket);
	const host = readHostFacts(hostNeeds(config.process, config.linux));
	const rootfs = absolute(config.root.path, bundle);
	const path = folderOf(context.root, id);
	// Before the cgroups: an id that is taken is what the caller should hear of, and not that its cgroup is.
	const folder = makeContainerFolder(context.root, id);
	try {
		const scope = scopes?.planScope(config, id, host, context.rootless);
		const cgroups = chooseCgroups(config.linux, host, { id, rootless: context.rootless, ...(scope !== undefined && { path: scope.path }) });
		const rdt = rdtGroups(config.linux, host, id);
		const record = describe(config, {
			...(rdt !== undefined && { rdtGroups: rdt.own }),
			id,
			bundle,
			rootfs,
			cgroups: cgroups.map((cgroup) => cgroup.path),
			...(scope !== undefined && { scope: scope.order.unit.name }),
		});
		writeRecord(path, record, text);
		const maker = scopes === undefined || scope === undefined ? undefined : scopes.spawnScopeMaker(context, scope.order);
		const frame: Frame = {
			...frameOf(path, bundle, record, request),
			...(config.hooks !== undefined && { hookEnv: Object.entries(process.env).map(([name, value]) => `${name}=${value}`) }),
			cgroups,
			rootless: context.rootless,
			...(maker !== undefined && { scope: { fd: maker } }),
		};
		const plan = compile({
			config: { ...config, process: withHome(config.process, rootfs) },
			rootfs: { kind: "folder", path: rootfs },
			frame,
			host,
		});
		warnOfCapabilities(context.log, config.process, config.linux, host);
		const log = openLog(context.log);
		preserveFds(request.preserveFds);
		becomeLaunch(
			encodePlan(plan, {
				lockFd: folder.lockFd.number,
				json: false,
				failureStatus: 1,
				times: context.log.debug,
				...(log !== undefined && { log }),
			}),
		);
	} catch (error) {
		discardContainerFolder(folder);
		throw error;
	}
}

/** The text of a bundle's config.json. @throws `invalid-argument` */
export function readConfigFile(bundle: string): Uint8Array {
	try {
		return readFile(`${bundle}/config.json`, 16 << 20);
	} catch (error) {
		throw new CortenError("invalid-argument", `cannot use bundle "${bundle}"`, { cause: error });
	}
}

/** The record of a new container. */
export function describe(
	config: Config,
	known: Pick<RuntimeRecord, "id" | "bundle" | "rootfs" | "cgroups" | "scope" | "rdtGroups">,
): RuntimeRecord {
	return { ociVersion: runtimeSpecVersion, ...known, created: new Date().toISOString(), annotations: config.annotations ?? {} };
}

/** What surrounds the container. */
export function frameOf(folder: string, bundle: string, record: RuntimeRecord, request: LaunchRequest): Frame {
	const { consoleSocket, pidFile, pidfdSocket } = request;
	return {
		folder,
		stage: folder, // in the container's own mount namespace; the host's view of it stays as it is
		bundle,
		watch: request.watch,
		output: "inherit",
		input: "inherit",
		preserveFds: request.preserveFds,
		noPivot: request.noPivot,
		callersKeyring: request.noNewKeyring,
		hookState: (status) => hookState(record, status),
		atEnd: request.keep === true ? { kind: "keep" } : { kind: "remove" },
		...(consoleSocket !== undefined && { consoleSocket: absolute(consoleSocket) }),
		...(pidFile !== undefined && { pidFile: absolute(pidFile) }),
		...(pidfdSocket !== undefined && { pidfdSocket: absolute(pidfdSocket) }),
	};
}
