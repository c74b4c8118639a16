// Help texts, laid out from the command tables: the overview, and the page of one command.

import type { Command, OptionSpec, OptionTable } from "./command.ts";

/** One row of a table of names and explanations. */
type Row = readonly [left: string, right: string];

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

/** The page of one command. */
export function formatCommandHelp(name: string, command: Command): string {
	const lines = [`Usage: corten ${name} ${command.usage}`.trimEnd(), "", sentence(command.summary)];
	const options = visibleOptions(command.options);
	if (options.length > 0) {
		lines.push("", "Options:");
		lines.push(...formatColumns(options.map(([long, option]) => [formatOption(long, option), explainOption(option)])));
	}
	if (command.examples.length > 0) {
		lines.push("", "Examples:");
		for (const [line, explanation] of command.examples) lines.push(`  # ${explanation}`, `  ${line}`);
	}
	return `${lines.join("\n")}\n`;
}

/** The overview of all commands. @param sections heading and its commands, with their summaries */
export function formatOverview(sections: readonly (readonly [heading: string, rows: readonly Row[]])[], globals: OptionTable): string {
	const lines = [
		"Usage: corten [GLOBAL OPTIONS] COMMAND",
		"",
		"A container engine that leaves the ownership of processes to the init system.",
	];
	for (const [heading, rows] of sections) lines.push("", `${heading}:`, ...formatColumns(rows));
	lines.push("", "Global options, before the command:");
	lines.push(...formatColumns(visibleOptions(globals).map(([long, option]) => [formatOption(long, option), explainOption(option)])));
	lines.push("", 'See "corten help COMMAND" for one command, and corten(1).');
	return `${lines.join("\n")}\n`;
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
