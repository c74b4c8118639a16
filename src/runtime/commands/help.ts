// corten-runtime help: the overview, or the page of one command. Loads the files it speaks of.

import { CortenError } from "../../base/errors.ts";
import { explainOption, formatColumns, formatOption, sentence, visibleOptions } from "../../base/option-help.ts";
import type { OptionTable } from "../../base/options.ts";
import { defineRuntimeCommand } from "../command.ts";
import { runtimeGlobals } from "../global.ts";
import { listedCommands, runtimeCommands } from "../index.ts";

export const command = defineRuntimeCommand({
	summary: "explain the runtime or one of its commands",
	usage: "[COMMAND]",
	options: {},
	operands: { min: 0, max: 1 },
	description: ["Without a command, lists the commands and the global options. With one, shows its usage and options."],
	run: async (context, _options, [name]) => {
		context.print(`${(name === undefined ? await overview() : await page(name)).join("\n")}\n`);
		return 0;
	},
});

async function overview(): Promise<string[]> {
	const rows = listedCommands().map(async ([name, load]) => [name, (await load()).summary] as const);
	return [
		"Usage: corten-runtime [GLOBAL OPTIONS] COMMAND",
		"",
		"An OCI runtime: runs the containers that bundles describe, with runc's command line.",
		"",
		"Commands:",
		...formatColumns(await Promise.all(rows)),
		"",
		"Global options, before the command:",
		...optionLines(runtimeGlobals),
	];
}

async function page(name: string): Promise<string[]> {
	const load = Object.hasOwn(runtimeCommands, name) ? runtimeCommands[name] : undefined;
	if (load === undefined) throw new CortenError("not-found", `cannot explain "${name}": there is no such command`);
	const { usage, summary, options } = await load();
	const lines = [`Usage: corten-runtime ${name} ${usage}`.trimEnd(), "", sentence(summary)];
	return Object.keys(options).length === 0 ? lines : [...lines, "", "Options:", ...optionLines(options)];
}

function optionLines(table: OptionTable): string[] {
	return formatColumns(visibleOptions(table).map(([long, option]) => [formatOption(long, option), explainOption(option)]));
}
