// Help texts, laid out from the command tables: the overview, and the page of one command.

import { explainOption, formatColumns, formatOption, type Row, sentence, visibleOptions } from "../base/option-help.ts";
import type { OptionTable } from "../base/options.ts";
import type { Command } from "./command.ts";

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
