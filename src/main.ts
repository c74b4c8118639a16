// corten's frame: command line -> command -> exit status. The only file that prints an error or exits.
//
// A whole start is 5 ms, so what is loaded here is what every command needs; a command's own file is loaded when it is chosen.
//
// Exit status, as docker's: 125 for an option that cannot be used and for every failure of corten's own in run and exec, where the other
// numbers are the payload's; 1 for every other failure. 141 when whoever reads stdout has gone (128 + SIGPIPE, as of any C program).

import { CortenError } from "./base/errors.ts";
import type { Command, Context } from "./commands/command.ts";
import { createContext, formatDiagnostic, globalOptions, joinCauses } from "./commands/global.ts";
import { aliases, commands } from "./commands/index.ts";
import { nearest, parseOptions } from "./commands/options.ts";
import { syscall, systemError } from "./linux/libc.ts";
import { nr } from "./linux/syscalls.ts";

const usageStatus = 125;
const closedPipeStatus = 141;

/** What is known about the invocation when something fails; grows as the command line is understood. */
type Progress = { logFormat: Context["logFormat"]; failureStatus: number; parsed: boolean };

/** Runs the program. @returns its exit status */
async function main(args: readonly string[], progress: Progress): Promise<number> {
	const name = (process.argv0 ?? "corten").split("/").at(-1);
	if (name === "corten-runtime") {
		throw new CortenError("unsupported", "cannot serve as an OCI runtime: corten-runtime is not there yet", { hint: "use corten run" });
	}
	progress.logFormat = jsonWanted(args) ? "json" : "text";
	const global = parseOptions(
		"corten",
		{ options: globalOptions, operands: { min: 0, max: Infinity }, optionsFirst: true, usage: "" },
		args,
	);
	if (global.kind === "help") return runCommand(createContext(emptyGlobals, write), "help", []);
	const context = createContext(global.options, write);
	progress.logFormat = context.logFormat;
	if (global.options.version) return runCommand(context, "version", ["--short"]);
	const [word, ...rest] = global.operands;
	if (word === undefined) return runCommand(context, "help", []);
	const [chosen, chosenArgs] = resolveCommand(word, rest);
	const entry = commands[chosen];
	if (entry === undefined) throw unknownCommand(chosen);
	progress.failureStatus = entry.failureStatus;
	const command = await entry.load();
	const line = parseOptions(chosen, command, chosenArgs);
	progress.parsed = true;
	if (line.kind === "help") return runCommand(context, "help", [chosen]);
	return command.run(context, line.options, line.operands);
}

const emptyGlobals = { root: undefined, runroot: undefined, "log-level": undefined, "log-format": undefined, version: false };

async function runCommand(context: Context, name: string, args: readonly string[]): Promise<number> {
	const command = (await commands[name]?.load()) as Command;
	const line = parseOptions(name, command, args);
	return line.kind === "help" ? 0 : command.run(context, line.options, line.operands);
}

/** Resolves docker's two words (`image ls`) to one command and its arguments. */
function resolveCommand(word: string, rest: readonly string[]): readonly [string, readonly string[]] {
	if (!Object.hasOwn(aliases, word)) return [Object.hasOwn(commands, word) ? word : throwUnknown(word), rest];
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

function throwUnknown(word: string): never {
	throw unknownCommand(word);
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

/** Writes all of `text`, whatever kind of descriptor it is; ends the program when nobody reads any more. */
function write(fd: 1 | 2, text: string): void {
	const bytes = new TextEncoder().encode(text);
	for (let done = 0; done < bytes.length; ) {
		const result = syscall(nr.write, fd, bytes.subarray(done), bytes.length - done);
		if (result >= 0) done += result;
		else if (result === -11) waitWritable(fd);
		else if (result === -32) process.exit(closedPipeStatus);
		else if (result !== -4) {
			if (fd === 2) return;
			throw systemError(-result, "cannot write to stdout");
		}
	}
}

/** Somebody who shares the descriptor made it non-blocking: ppoll(2) for POLLOUT. */
function waitWritable(fd: number): void {
	syscall(nr.ppoll, new Int32Array([fd, 4]), 1, 0, 0, 8);
}

function report(error: unknown, progress: Progress): number {
	const known = error instanceof CortenError ? error : new CortenError("bug", "cannot go on: an unexpected error", { cause: error });
	const more = { code: known.code, ...(known.at && { at: known.at }), ...(known.hint && { hint: known.hint }) };
	const message = joinCauses(known);
	write(
		2,
		formatDiagnostic(
			"error",
			progress.logFormat === "json" || !known.hint ? message : `${message}: ${known.hint}`,
			progress.logFormat,
			more,
		),
	);
	if (known.code === "bug" && error instanceof Error && progress.logFormat === "text") write(2, `${error.stack ?? ""}\n`);
	const aboutOption = !progress.parsed && known.at?.startsWith("-");
	return aboutOption ? usageStatus : progress.failureStatus;
}

const progress: Progress = { logFormat: "text", failureStatus: 1, parsed: false };
let status: number;
try {
	status = await main(process.argv.slice(2), progress);
} catch (error) {
	status = report(error, progress);
}
process.exit(status);
