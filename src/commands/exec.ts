// `corten exec`: a further process in a running container. Compiled into a plan and executed by launch, as a start is.

import { absolutePath } from "../base/absolute-path.ts";
import { CortenError } from "../base/errors.ts";
import type { Parsed } from "../base/options.ts";
import { decodeConfig } from "../bundle/config-decode.ts";
import { parseEnv, parseEnvFile } from "../bundle/environment.ts";
import { composeExecProcess, type ExecRequest, execSeccomp } from "../bundle/exec.ts";
import { checkWorkdir } from "../bundle/path.ts";
import { readUserFiles } from "../bundle/user-files.ts";
import { becomeLaunch } from "../launch/spawn.ts";
import { readFile, readLink, readText } from "../linux/file.ts";
import { type HostFacts, readHostFacts, readOwnCgroups } from "../linux/host.ts";
import { joinedFolders } from "../plan/cgroup-paths.ts";
import { type CompileExecInput, compileExec } from "../plan/compile-exec.ts";
import { encodePlan, noFd } from "../plan/encode.ts";
import { hostNeeds } from "../plan/host-needs.ts";
import type { Config } from "../spec/runtime.ts";
import { type Container, findContainer } from "../supervise/state.ts";
import { defineCommand } from "./command.ts";
import { callerTerminalSize, checkTerminal } from "./terminal.ts";

const execOptions = {
	detach: { kind: "flag", short: "d", help: "run in the background, without output" },
	env: { kind: "list", short: "e", metavar: "NAME=VALUE", help: "set an environment variable" },
	"env-file": { kind: "list", metavar: "FILE", help: "read environment variables from a file" },
	interactive: { kind: "flag", short: "i", help: "keep the standard input open" },
	privileged: { kind: "flag", help: "give all capabilities and no seccomp filter" },
	tty: { kind: "flag", short: "t", help: "give the process a terminal" },
	user: { kind: "value", short: "u", metavar: "USER[:GROUP]", help: "run as this user, by name or number" },
	workdir: { kind: "value", short: "w", metavar: "DIR", help: "working directory in the container" },
	"detach-keys": { kind: "value", metavar: "KEYS", help: "the keys that detach", unsupported: true },
} as const;

export const command = defineCommand({
	summary: "run a command in a running container",
	usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
	options: execOptions,
	operands: { min: 2, max: Infinity },
	optionsFirst: true,
	description: [
		"Runs COMMAND in the namespaces and cgroups of a running container, with the environment, user and security settings the container was started with, but for what the options change. It ends when the container ends.",
		"The exit status is the command's own, or 128 plus the number of the signal that ended it; 125, 126 and 127 are as for corten-run(1).",
	],
	examples: [
		["corten exec -it web sh", "a shell in a container"],
		["corten exec -u 1000:1000 -w /tmp web id", "as another user, somewhere else"],
	],
	run: (context, options, [name = "", ...args]) => {
		const request = decodeExecRequest(options, args);
		const container = findContainer(context.root, name);
		const target = container.state.process;
		if (target === null) {
			throw new CortenError("wrong-state", `cannot exec in container "${name}": it is ${container.state.status}, not running`);
		}
		const path = `${container.folder}/config.json`;
		const config = decodeConfig(readText(path), path);
		const host = readHostFacts(hostNeeds(config.process, config.linux));
		const process = composeExecProcess(config.process, request, () => readUserFiles(`/proc/${target.pid}/root`), host);
		const seccomp = execSeccomp(config, request);
		const size = callerTerminalSize(options.tty);
		const plan = compileExec({
			...target,
			process,
			...(seccomp !== undefined && { seccomp }),
			shared: config.linux,
			id: container.record.id,
			...namespacesOf(config, target.pid),
			cgroups: cgroupsOf(container.record, target.pid, host),
			frame: {
				output: options.detach ? "log" : "inherit",
				input: options.interactive && !options.detach ? "inherit" : "null",
				...(options.detach && { detachMessage: "" }),
				...(size !== undefined && { terminalSize: size }),
			},
			host,
		});
		return becomeLaunch(encodePlan(plan, { lockFd: noFd, json: context.logFormat === "json" }));
	},
});

/** Without privilege one stays in the cgroup one is in: those of units belong to the machine's root, and who may move where is systemd's word. */
function cgroupsOf({ unit, cgroups }: Container["record"], pid: number, host: HostFacts): readonly string[] {
	if (unit === null) {
		// A payload that is a systemd has left the top of its cgroup v2, which takes no processes once controllers are handed on below it.
		const top = host.cgroup.version === 2 ? host.cgroup.mountPoint : host.cgroup.unified;
		const now = top === undefined || host.uid !== 0 ? "" : top + (readOwnCgroups(pid)[""] ?? "");
		return cgroups.map((path) => (now.startsWith(`${path}/`) ? now : path));
	}
	return host.uid === 0 ? joinedFolders(host.cgroup, readOwnCgroups(pid)) : [];
}

/** What is joined; without privilege also the user namespace in which corten has built the container. */
function namespacesOf({ linux }: Config, pid: number): Pick<CompileExecInput, "namespaces" | "user"> {
	const namespaces = linux.namespaces.map(({ type }) => type);
	if (readLink(`/proc/${pid}/ns/user`) === readLink("/proc/self/ns/user")) return { namespaces };
	return { namespaces: ["user", ...namespaces], user: { deny: readText(`/proc/${pid}/setgroups`).trim() === "deny", uids: [] } };
}

function decodeExecRequest(options: Parsed<typeof execOptions>, args: readonly string[]): ExecRequest {
	checkTerminal(options);
	if (options.workdir !== undefined) checkWorkdir(options.workdir);
	const files = options["env-file"].map((file) => absolutePath("--env-file", file));
	return {
		args,
		tty: options.tty,
		env: [
			...files.flatMap((file) => parseEnvFile(readFile(file, 4 << 20), file, process.env)),
			...options.env.map((word) => parseEnv(word, process.env)),
		],
		workdir: options.workdir,
		user: options.user,
		privileged: options.privileged,
	};
}
