// Option tables: what both command lines (commands/ and runtime/) are described with. Parsers, help, completion and man pages are made from them.

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
