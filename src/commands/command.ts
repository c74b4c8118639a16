// What a command is: a table entry. The parser, help, completion and man pages are all made from it; nothing is written twice.

/** How an option is given: `flag` (--rm), `value` (--name X, last one wins) or `list` (-e A -e B, all kept in order). */
export type OptionSpec = {
	readonly kind: "flag" | "value" | "list";
	/** One letter. */
	readonly short?: string;
	/** The word that stands for the value in help: "PATH". */
	readonly metavar?: string;
	/** One line, lower case, no period. */
	readonly help: string;
	/** The closed set of values, for the parser, help and completion. */
	readonly choices?: readonly string[];
	/** Given and not yet done: the parser refuses it with `unsupported`. Help leaves it out. */
	readonly unsupported?: true;
};

/** Long name (as typed, without dashes) -> option. */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** What the parser makes of a table: flags are booleans, values text or undefined, lists arrays. */
export type Parsed<T extends OptionTable> = {
	readonly [K in keyof T]: T[K]["kind"] extends "flag" ? boolean : T[K]["kind"] extends "list" ? readonly string[] : string | undefined;
};

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
	/** @returns the exit status */
	readonly run: (context: Context, options: Parsed<T>, operands: readonly string[]) => number | Promise<number>;
};

/** Ties the options' types to `run`. */
export function defineCommand<const T extends OptionTable>(command: Command<T>): Command<T> {
	return command;
}
