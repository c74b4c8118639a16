// Check: every file opens with a comment, every export has a docstring, every command has its man page, every path that
// ARCHITECTURE.md and CONTRIBUTING.md mention exists, and every CVE of docs/security.md is named by its test.

import { existsSync } from "node:fs";
import { finish, isGenerated, sourceFiles, text, top } from "./lib/files.ts";

/** Kernel constants (`MS_NOSUID`) are documented by their section-2 pages. */
const kernelName = /^[A-Z][A-Z0-9_]*$/;
const exported = /^export (?:declare )?(?:async )?(?:abstract )?(?:function\*?|const|class|type|interface|let) ([A-Za-z0-9_]+)/;

const problems: string[] = [];

for (const file of sourceFiles(".ts", ".c", ".h", ".sh", ".py")) {
	const content = text(file);
	const first = content.replace(/^#!.*\n/, "");
	if (!/^(\/\/|\/\*|#|"""|<!--)/.test(first)) problems.push(`${file}:1: the file does not open with a comment that says what it is`);
	if (!file.endsWith(".ts") || /\.(test|fixture)\.ts$/.test(file) || isGenerated(content)) continue;
	const lines = content.split("\n");
	let previousName = "";
	let previousLine = -2;
	for (const [index, line] of lines.entries()) {
		const name = exported.exec(line)?.[1];
		if (name === undefined) continue;
		// A command is documented by its summary and description. A second declaration of the name is an overload, or the type that goes with a value; a run of one-line exports shares the
		// docstring of its first.
		if (name === "command" && /^src\/(commands|runtime\/commands)\//.test(file)) continue;
		const documented = lines[index - 1]?.trimEnd().endsWith("*/") || name === previousName || previousLine === index - 1;
		if (!documented && !kernelName.test(name)) problems.push(`${file}:${index + 1}: export ${name} has no docstring`);
		previousName = name;
		if (documented || kernelName.test(name)) previousLine = index;
	}
}

if (existsSync(`${top}/src/commands/index.ts`)) {
	const table: { readonly commands?: Readonly<Record<string, unknown>> } = await import(`${top}/src/commands/index.ts`);
	for (const name of Object.keys(table.commands ?? {})) {
		const page = `docs/man/corten-${name.replaceAll(" ", "-")}.1`;
		if (!existsSync(`${top}/${page}`)) problems.push(`src/commands/index.ts: command ${name} has no ${page}; run scripts/gen-man.ts`);
	}
}

for (const document of ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"]) {
	if (!existsSync(`${top}/${document}`)) continue;
	for (const match of text(document).matchAll(/`((?:src|scripts|docs|test|bench|\.ci)\/[A-Za-z0-9_./-]*)`/g)) {
		if (!existsSync(`${top}/${match[1]}`)) problems.push(`${document}: ${match[1]} does not exist`);
	}
}

// The table of attacks: a row's test names each of its CVEs.
for (const [, cves = "", file = ""] of text("docs/security.md").matchAll(/^\| (CVE-[^|]*) \|[^|]*\| (\S+) \|$/gm)) {
	const content = existsSync(`${top}/${file}`) ? text(file) : "";
	for (const cve of cves.split(", ")) if (!content.includes(cve)) problems.push(`docs/security.md: ${file} does not name ${cve}`);
}
finish(problems);
