// corten completion: a script for bash, zsh or fish, made from the command table. Names of containers are asked of `corten ps` when
// they are needed.

import { CortenError } from "../base/errors.ts";
import { visibleOptions } from "../base/option-help.ts";
import type { Command } from "./command.ts";
import { defineCommand } from "./command.ts";
import { type CompletedCommand, completionScript } from "./completion-scripts.ts";
import { globalOptions } from "./global.ts";
import { aliases, commands } from "./index.ts";

/** `corten completion` */
export const command = defineCommand({
	summary: "print a completion script for a shell",
	usage: "bash|zsh|fish [corten|corten-runtime]",
	options: {},
	operands: { min: 1, max: 2 },
	description: [
		"Prints a script that completes commands, options, the values of options that have a closed set, and names of containers and images. The script is that of corten, or of corten-runtime.",
	],
	examples: [
		["corten completion bash > /usr/share/bash-completion/completions/corten", "for bash"],
		["corten completion fish > /etc/fish/completions/corten.fish", "for fish"],
	],
	run: async (context, _options, [shell = "", program = "corten"]) => {
		if (program === "corten") context.print(completionScript(shell, corten, await readTable()));
		else if (program === "corten-runtime") context.print(completionScript(shell, runtime, await readRuntimeTable()));
		else throw new CortenError("invalid-argument", `cannot complete "${program}": the programs are corten and corten-runtime`);
		return 0;
	},
});

const corten = {
	name: "corten",
	containers: "corten ps -a --format '{{.Names}}'",
	images: "corten images --format '{{.Repository}}:{{.Tag}}'",
};
const runtime = { name: "corten-runtime", containers: "corten-runtime list -q", images: "" };

/** The two programs share nothing else: the runtime's table is read for this alone. */
async function readRuntimeTable(): Promise<readonly CompletedCommand[]> {
	const { listedCommands } = await import("../runtime/index.ts");
	const { runtimeGlobals } = await import("../runtime/global.ts");
	const rows = listedCommands().map(async ([name, load]): Promise<CompletedCommand> => {
		const { summary, options, usage } = await load();
		return {
			words: [name],
			summary,
			options,
			operands: name === "help" ? "commands" : usage.includes("CONTAINER") ? "containers" : "none",
		};
	});
	return [{ words: [], summary: "", options: runtimeGlobals, operands: "none" }, ...(await Promise.all(rows))];
}

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
