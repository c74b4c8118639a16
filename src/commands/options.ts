// The command line of one command: arguments and an option table in, typed options and operands out. The spelling is getopt's and
// docker's: -it, -eA=b, -e A=b, --name x, --name=x, --rm=false, --.

import { CortenError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { OptionSpec, OptionTable, Parsed } from "../base/options.ts";
import type { Command } from "./command.ts";

/** What was asked for: the command's help, or the command. */
export type CommandLine<T extends OptionTable> =
	| { readonly kind: "help" }
	| { readonly kind: "run"; readonly options: Parsed<T>; readonly operands: readonly string[] };

type Value = boolean | string | string[] | undefined;
type Values = Record<string, Value>;
type Walk = { readonly args: readonly string[]; next: number };

/**
 * Parses what follows a command's name.
 * @param name the command as typed, for messages
 * @throws `invalid-argument` (with the option in `at`, or without for a wrong number of operands); `unsupported` for an option that
 * is known and not done
 */
export function parseOptions<T extends OptionTable>(
	name: string,
	command: Pick<Command<T>, "options" | "operands" | "optionsFirst" | "usage">,
	args: readonly string[],
): CommandLine<T> {
	const table: OptionTable = command.options;
	const values: Values = {};
	for (const long in table) values[long] = table[long]?.kind === "flag" ? false : table[long]?.kind === "list" ? [] : undefined;
	const operands: string[] = [];
	const walk: Walk = { args, next: 0 };
	while (walk.next < args.length) {
		const arg = args[walk.next++] ?? "";
		if (arg === "--") {
			operands.push(...args.slice(walk.next));
			break;
		}
		if (arg === "-" || !arg.startsWith("-")) {
			operands.push(arg);
			if (!command.optionsFirst) continue;
			operands.push(...args.slice(walk.next));
			break;
		}
		if (arg.startsWith("--") ? parseLong(name, table, values, walk, arg) : parseCluster(name, table, values, walk, arg)) {
			return { kind: "help" };
		}
	}
	const { min, max } = command.operands;
	if (operands.length < min || operands.length > max) {
		const wants = min === max ? `${min === 0 ? "no" : min}` : operands.length < min ? `at least ${min}` : `at most ${max}`;
		const noun = wants === "1" || wants.endsWith(" 1") ? "argument" : "arguments";
		throw new CortenError("invalid-argument", `cannot run "${name}" with ${operands.length}: it takes ${wants} ${noun}`, {
			hint: `usage: corten ${name} ${command.usage}`.trimEnd(),
		});
	}
	return { kind: "run", options: values as Parsed<T>, operands };
}

/** @returns true for --help */
function parseLong(name: string, table: OptionTable, values: Values, walk: Walk, arg: string): boolean {
	const equals = arg.indexOf("=");
	const long = arg.slice(2, equals === -1 ? undefined : equals);
	const option = Object.hasOwn(table, long) ? table[long] : undefined;
	if (option === undefined) {
		if (arg === "--help") return true;
		throw unknownOption(name, table, `--${long}`);
	}
	const attached = equals === -1 ? undefined : arg.slice(equals + 1);
	accept(name, values, walk, long, option, `--${long}`, attached);
	return false;
}

/** Letters of flags, the last of which may take a value: attached, after `=`, or as the next argument. @returns true for -h */
function parseCluster(name: string, table: OptionTable, values: Values, walk: Walk, arg: string): boolean {
	for (let at = 1; at < arg.length; at++) {
		const letter = arg[at] ?? "";
		const found = Object.entries(table).find(([, option]) => option.short === letter);
		if (found === undefined) {
			if (letter === "h") return true;
			throw unknownOption(name, table, `-${letter}`, arg);
		}
		const [long, option] = found;
		const rest = arg.slice(at + 1);
		if (option.kind === "flag" && !rest.startsWith("=")) {
			accept(name, values, walk, long, option, `-${letter}`, undefined);
			continue;
		}
		accept(name, values, walk, long, option, `-${letter}`, rest === "" ? undefined : rest.startsWith("=") ? rest.slice(1) : rest);
		break;
	}
	return false;
}

/** Stores one option. @param shown as it was typed @param attached its value when that was part of the same argument */
function accept(
	name: string,
	values: Values,
	walk: Walk,
	long: string,
	option: OptionSpec,
	shown: string,
	attached: string | undefined,
): void {
	if (option.unsupported) {
		throw new CortenError("unsupported", `cannot use option "${shown}" of "${name}": corten does not do this yet`, { at: shown });
	}
	if (option.kind === "flag") {
		values[long] = attached === undefined ? true : parseBoolean(shown, attached);
		return;
	}
	const value = attached ?? walk.args[walk.next++];
	if (value === undefined) {
		throw new CortenError("invalid-argument", `cannot use option "${shown}" of "${name}" without a value`, {
			at: shown,
			hint: `usage: ${shown} ${option.metavar ?? "VALUE"}`,
		});
	}
	if (option.choices !== undefined && !option.choices.includes(value)) {
		throw new CortenError("invalid-argument", `cannot use "${value}" as ${shown}: it is none of ${option.choices.join(", ")}`, {
			at: shown,
		});
	}
	const before = values[long];
	if (Array.isArray(before)) before.push(value);
	else values[long] = value;
}

function parseBoolean(shown: string, text: string): boolean {
	if (/^(true|t|1)$/i.test(text)) return true;
	if (/^(false|f|0)$/i.test(text)) return false;
	throw new CortenError("invalid-argument", `cannot use "${text}" as ${shown}: it is neither true nor false`, { at: shown });
}

function unknownOption(name: string, table: OptionTable, shown: string, cluster = shown): CortenError {
	const inside = cluster === shown ? "" : ` in "${cluster}"`;
	const known = Object.keys(table).filter((long) => !table[long]?.unsupported);
	const close = shown.startsWith("--") ? nearest(shown.slice(2), known) : undefined;
	return new CortenError("invalid-argument", `cannot use option "${shown}"${inside}: "${name}" has no such option`, {
		at: shown,
		hint: close === undefined ? `see: corten ${name} --help` : `did you mean --${close}?`,
	});
}
