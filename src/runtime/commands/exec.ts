// `exec`: a further process in a container. @see runc-exec(8)

import { CortenError } from "../../base/errors.ts";
import { becomeLaunch } from "../../launch/spawn.ts";
import { readLink, readText } from "../../linux/file.ts";
import { readHostFacts } from "../../linux/host.ts";
import { type CompileExecInput, compileExec } from "../../plan/compile-exec.ts";
import { encodePlan } from "../../plan/encode.ts";
import { hostNeeds } from "../../plan/host-needs.ts";
import { type Config, type NamespaceType, namespaceTypes } from "../../spec/runtime.ts";
import { cgroupsOfExec } from "../cgroups.ts";
import { defineRuntimeCommand, type RuntimeContext } from "../command.ts";
import { readContainerConfig } from "../config.ts";
import { checkConsole } from "../console.ts";
import { pausedExec, stoppedExec } from "../errors.ts";
import { composeProcess } from "../exec-process.ts";
import { withHome } from "../home.ts";
import { hookState } from "../hook-state.ts";
import { openLog } from "../log-file.ts";
import { absolute } from "../path.ts";
import { countPreserved, preserveFds } from "../preserve-fds.ts";
import { findRuntimeContainer } from "../state.ts";
import { warnOfCapabilities } from "../warnings.ts";
import { execOptions } from "./exec-options.ts";

/** What runc exits with when it cannot exec: a program may well exit with 1. */
const failureStatus = 255;

export const command = defineRuntimeCommand({
	summary: "run a further process in a container",
	usage: "[OPTIONS] CONTAINER [COMMAND [ARG...]]",
	options: execOptions,
	operands: { min: 1, max: Infinity },
	description: [
		"Runs a further process in a running container, with the namespaces, cgroups, capabilities and seccomp filter of its first one. The options change its process object, --process replaces it. It ends as the process ended; 255 is a failure of the runtime.",
	],
	optionsFirst: true,
	failureStatus,
	run: (context, options, [id = "", ...args]) => {
		const container = findRuntimeContainer(context.root, id);
		if (container.process === null) throw stoppedExec(id);
		const target = container.process;
		if (container.status === "paused" && !options["ignore-paused"]) {
			throw pausedExec(id);
		}
		const config = readContainerConfig(container.folder);
		const process_ = withHome(composeProcess(config.process, options, args), `/proc/${target.pid}/root`);
		checkConsole(process_.terminal, options.detach, options["console-socket"]);
		const [consoleSocket, pidFile, pidfdSocket] = [options["console-socket"], options["pid-file"], options["pidfd-socket"]];
		const preserved = countPreserved(options["preserve-fds"], process.env);
		const host = readHostFacts(hostNeeds(process_, config.linux));
		const { cgroups: folders, scope } = container.record;
		const plan = compileExec({
			...target,
			process: process_,
			...(config.linux.seccomp !== undefined && { seccomp: config.linux.seccomp }),
			shared: config.linux,
			id,
			ociVersion: config.ociVersion,
			...namespacesOf(target.pid, config),
			// The user's systemd puts us where we may not go ourselves, see below.
			cgroups: asksSystemd(context, scope)
				? []
				: (options.cgroup === undefined ? cgroupsOfExec(folders, host, target.pid) : folders).map((folder) =>
						below(folder, options.cgroup),
					),
			frame: {
				watch: options.detach ? "leave" : "supervise",
				output: "inherit",
				input: "inherit",
				preserveFds: preserved,
				hookState: (status) => hookState(container.record, status),
				...(consoleSocket !== undefined && { consoleSocket: absolute(consoleSocket) }),
				...(pidFile !== undefined && { pidFile: absolute(pidFile) }),
				...(pidfdSocket !== undefined && { pidfdSocket: absolute(pidfdSocket) }),
			},
			host,
		});
		warnOfCapabilities(context.log, process_, config.linux, host);
		const log = openLog(context.log);
		preserveFds(preserved);
		const become = (): never => becomeLaunch(encodePlan(plan, { json: false, failureStatus, ...(log !== undefined && { log }) }));
		if (scope === undefined || !asksSystemd(context, scope)) return become();
		return import("../scope.ts").then(({ enterScope }) => {
			enterScope(scope, below("", options.cgroup));
			return become();
		});
	},
});

/**
 * A user's process may not move from a session's scope into one of the user's manager: the cgroup above both is root's. So systemd moves
 * this process, and what it starts is born there.
 */
function asksSystemd({ rootless }: RuntimeContext, scope: string | undefined): boolean {
	return rootless && scope !== undefined;
}

/** Names in /proc/PID/ns that are not the type's own. */
const linkNames: Readonly<Partial<Record<NamespaceType, string>>> = { network: "net", mount: "mnt" };

/** Whether a process is in another namespace of this type than the caller. */
function isElsewhere(pid: number, type: NamespaceType): boolean {
	const name = linkNames[type] ?? type;
	return readLink(`/proc/${pid}/ns/${name}`) !== readLink(`/proc/self/ns/${name}`);
}

/**
 * The namespaces to join: those of config.json, and where the container was started in others than this caller is in now, those too. And
 * whether a user namespace among them lets groups be set.
 */
function namespacesOf(pid: number, config: Config): Pick<CompileExecInput, "namespaces" | "user"> {
	const named = config.linux.namespaces.map(({ type }) => type);
	const namespaces = namespaceTypes.filter((type) => (type !== "user" && named.includes(type)) || isElsewhere(pid, type));
	if (!namespaces.includes("user")) return { namespaces };
	return { namespaces, user: { deny: readText(`/proc/${pid}/setgroups`).trim() === "deny", uids: config.linux.uidMappings ?? [] } };
}

/** --cgroup: a cgroup below the container's. @throws `invalid-argument` for one that climbs out */
function below(folder: string, sub: string | undefined): string {
	const names = (sub ?? "").split("/").filter((name) => name !== "" && name !== ".");
	if (names.includes("..")) throw new CortenError("invalid-argument", `cannot use cgroup "${sub}"`, { at: "--cgroup" });
	return [folder, ...names].join("/");
}
