// The three shells' completion scripts. Each is a table and a little code that walks it; what a shell is told is quoted for that shell.

import { CortenError } from "../base/errors.ts";
import type { OptionTable } from "../base/options.ts";

/** The program that is completed, and what lists its containers and images. */
export type CompletedProgram = { readonly name: string; readonly containers: string; readonly images: string };

/** A command as the scripts need it; the one without words is the program itself. */
export type CompletedCommand = {
	/** `["ps"]`, `["container", "ls"]` */
	readonly words: readonly string[];
	readonly summary: string;
	readonly options: OptionTable;
	readonly operands: "containers" | "images" | "commands" | "shells" | "none";
};

/** shell -> its script */
export const shells = { bash, zsh, fish } as const;

/** The completion script of a program for a shell. @throws `invalid-argument` for another shell */
export function completionScript(shell: string, program: CompletedProgram, table: readonly CompletedCommand[]): string {
	if (!Object.hasOwn(shells, shell)) {
		throw new CortenError(
			"invalid-argument",
			`cannot write a completion script for "${shell}": the shells are ${Object.keys(shells).join(", ")}`,
		);
	}
	return shells[shell as keyof typeof shells](program, table);
}

/** The words that may follow these words. */
function nextWords(table: readonly CompletedCommand[], words: readonly string[]): string[] {
	const next = table
		.filter((row) => row.words.length > words.length && words.every((word, at) => row.words[at] === word))
		.map((row) => row.words[words.length] ?? "");
	return [...new Set(next)].sort();
}

function groupsOf(table: readonly CompletedCommand[]): string[] {
	return [...new Set(table.filter(({ words }) => words.length > 1).map(({ words }) => words[0] ?? ""))];
}

function optionWords(options: OptionTable): string[] {
	return [
		...Object.entries(options).flatMap(([long, { short }]) => (short === undefined ? [`--${long}`] : [`--${long}`, `-${short}`])),
		"--help",
	];
}

/** The groups as a pattern of case; one that no word is where there are none. */
function groupPattern(table: readonly CompletedCommand[]): string {
	return groupsOf(table).join("|") || '" "';
}

/** The name of a shell function. */
function functionName({ name }: CompletedProgram): string {
	return `_${name.replaceAll("-", "_")}`;
}

function operandWords(program: CompletedProgram, table: readonly CompletedCommand[], row: CompletedCommand): string {
	if (row.operands === "containers" || row.operands === "images") return `$(${program[row.operands]} 2>/dev/null)`;
	if (row.operands === "commands") return nextWords(table, []).join(" ");
	return row.operands === "shells" ? Object.keys(shells).join(" ") : "";
}

function bash(program: CompletedProgram, table: readonly CompletedCommand[]): string {
	const globalValues = Object.entries(table[0]?.options ?? {})
		.filter(([, { kind }]) => kind !== "flag")
		.map(([long]) => `--${long}`);
	const cases = table.map((row) => {
		const values = Object.entries(row.options).flatMap(([long, { short, kind, choices }]) =>
			kind === "flag"
				? []
				: [
						`\t\t${[`--${long}`, ...(short === undefined ? [] : [`-${short}`])].join("|")}) ${choices === undefined ? "return" : `words="${choices.join(" ")}"`} ;;`,
					],
		);
		const operands = row.words.length === 0 ? nextWords(table, []).join(" ") : operandWords(program, table, row);
		return [
			`\t"${row.words.join(" ")}")`,
			"\t\tcase $previous in",
			...values,
			`\t\t*) if [[ $current == -* ]]; then words="${optionWords(row.options).join(" ")}"; else words="${operands}"; fi ;;`,
			"\t\tesac ;;",
		].join("\n");
	});
	const groups = groupsOf(table).map((group) => `\t"${group}") words="${nextWords(table, [group]).join(" ")}" ;;`);
	return `# bash completion for ${program.name}; made by: corten completion bash ${program.name}
${functionName(program)}() {
	local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command="" words="" word at
	for ((at = 1; at < COMP_CWORD; at++)); do
		word=\${COMP_WORDS[at]}
		case $word in
		${globalValues.join("|")}) [[ -n $command ]] || at=$((at + 1)) ;;
		-*) ;;
		*)
			case $command in
			"") command=$word ;;
			${groupPattern(table)}) command="$command $word"; break ;;
			*) break ;;
			esac ;;
		esac
	done
	COMPREPLY=()
	case $command in
${[...cases, ...groups].join("\n")}
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F ${functionName(program)} ${program.name}
`;
}

/** zsh and fish read summaries too; a quote in one ends the word. */
function quoteSingle(text: string, escaped: string): string {
	return `'${text.replaceAll("'", escaped)}'`;
}

function zsh(program: CompletedProgram, table: readonly CompletedCommand[]): string {
	const cases = table.map((row) => {
		const options = Object.entries(row.options).flatMap(([long, { short, kind, help, choices, metavar }]) => {
			const value =
				kind === "flag"
					? ""
					: `:${metavar ?? "value"}:${choices === undefined ? (metavar === "PATH" ? "_files" : " ") : `(${choices.join(" ")})`}`;
			const many = kind === "list" ? "*" : "";
			const text = help.replace(/[[\]:]/g, (letter) => `\\${letter}`);
			return [`--${long}`, ...(short === undefined ? [] : [`-${short}`])].map((name) =>
				quoteSingle(`${many}${name}[${text}]${value}`, "'\\''"),
			);
		});
		const words = row.words.length === 0 ? "" : operandWords(program, table, row);
		return `\t"${row.words.join(" ")}") _arguments -s ${[...options, quoteSingle("--help[explain]", "")].join(" ")} ${words === "" ? "'*: :_files'" : `"*: :(${words})"`} ;;`;
	});
	const described = table
		.filter(({ words }) => words.length === 1)
		.map(({ words, summary }) => quoteSingle(`${words[0]}:${summary.replaceAll(":", "\\:")}`, "'\\''"));
	const groups = groupsOf(table).map((group) => `\t"${group}") compadd ${nextWords(table, [group]).join(" ")} ;;`);
	return `#compdef ${program.name}
# zsh completion for ${program.name}; made by: corten completion zsh ${program.name}
${functionName(program)}() {
	local command="" at
	for ((at = 2; at < CURRENT; at++)); do
		case $words[at] in
		-*) ;;
		*)
			case $command in
			"") command=$words[at] ;;
			${groupPattern(table)}) command="$command $words[at]"; break ;;
			*) break ;;
			esac ;;
		esac
	done
	local -a commands=(${[...described, ...groupsOf(table).map((group) => quoteSingle(`${group}:${group} commands`, ""))].join(" ")})
	if [[ -z $command && $PREFIX != -* ]]; then _describe command commands; return; fi
	case $command in
${[...cases, ...groups].join("\n")}
	esac
}
compdef ${functionName(program)} ${program.name}
`;
}

function fish(program: CompletedProgram, table: readonly CompletedCommand[]): string {
	const quote = (text: string) => quoteSingle(text.replaceAll("\\", "\\\\"), "\\'");
	const lines = [
		`# fish completion for ${program.name}; made by: corten completion fish ${program.name}`,
		`complete -c ${program.name} -f`,
	];
	const top = nextWords(table, []);
	for (const row of table) {
		const [first, second] = row.words;
		const seen =
			second === undefined
				? `__fish_seen_subcommand_from ${first}`
				: `__fish_seen_subcommand_from ${first}; and __fish_seen_subcommand_from ${second}`;
		const when =
			first === undefined
				? "__fish_use_subcommand"
				: second === undefined
					? [seen, ...groupsOf(table).map((group) => `not __fish_seen_subcommand_from ${group}`)].join("; and ")
					: seen;
		if (first !== undefined && second === undefined) {
			lines.push(`complete -c ${program.name} -n __fish_use_subcommand -a ${first} -d ${quote(row.summary)}`);
		}
		for (const [long, { short, kind, help, choices }] of Object.entries(row.options)) {
			const value = kind === "flag" ? "" : choices === undefined ? " -r" : ` -x -a ${quote(choices.join(" "))}`;
			lines.push(
				`complete -c ${program.name} -n ${quote(when)} -l ${long}${short === undefined ? "" : ` -s ${short}`}${value} -d ${quote(help)}`,
			);
		}
		const words =
			row.operands === "containers" || row.operands === "images"
				? `(${program[row.operands]} 2>/dev/null)`
				: row.operands === "commands"
					? top.join(" ")
					: row.operands === "shells"
						? Object.keys(shells).join(" ")
						: "";
		if (words !== "") lines.push(`complete -c ${program.name} -n ${quote(when)} -a ${quote(words)}`);
	}
	for (const group of groupsOf(table)) {
		const words = nextWords(table, [group]).join(" ");
		lines.push(`complete -c ${program.name} -n __fish_use_subcommand -a ${group} -d ${quote(`${group} commands`)}`);
		lines.push(
			`complete -c ${program.name} -n ${quote(`__fish_seen_subcommand_from ${group}; and not __fish_seen_subcommand_from ${words}`)} -a ${quote(words)}`,
		);
	}
	return `${lines.join("\n")}\n`;
}
