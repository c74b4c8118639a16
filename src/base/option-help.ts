// How option tables read in help texts and man pages.

import type { OptionSpec, OptionTable } from "./options.ts";

/** One row of a table of names and explanations. */
export type Row = readonly [left: string, right: string];

/** `-e, --env LIST`, as help and the man pages show an option. */
export function formatOption(long: string, option: OptionSpec): string {
	const value = option.kind === "flag" ? "" : ` ${option.metavar ?? option.choices?.join("|") ?? "VALUE"}`;
	return `${option.short === undefined ? "    " : `-${option.short}, `}--${long}${value}`;
}

/** What help says about an option: its line, and its choices when the metavar does not show them. */
export function explainOption(option: OptionSpec): string {
	const choices = option.choices !== undefined && option.metavar !== undefined ? ` (${option.choices.join(", ")})` : "";
	return `${option.help}${choices}${option.kind === "list" ? "; repeatable" : ""}`;
}

/** The options people may use, by name. */
export function visibleOptions(table: OptionTable): (readonly [long: string, option: OptionSpec])[] {
	return Object.entries(table)
		.filter(([, option]) => !option.unsupported)
		.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Two columns, the left one as wide as it must be; what does not fit begins a line of its own. */
export function formatColumns(rows: readonly Row[]): string[] {
	const width = Math.min(30, Math.max(0, ...rows.map(([left]) => left.length)));
	return rows.flatMap(([left, right]) =>
		left.length > width ? [`  ${left}`, `  ${" ".repeat(width)}  ${right}`] : [`  ${left.padEnd(width)}  ${right}`.trimEnd()],
	);
}

/** A summary as a sentence. */
export function sentence(text: string): string {
	return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}
