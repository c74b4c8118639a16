// The runtime's command line in the manner its clients know: that of Go's flag package under urfave/cli, which runc has. One dash or two
// (`-log x`, `--log x`), `=` or the next argument, no clusters of letters. Options may follow operands, but for exec, whose operands are
// another program's command line; words with a dash that are no option are operands there (`kill id -9`).

import { CortenError } from "../base/errors.ts";
import type { OptionSpec, OptionTable, Parsed } from "../base/options.ts";

/** What was asked for: the command's help, or the command. */
export type RuntimeLine<T extends OptionTable> =
	| { readonly kind: "help" }
	| { readonly kind: "run"; readonly options: Parsed<T>; readonly operands: readonly string[] };

/** What the parser must know of a command. */
export type LineShape<T extends OptionTable> = {
	readonly options: T;
	readonly operands: { readonly min: number; readonly max: number };
	readonly optionsFirst?: true;
};

type Value = boolean | string | string[] | undefined;
type Walk = { readonly args: readonly string[]; next: number };

/**
 * Parses what follows a command's name (or the program's, for the global options).
 * @param name the command, for messages
 * @throws `invalid-argument` with the option in `at`, or without for a wrong number of operands
 */
export function parseRuntimeLine<T extends OptionTable>(name: string, shape: LineShape<T>, args: readonly string[]): RuntimeLine<T> {
	const table: OptionTable = shape.options;
	const values: Record<string, Value> = {};
	for (const long in table) values[long] = table[long]?.kind === "flag" ? false : table[long]?.kind === "list" ? [] : undefined;
	const operands: string[] = [];
	const walk: Walk = { args, next: 0 };
	while (walk.next < args.length) {
		const arg = args[walk.next++] ?? "";
		if (arg === "--") {
			operands.push(...args.slice(walk.next));
			break;
		}
		if (arg.length > 1 && arg.startsWith("-")) {
			if (acceptOption(name, table, values, walk, arg)) continue;
			if (arg === "--help" || arg === "-help" || arg === "-h") return { kind: "help" };
			if (operands.length === 0 || arg.startsWith("--")) throw unknownOption(name, arg);
		}
		operands.push(arg);
		if (!shape.optionsFirst) continue;
		operands.push(...args.slice(walk.next));
		break;
	}
	const { min, max } = shape.operands;
	if (operands.length < min || operands.length > max) throw wrongCount(name, min, max, operands.length);
	// Every value was made by the kind its table row has.
	return { kind: "run", options: values as Parsed<T>, operands };
}

/** @returns false when the table has no such option */
function acceptOption(name: string, table: OptionTable, values: Record<string, Value>, walk: Walk, arg: string): boolean {
	const equals = arg.indexOf("=");
	const word = arg.slice(arg.startsWith("--") ? 2 : 1, equals === -1 ? undefined : equals);
	const long = Object.hasOwn(table, word) ? word : longName(table, word);
	const option = long === undefined ? undefined : table[long];
	if (long === undefined || option === undefined) return false;
	const shown = `--${long}`;
	const attached = equals === -1 ? undefined : arg.slice(equals + 1);
	if (option.kind === "flag") {
		values[long] = attached === undefined || parseBoolean(shown, attached);
		return true;
	}
	const value = attached ?? walk.args[walk.next++];
	if (value === undefined) {
		throw new CortenError("invalid-argument", `cannot use option "${shown}" of "${name}": flag needs an argument`, { at: shown });
	}
	checkChoice(option, shown, value);
	const before = values[long];
	if (Array.isArray(before)) before.push(value);
	else values[long] = value;
	return true;
}

function longName(table: OptionTable, letter: string): string | undefined {
	if (letter.length !== 1) return undefined;
	for (const long in table) if (table[long]?.short === letter) return long;
	return undefined;
}

function checkChoice({ choices }: OptionSpec, shown: string, value: string): void {
	if (choices === undefined || choices.includes(value)) return;
	throw new CortenError("invalid-argument", `cannot use "${value}" as ${shown}: it is none of ${choices.join(", ")}`, { at: shown });
}

function parseBoolean(shown: string, text: string): boolean {
	if (/^(1|t|true)$/i.test(text)) return true;
	if (/^(0|f|false)$/i.test(text)) return false;
	throw new CortenError("invalid-argument", `cannot use "${text}" as ${shown}: it is neither true nor false`, { at: shown });
}

function unknownOption(name: string, arg: string): CortenError {
	const shown = arg.split("=", 1)[0] ?? arg;
	return new CortenError("invalid-argument", `cannot use option "${shown}" of "${name}": flag provided but not defined`, { at: shown });
}

function wrongCount(name: string, min: number, max: number, count: number): CortenError {
	const wants = min === max ? `exactly ${min}` : count < min ? `at least ${min}` : `at most ${max}`;
	return new CortenError("invalid-argument", `cannot run "${name}" with ${count} arguments: it requires ${wants}`);
}

/**
 * The value of an option that is a count: --preserve-fds, --interval.
 * @param fallback what it is when it was not given
 * @throws `invalid-argument`
 */
export function parseCount(shown: string, text: string | undefined, fallback: number): number {
	if (text === undefined) return fallback;
	if (/^\d{1,9}$/.test(text)) return Number(text);
	throw new CortenError("invalid-argument", `cannot use "${text}" as ${shown}: it is no whole number`, { at: shown });
}
