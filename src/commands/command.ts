// What a command is: a table entry. The parser, help, completion and man pages are all made from it; nothing is written twice.

import type { OptionTable, Parsed } from "../base/options.ts";

/** The global options and the surroundings of one invocation. */
export type Context = {
	/** Persistent state: image store and container folders. Absolute. */
	readonly root: string;
	/** State that need not outlive the boot. Absolute. */
	readonly runroot: string;
	readonly logLevel: "debug" | "info" | "warn" | "error";
	readonly logFormat: "text" | "json";
	/** Writes to stdout at once, all of it (a closed pipe ends the program quietly). */
	readonly print: (text: string) => void;
	/** Writes a diagnostic to stderr if the level is wanted. */
	readonly log: (level: "debug" | "info" | "warn", message: string) => void;
};

/** One subcommand. */
export type Command<T extends OptionTable = OptionTable> = {
	/** One line, lower case, no period. */
	readonly summary: string;
	/** What follows the name: `[OPTIONS] IMAGE [COMMAND [ARG...]]`. */
	readonly usage: string;
	readonly options: T;
	/** How many operands are allowed. */
	readonly operands: { readonly min: number; readonly max: number };
	/** true: the first operand ends the options, as for run and exec. */
	readonly optionsFirst?: true;
	/** Paragraphs for the man page, plain text. */
	readonly description: readonly string[];
	/** Command lines for help and the man page, each with one line of explanation. */
	readonly examples: readonly (readonly [line: string, explanation: string])[];
	/** Other pages of the manual, `name(section)`. */
	readonly seeAlso?: readonly string[];
	/** @returns the exit status */
	readonly run: (context: Context, options: Parsed<T>, operands: readonly string[]) => number | Promise<number>;
};

/** Ties the options' types to `run`. */
export function defineCommand<const T extends OptionTable>(command: Command<T>): Command<T> {
	return command;
}
