// corten help: the overview, or the page of one command. Loads the files it speaks of; it is not on the way of a start.

import { CortenError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { formatColumns } from "../base/option-help.ts";
import { defineCommand } from "./command.ts";
import { globalOptions } from "./global.ts";
import { aliases, type CommandEntry, commands, groups } from "./index.ts";
import { formatCommandHelp, formatOverview } from "./render.ts";

/** `corten help` */
export const command = defineCommand({
	summary: "explain corten or one of its commands",
	usage: "[COMMAND]",
	options: {},
	operands: { min: 0, max: 2 },
	description: ["Without a command, lists the commands and the global options. With one, shows its usage, options and examples."],
	examples: [["corten help run", "the options of run"]],
	run: async (context, _options, [word, second]) => {
		context.print(word === undefined ? await overview() : await page(word, second));
		return 0;
	},
});

async function rowsOf(names: readonly string[]): Promise<(readonly [string, string])[]> {
	return Promise.all(names.map(async (name) => [name, (await commands[name]?.load())?.summary ?? ""] as const));
}

async function overview(): Promise<string> {
	const sections = (Object.keys(groups) as CommandEntry["group"][]).map(async (group) => {
		const names = Object.keys(commands).filter((name) => commands[name]?.group === group);
		return [groups[group], await rowsOf(names)] as const;
	});
	return formatOverview(
		(await Promise.all(sections)).filter(([, rows]) => rows.length > 0),
		globalOptions,
	);
}

async function page(word: string, second: string | undefined): Promise<string> {
	const table = Object.hasOwn(aliases, word) ? aliases[word] : undefined;
	if (table !== undefined && second === undefined) {
		const rows = Object.entries(table).map(([name, target]) => [name, `as corten ${target.join(" ")}`] as const);
		return `Usage: corten ${word} COMMAND\n\nThe commands of ${word}s under docker's two-word names.\n\n${formatColumns(rows).join("\n")}\n`;
	}
	const name = table === undefined ? word : (table[second ?? ""]?.[0] ?? `${word} ${second}`);
	const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
	if (entry === undefined) {
		const close = nearest(name, Object.keys(commands));
		throw new CortenError("not-found", `cannot explain "${name}": there is no such command`, {
			hint: close === undefined ? "see: corten help" : `did you mean "${close}"?`,
		});
	}
	return formatCommandHelp(name, await entry.load());
}
