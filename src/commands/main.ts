// The frame of corten's own command line: arguments -> command -> exit status. Nothing below it prints an error.
//
// A whole start is 5 ms, so what is loaded here is what every command needs; a command's own file is loaded when it is chosen.
//
// Exit status, as docker's: 125 for an option that cannot be used and for every failure of corten's own in run and exec, where the other
// numbers are the payload's; 1 for every other failure. 141 when whoever reads stdout has gone (128 + SIGPIPE, as of any C program).

import { CortenError, joinCauses } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { leaveUnsynced } from "../linux/file.ts";
import { EPIPE, writeOutput } from "../linux/output.ts";
import type { Context } from "./command.ts";
import { createContext, formatDiagnostic, globalOptions, unsyncedWarning } from "./global.ts";
import { aliases, commands } from "./index.ts";
import { parseOptions } from "./options.ts";

const usageStatus = 125;
const closedPipeStatus = 141;

/** What is known about the invocation when something fails; grows as the command line is understood. */
type Progress = { logFormat: Context["logFormat"]; failureStatus: number; parsed: boolean; globals: readonly string[] };

/** Runs the program `corten`. @param args what follows its name @returns its exit status; errors are printed */
export async function main(args: readonly string[]): Promise<number> {
	const progress: Progress = { logFormat: "text", failureStatus: 1, parsed: false, globals: [] };
	try {
		return await runLine(args, progress);
	} catch (error) {
		return reportAll(error, progress);
	}
}

async function runLine(args: readonly string[], progress: Progress): Promise<number> {
	progress.logFormat = jsonWanted(args) ? "json" : "text";
	const global = parseOptions(
		"corten",
		{ options: globalOptions, operands: { min: 0, max: Infinity }, optionsFirst: true, usage: "" },
		args,
	);
	if (global.kind === "help") return runCommand(createContext(noGlobals, write), progress, "help", []);
	const context = createContext(global.options, write);
	progress.logFormat = context.logFormat;
	if (global.options.version) return runCommand(context, progress, "version", ["--short"]);
	progress.globals = [
		"--log-level",
		context.logLevel,
		"--log-format",
		context.logFormat,
		...(global.options["no-sync"] ? ["--no-sync"] : []),
	];
	if (global.options["no-sync"]) leaveUnsynced();
	const [word = "help", ...rest] = global.operands;
	const [name, nameArgs] = resolveCommand(word, rest);
	const status = await runCommand(context, progress, name, nameArgs);
	// At the end, because the other engine may have taken over before it; and not by a run, which becomes its container.
	if (global.options["no-sync"]) context.log("warn", unsyncedWarning);
	return status;
}

const noGlobals = {
	root: undefined,
	runroot: undefined,
	"log-level": undefined,
	"log-format": undefined,
	"no-sync": false,
	version: false,
};

async function runCommand(context: Context, progress: Progress, name: string, args: readonly string[]): Promise<number> {
	const entry = commands[name];
	if (entry === undefined) throw unknownCommand(name);
	progress.failureStatus = entry.failureStatus;
	const uid = process.geteuid?.() ?? 0;
	if (uid !== 0) {
		const { enterNamespace, needsNamespace } = await import("./rootless.ts");
		if (needsNamespace(name, uid) && !args.includes("--help"))
			return enterNamespace(
				context.root,
				["--root", context.root, "--runroot", context.runroot, ...progress.globals, name, ...args],
				uid,
				process.getegid?.() ?? 0,
			);
	}
	const command = await entry.load();
	const line = parseOptions(name, command, args);
	progress.parsed = true;
	if (line.kind === "help") return runCommand(context, progress, "help", [name]);
	return command.run(context, line.options, line.operands);
}

/** Resolves docker's two words (`image ls`) to one command and its arguments. */
function resolveCommand(word: string, rest: readonly string[]): readonly [string, readonly string[]] {
	if (Object.hasOwn(commands, word)) return [word, rest];
	if (!Object.hasOwn(aliases, word)) throw unknownCommand(word);
	const table = aliases[word] ?? {};
	const second = rest[0];
	if (second === undefined || second === "--help" || second === "-h") return ["help", [word]];
	const alias = Object.hasOwn(table, second) ? table[second] : undefined;
	if (alias === undefined)
		throw unknownCommand(
			`${word} ${second}`,
			Object.keys(table).map((name) => `${word} ${name}`),
		);
	return [alias[0], [...alias.slice(1), ...rest.slice(1)]];
}

function unknownCommand(word: string, candidates = [...Object.keys(commands), ...Object.keys(aliases)]): CortenError {
	const close = nearest(word, candidates);
	return new CortenError("invalid-argument", `cannot run "${word}": there is no such command`, {
		hint: close === undefined ? "see: corten help" : `did you mean "${close}"?`,
	});
}

/** So that also a mistake in the global options themselves is reported in the wanted form. */
function jsonWanted(args: readonly string[]): boolean {
	return args.some((arg, at) => arg === "--log-format=json" || (arg === "--log-format" && args[at + 1] === "json"));
}

function write(fd: 1 | 2, text: string): void {
	writeOutput(fd, new TextEncoder().encode(text));
}

/** Prints what went wrong, each of several errors on its own. @returns the exit status */
function reportAll(error: unknown, progress: Progress): number {
	if (!(error instanceof AggregateError)) return report(error, progress);
	return Math.max(...error.errors.map((one) => report(one, progress)));
}

/** Prints an error, as far as stderr takes it. @returns the exit status */
function report(error: unknown, progress: Progress): number {
	const known = error instanceof CortenError ? error : new CortenError("bug", "cannot go on: an unexpected error", { cause: error });
	if (known.errno === EPIPE && progress.parsed) return closedPipeStatus;
	const joined = joinCauses(known);
	const message = known.at === undefined || joined.includes(known.at) ? joined : `${joined} (${known.at})`;
	const more = { code: known.code, ...(known.at && { at: known.at }), ...(known.hint && { hint: known.hint }) };
	const shown = progress.logFormat === "json" || known.hint === undefined ? message : `${message}: ${known.hint}`;
	const stack = known.code === "bug" && error instanceof Error && progress.logFormat === "text" ? `${error.stack}\n` : "";
	try {
		write(2, formatDiagnostic("error", shown, progress.logFormat, more) + stack);
	} catch {
		// There is nowhere left to say it; the exit status does.
	}
	return !progress.parsed && known.at?.startsWith("-") ? usageStatus : progress.failureStatus;
}
