// corten start: a container that has been made, or has ended, runs (again). Where systemd runs it gets a transient unit, and corten start
// is also what that unit executes; elsewhere launch watches it, in the background or with -a in the foreground.

import { CortenError, isError, joinCauses } from "../base/errors.ts";
import { exists, type Fd, replaceFile, unlink, writeFd } from "../linux/file.ts";
import { readOwnCgroups } from "../linux/host.ts";
import { runProgram } from "../linux/native.ts";
import { writeOutput } from "../linux/output.ts";
import { encodeRecord } from "../supervise/record.ts";
import { readRestarts, readStartFile } from "../supervise/start-file.ts";
import { type Container, findContainer, listContainers } from "../supervise/state.ts";
import { bootTimeSeconds } from "../supervise/sweep.ts";
import { findService, type Service } from "../systemd/service.ts";
import { type Context, defineCommand } from "./command.ts";
import { formatDiagnostic } from "./global.ts";
import { checkSandbox } from "./run-in-unit.ts";
import { launchExisting, readStartable } from "./start-launch.ts";
import { checkRestart, openErrors, ownManager, startInUnit } from "./start-unit.ts";
import { throwAll, warn } from "./targets.ts";

/** `corten start` */
export const command = defineCommand({
	summary: "start containers that have been created or have ended",
	usage: "[OPTIONS] CONTAINER [CONTAINER...]",
	options: {
		attach: { kind: "flag", short: "a", help: "stay in the foreground with the container's output, and end as it ends" },
		interactive: { kind: "flag", short: "i", help: "with -a: hand stdin on to the container" },
		"at-boot": { kind: "flag", help: "start those whose restart policy says so after a boot, instead of named ones" },
		"detach-keys": { kind: "value", metavar: "KEYS", help: "the keys that detach", unsupported: true },
	},
	operands: { min: 0, max: Infinity },
	description: [
		"Starts each container with what it was created with: the same id, name, config.json and writable layer; the end of its last run is " +
			"forgotten. A container that runs already is no error.",
		"--at-boot is what corten-restart.service calls when the machine has booted: containers with --restart=always run again, and those with unless-stopped that nobody had stopped.",
		"Where systemd runs, the container gets a transient unit, as with corten run -d. In a unit that a person has written, " +
			"ExecStart=corten start NAME with Type=notify makes the container that unit's main process: its command, environment, mounts and user are those it was created with.",
	],
	examples: [
		["corten start web", "start a container that has ended"],
		["corten start -a -i shell", "in the foreground"],
	],
	run: (context, options, operands) => {
		if (options["at-boot"] !== (operands.length === 0)) {
			throw new CortenError(
				"invalid-argument",
				`cannot start ${options["at-boot"] ? "named containers with --at-boot" : "without a container"}`,
				{
					hint: "usage: corten start CONTAINER..., or corten start --at-boot",
				},
			);
		}
		if (options["at-boot"]) return startAll(context, containersOfBoot(context));
		const service = findService(process.env, process.pid, readOwnCgroups, false);
		if (options.attach || service !== undefined) {
			const [target = "", more] = operands;
			if (more !== undefined) throw new CortenError("invalid-argument", "cannot attach to several containers at once", { at: "--attach" });
			const container = findContainer(context.root, target);
			if (service === undefined) return launchExisting(context, container, { how: "attached", input: options.interactive });
			return startAsService(context, container, service);
		}
		return startAll(context, operands);
	},
});

/**
 * Those with the policy `always`, and `unless-stopped` where nobody has stopped them. Transient units end with the boot; what a pid file of
 * an earlier one says may fit a stranger by now.
 */
function containersOfBoot(context: Context): readonly string[] {
	const boot = bootTimeSeconds();
	return listContainers(context.root, warn(context)).flatMap(({ record, folder, state }) => {
		const policy = readStartFile(folder)?.restart.name;
		const isOurs = policy === "always" || (policy === "unless-stopped" && !exists(`${folder}/stopped`));
		if (!isOurs || record.unit?.own !== true) return [];
		const before = state.startedAt !== null && state.startedAt / 1_000_000_000n < boot;
		if (before) unlink(`${folder}/pid`);
		return before || state.status === "exited" ? [record.id] : [];
	});
}

/** What the transient unit executes. Whoever waits for the unit cannot see this stderr: what goes wrong is left in the folder as well. */
function startAsService(context: Context, container: Container, service: Service): number {
	using errors = openIfThere(container.folder);
	try {
		checkSandbox(service, [context.root, context.runroot]);
		noteRestart(container);
		return launchExisting(context, container, { how: "unit", service, errors });
	} catch (error) {
		if (!isError(error)) throw error;
		const msg = error.hint === undefined ? joinCauses(error) : `${joinCauses(error)}: ${error.hint}`;
		if (errors !== undefined) writeFd(errors, new TextEncoder().encode(`${JSON.stringify({ level: "error", msg })}\n`), "errors");
		writeOutput(2, new TextEncoder().encode(formatDiagnostic("error", msg, context.logFormat)));
		return 125;
	}
}

function openIfThere(folder: string): Fd | undefined {
	try {
		return openErrors(folder, 0);
	} catch (error) {
		if (isError(error, "not-found")) return undefined;
		throw error;
	}
}

/** A start that finds an end is a restart by the unit's manager: a start that a person asks for has removed it. */
function noteRestart({ folder, state }: Container): void {
	if (state.status === "exited") replaceFile(`${folder}/restarts`, `${readRestarts(folder) + 1}\n`, 0o600, false);
}

/** Done, and said already. */
export const printed = -1;

/** Starts each, and prints it. @returns the worst exit status of those whose message is on stderr already */
function startAll(context: Context, operands: readonly string[]): number {
	const errors: CortenError[] = [];
	let worst = 0;
	for (const target of operands) {
		try {
			const container = findContainer(context.root, target);
			const status = container.state.process !== null ? 0 : startOne(context, container, target, operands.length === 1);
			if (status === 0) context.print(`${target}\n`);
			else if (status !== printed) worst = 1;
		} catch (error) {
			if (!isError(error)) throw error;
			errors.push(error);
		}
	}
	throwAll(errors);
	return worst;
}

/**
 * Starts one in the background: in its unit, or under launch, which prints `target` itself.
 * @param alone whether nothing comes after it: then this process becomes launch
 * @returns 0, or the status of a start that failed
 */
export function startOne(context: Context, container: Container, target: string, alone: boolean): number {
	const { start, config } = readStartable(container);
	const { user, runs } = ownManager();
	const inUnit = start.unit !== "" && runs;
	checkRestart(start.restart, inUnit);
	if (!inUnit) {
		if (alone) return launchExisting(context, container, { how: "detached", message: `${target}\n` });
		const words = ["--root", context.root, "--runroot", context.runroot, "--log-format", context.logFormat, "start", target];
		const ended = runProgram(process.execPath, ["corten", ...words], { env: undefined, input: new Uint8Array(0), timeoutMs: 0 });
		return ended === 0 ? printed : Number(ended) || 1;
	}
	const record = { ...container.record, unit: { name: start.unit, invocation: "", user, own: true } };
	replaceFile(`${container.folder}/container.json`, encodeRecord(record), 0o600, false);
	for (const name of ["pid", "exit", "restarts", "stopped"]) unlink(`${container.folder}/${name}`);
	return startInUnit(context, { record, folder: container.folder }, start, config);
}
