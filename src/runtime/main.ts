// The frame of the OCI runtime's command line: arguments -> command -> exit status. A start is a few milliseconds, so only the parser and
// the log are loaded here; a command's own file is loaded when it is chosen.
//
// Exit status: 0; 1 for every failure, but 255 for one of exec's own; run and exec otherwise end as the payload does.

import { CortenError, joinCauses } from "../base/errors.ts";
import { EPIPE } from "../linux/output.ts";
import { parseRuntimeLine } from "./cli.ts";
import type { RuntimeContext } from "./command.ts";
import { createRuntimeContext, logOf, runtimeGlobals } from "./global.ts";
import { runtimeCommands } from "./index.ts";
import { type RuntimeLog, writeLog } from "./log.ts";

const closedPipeStatus = 141;

/** What is known about the invocation when something fails; grows as the command line is understood. */
type Progress = { log: RuntimeLog; failureStatus: number };

/** Runs the program `corten-runtime`. @param args what follows its name @returns its exit status; errors are printed and logged */
export async function main(args: readonly string[]): Promise<number> {
	const progress: Progress = { log: { file: undefined, format: "text", debug: false }, failureStatus: 1 };
	try {
		return await runLine(args, progress);
	} catch (error) {
		return report(error, progress);
	}
}

const globalShape = { options: runtimeGlobals, operands: { min: 0, max: Infinity }, optionsFirst: true } as const;

async function runLine(args: readonly string[], progress: Progress): Promise<number> {
	const global = parseRuntimeLine("corten-runtime", globalShape, args);
	if (global.kind === "help") return runCommand(createRuntimeContext(noGlobals, progress.log), progress, "help", []);
	progress.log = logOf(global.options);
	const context = createRuntimeContext(global.options, progress.log);
	if (global.options.version) return runCommand(context, progress, "version", []);
	const [name = "help", ...rest] = global.operands;
	return runCommand(context, progress, name, rest);
}

const noGlobals = {
	root: undefined,
	log: undefined,
	"log-format": undefined,
	debug: false,
	"systemd-cgroup": false,
	rootless: undefined,
	criu: undefined,
	version: false,
};

async function runCommand(context: RuntimeContext, progress: Progress, name: string, args: readonly string[]): Promise<number> {
	const load = Object.hasOwn(runtimeCommands, name) ? runtimeCommands[name] : undefined;
	if (load === undefined) throw new CortenError("invalid-argument", `cannot run "${name}": there is no such command; see --help`);
	const command = await load();
	const line = parseRuntimeLine(name, command, args);
	progress.failureStatus = command.failureStatus ?? 1;
	if (line.kind === "help") return runCommand(context, progress, "help", [name]);
	return command.run(context, line.options, line.operands);
}

/** Says what went wrong, each of several errors on its own. @returns the exit status */
function report(error: unknown, progress: Progress): number {
	if (error instanceof AggregateError) {
		for (const one of error.errors) report(one, progress);
		return progress.failureStatus;
	}
	const known = error instanceof CortenError ? error : new CortenError("bug", "cannot go on: an unexpected error", { cause: error });
	if (known.errno === EPIPE) return closedPipeStatus;
	const joined = joinCauses(known);
	const placed = known.at === undefined || joined.includes(known.at) ? joined : `${joined} (${known.at})`;
	const stack = known.code === "bug" && error instanceof Error ? `\n${error.stack}` : "";
	writeLog(progress.log, "error", `${placed}${known.hint === undefined ? "" : `: ${known.hint}`}${stack}`);
	return progress.failureStatus;
}
