// corten completion: a script for bash, zsh or fish, made from the command table. Names of containers are asked of `corten ps` when
// they are needed.

import { visibleOptions } from "../base/option-help.ts";
import type { Command } from "./command.ts";
import { defineCommand } from "./command.ts";
import { type CompletedCommand, completionScript } from "./completion-scripts.ts";
import { globalOptions } from "./global.ts";
import { aliases, commands } from "./index.ts";

/** `corten completion` */
export const command = defineCommand({
	summary: "print a completion script for a shell",
	usage: "bash|zsh|fish",
	options: {},
	operands: { min: 1, max: 1 },
	description: [
		"Prints a script that completes commands, options, the values of options that have a closed set, and names of containers and images.",
	],
	examples: [
		["corten completion bash > /usr/share/bash-completion/completions/corten", "for bash"],
		["corten completion fish > /etc/fish/completions/corten.fish", "for fish"],
	],
	run: async (context, _options, [shell = ""]) => {
		context.print(completionScript(shell, await readTable()));
		return 0;
	},
});

async function readTable(): Promise<readonly CompletedCommand[]> {
	const loaded = await Promise.all(Object.entries(commands).map(async ([name, entry]) => [name, await entry.load()] as const));
	const known = new Map(loaded);
	const rows = loaded.map(([name, loadedCommand]) => complete([name], name, loadedCommand));
	for (const [group, table] of Object.entries(aliases)) {
		for (const [word, [target]] of Object.entries(table)) {
			const loadedCommand = known.get(target);
			if (loadedCommand !== undefined) rows.push(complete([group, word], target, loadedCommand));
		}
	}
	return [{ words: [], summary: "", options: globalOptions, operands: "none" }, ...rows];
}

function complete(words: readonly string[], name: string, { summary, usage, options }: Command): CompletedCommand {
	const operands =
		name === "help"
			? "commands"
			: name === "completion"
				? "shells"
				: usage.includes("CONTAINER")
					? "containers"
					: usage.includes("IMAGE")
						? "images"
						: "none";
	return {
		words,
		summary,
		options: Object.fromEntries(visibleOptions(options)),
		operands: name === "inspect" ? (words[0] === "image" ? "images" : "containers") : operands,
	};
}
