// Writes the man pages docs/man/corten.1, docs/man/corten-COMMAND.1 and docs/man/corten-runtime.8 from the command tables. --check fails when one is stale.
// @see man(7), groff_man(7)

import { explainOption, sentence, visibleOptions } from "../src/base/option-help.ts";
import type { OptionTable } from "../src/base/options.ts";
import type { Command } from "../src/commands/command.ts";
import { globalOptions } from "../src/commands/global.ts";
import { aliases, type CommandEntry, commands, groups } from "../src/commands/index.ts";
import { runtimeGlobals } from "../src/runtime/global.ts";
import { listedCommands } from "../src/runtime/index.ts";
import { writeGenerated } from "./generated.ts";

/** Text for roff: no line begins a request, and - is a minus where people copy it. */
function roff(text: string): string {
	return text
		.replaceAll("\\", "\\e")
		.replaceAll("-", "\\-")
		.replace(/^([.'])/gm, "\\&$1");
}

/** A quoted argument of a macro. */
function argument(text: string): string {
	return `"${roff(text).replaceAll('"', "\\(dq")}"`;
}

function heading(page: string, manual = 1): string[] {
	return [
		'.\\" Made by scripts/gen-man.ts from the command tables.',
		`.TH ${argument(page.toUpperCase())} ${manual} "" corten "corten manual"`,
	];
}

function optionLines(table: OptionTable): string[] {
	return visibleOptions(table).flatMap(([long, option]) => {
		const names = [...(option.short === undefined ? [] : [`-${option.short}`]), `--${long}`]
			.map((name) => `\\fB${roff(name)}\\fR`)
			.join(", ");
		const value = option.kind === "flag" ? "" : `=\\fI${roff(option.metavar ?? option.choices?.join("|") ?? "VALUE")}\\fR`;
		return [".TP", `${names}${value}`, roff(sentence(explainOption(option)))];
	});
}

function section(title: string, lines: readonly string[]): string[] {
	return lines.length === 0 ? [] : [`.SH ${title}`, ...lines];
}

/** `name(section)` as manuals set it, or a path. */
function reference(page: string): string {
	const [, name, part] = /^(.*)(\(\d\))$/.exec(page) ?? [];
	return name === undefined ? roff(page) : `\\fB${roff(name)}\\fR${part}`;
}

function commandPage(name: string, command: Command, failureStatus: number): string {
	const otherNames = Object.entries(aliases).flatMap(([group, table]) =>
		Object.entries(table).flatMap(([word, [target]]) => (target === name ? [`corten ${group} ${word}`] : [])),
	);
	const status =
		failureStatus === 125
			? "The payload's own status; 128+n when signal n ended it; 125 when corten failed; 126 when the command cannot be executed; 127 when it was not found."
			: "0, or 1 on failure; 125 for an option that cannot be used.";
	return `${[
		...heading(`corten-${name}`),
		...section("NAME", [roff(`corten-${name} - ${command.summary}`)]),
		...section("SYNOPSIS", [`\\fBcorten ${roff(name)}\\fR ${roff(command.usage)}`.trimEnd()]),
		...section(
			"DESCRIPTION",
			command.description.flatMap((paragraph, at) => (at === 0 ? [roff(paragraph)] : [".PP", roff(paragraph)])),
		),
		...(otherNames.length > 0 ? [".PP", roff(`Other names: ${otherNames.join(", ")}.`)] : []),
		...section("OPTIONS", optionLines(command.options)),
		...section("EXIT STATUS", [roff(status)]),
		...section(
			"EXAMPLES",
			command.examples.flatMap(([line, explanation]) => [".TP", roff(sentence(explanation)), ".EX", roff(line), ".EE"]),
		),
		...section("SEE ALSO", [["corten(1)", ...(command.seeAlso ?? [])].map(reference).join(", ")]),
	].join("\n")}\n`;
}

async function overviewPage(loaded: readonly (readonly [string, Command])[]): Promise<string> {
	const sections = (Object.keys(groups) as CommandEntry["group"][]).flatMap((group) => {
		const rows = loaded.filter(([name]) => commands[name]?.group === group);
		return rows.length === 0
			? []
			: [
					`.SS ${argument(groups[group])}`,
					...rows.flatMap(([name, { summary }]) => [".TP", `\\fBcorten\\-${roff(name)}\\fR(1)`, roff(sentence(summary))]),
				];
	});
	const folders = [
		["/var/lib/corten", "The image store and the containers (--root)."],
		["/run/corten", "What need not outlive the boot (--runroot)."],
	] as const;
	return `${[
		...heading("corten"),
		...section("NAME", [roff("corten - a container engine that leaves the ownership of processes to the init system")]),
		...section("SYNOPSIS", ["\\fBcorten\\fR [GLOBAL OPTIONS] \\fICOMMAND\\fR"]),
		...section("DESCRIPTION", [
			"corten compiles a start of a container into a list of system calls and becomes the small program that executes it.",
			"There is no daemon: a container is a child of whoever started it, and its state is a folder.",
		]),
		...section("OPTIONS", optionLines(globalOptions)),
		...section("COMMANDS", sections),
		...section("EXIT STATUS", [
			roff(
				"That of the command. 125: an option cannot be used, or corten itself failed in run or exec. 141: the reader of stdout has gone.",
			),
		]),
		...section(
			"FILES",
			folders.flatMap(([path, text]) => [".TP", `\\fI${path}\\fR`, roff(text)]),
		),
	].join("\n")}\n`;
}

async function runtimePage(): Promise<string> {
	const rows = await Promise.all(listedCommands().map(async ([name, load]) => [name, await load()] as const));
	const commandLines = rows.flatMap(([name, { usage, description, options }]) => [
		`.SS "${roff(`${name} ${usage}`.trimEnd())}"`,
		...description.flatMap((paragraph, at) => (at === 0 ? [roff(paragraph)] : [".PP", roff(paragraph)])),
		...optionLines(options),
	]);
	const files = [
		["/run/corten-runtime/ID/", "The state of one container (--root). $XDG_RUNTIME_DIR/corten-runtime without root's rights."],
		[
			"state.json, config.json, pid, start",
			"What it is, the bundle's config.json as it was, its process, and the socket at which it waits for start.",
		],
	] as const;
	return `${[
		...heading("corten-runtime", 8),
		...section("NAME", [roff("corten-runtime - an OCI runtime with runc's command line")]),
		...section("SYNOPSIS", ["\\fBcorten\\-runtime\\fR [GLOBAL OPTIONS] \\fICOMMAND\\fR [OPTIONS] [CONTAINER]"]),
		...section("DESCRIPTION", [
			"Runs the containers that bundles describe, for engines that call a runtime by its path: Docker, containerd, CRI\\-O, podman, buildah.",
			"A small program answers the plainest calls and leaves all others to corten, which must lie beside it.",
			".PP",
			roff("An option is written --name VALUE, --name=VALUE, -name VALUE or by its letter. Options of exec stand before the container."),
			".PP",
			"No process of the runtime stays with a container.",
		]),
		...section("GLOBAL OPTIONS", optionLines(runtimeGlobals)),
		...section("COMMANDS", commandLines),
		...section("EXIT STATUS", [
			roff(
				"0; 1 on failure. run and exec end as the program ended, or with 128+n when signal n ended it; 255 is a failure of exec itself.",
			),
			roff("With --log the failure is also appended to that file, in the forms of runc, which engines read back."),
		]),
		...section(
			"FILES",
			files.flatMap(([path, text]) => [".TP", `\\fI${roff(path)}\\fR`, roff(text)]),
		),
		...section("SEE ALSO", ["\\fBcorten\\fR(1), \\fBrunc\\fR(8), \\fBcgroups\\fR(7), \\fBnamespaces\\fR(7)"]),
	].join("\n")}\n`;
}

await writeGenerated("docs/man/corten-runtime.8", await runtimePage());
const loaded = await Promise.all(Object.entries(commands).map(async ([name, entry]) => [name, await entry.load()] as const));
await writeGenerated("docs/man/corten.1", await overviewPage(loaded));
for (const [name, command] of loaded) {
	await writeGenerated(`docs/man/corten-${name}.1`, commandPage(name, command, commands[name]?.failureStatus ?? 1));
}
