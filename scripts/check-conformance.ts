// Check: docs/conformance.md names tests that exist, says truly with which peers each passes, and counts right. `--write` corrects the
// last column and the counts, and completes a test that is named by the beginning of its name.
// A row of the tables is: | anchor | requirement | `file: test name` | peers |; several tests are separated by <br>.

import { readFileSync, writeFileSync } from "node:fs";
import { finish, top } from "./lib/files.ts";

process.env.CORTEN_TEST_LIST = "1";
const { declarations } = await import("../test/support/conformance.ts");

const document = `${top}/docs/conformance.md`;
const write = process.argv.includes("--write");
const problems: string[] = [];
const peers = ["runc", "crun"] as const;

/** All tests by `folder/file: name`, each with the peers it passes with. */
const tests = new Map<string, string>();
const tally = { "corten-runtime": 0, runc: 0, crun: 0, neither: 0 };
for (const file of [...new Bun.Glob("**/*.test.ts").scanSync({ cwd: `${top}/test/conformance` })].sort()) {
	declarations.length = 0;
	await import(`${top}/test/conformance/${file}`);
	for (const { name, terms } of declarations) {
		const key = `${file.replace(/\.test\.ts$/, "")}: ${name}`;
		if (tests.has(key)) problems.push(`test/conformance/${file}: two tests are named "${name}"`);
		const passing = peers.filter((peer) => terms.not?.[peer] === undefined);
		tests.set(key, passing.length === 0 ? "none" : passing.join(", "));
		tally["corten-runtime"]++;
		for (const peer of passing) tally[peer]++;
		if (passing.length === 0) tally.neither++;
	}
}

/** The one test that a row means, by its name or the beginning of it. */
function resolve(words: string): string | undefined {
	if (tests.has(words)) return words;
	const begun = [...tests.keys()].filter((key) => key.startsWith(words));
	return write && begun.length === 1 ? begun[0] : undefined;
}

/** The peers with which all of a row's tests pass. */
function common(keys: readonly string[]): string {
	const passing = peers.filter((peer) => keys.every((key) => tests.get(key)?.split(", ").includes(peer)));
	return passing.length === 0 ? "none" : passing.join(", ");
}

let requirements = 0;
let tested = 0;
const lines = readFileSync(document, "utf8").split("\n");
for (const [index, line] of lines.entries()) {
	const cells = line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, ""));
	const [anchor = "", requirement = "", cell = "", shown = ""] = cells;
	if (!/^(config|config-linux|runtime|runtime-linux|features|features-linux)\.md#/.test(anchor) || cells.length !== 4) continue;
	requirements++;
	// Without backquotes the cell is a sentence that says why there is no test.
	if (!cell.startsWith("`")) continue;
	tested++;
	const keys: string[] = [];
	for (const words of cell.split("<br>").map((word) => word.replace(/^`|`$/g, ""))) {
		const key = resolve(words);
		if (key === undefined) problems.push(`docs/conformance.md:${index + 1}: there is no test "${words}"`);
		else keys.push(key);
	}
	const passing = common(keys);
	if (write)
		lines[index] =
			`| ${anchor} | ${requirement} | ${keys.length === 0 ? cell : keys.map((key) => `\`${key}\``).join("<br>")} | ${passing} |`;
	else if (passing !== shown)
		problems.push(`docs/conformance.md:${index + 1}: passes with ${passing}, not ${shown}; run scripts/check-conformance.ts --write`);
}

const counts =
	`${requirements} requirements, ${tested} of them tested. ${tally["corten-runtime"]} tests: runc passes ${tally.runc}, ` +
	`crun ${tally.crun}; ${tally.neither} test what neither has.`;
const at = lines.findIndex((line) => /^\d+ requirements, \d+ of them tested\./.test(line));
if (at < 0) problems.push("docs/conformance.md: the line of counts is missing");
else if (write) lines[at] = counts;
else if (lines[at] !== counts) problems.push(`docs/conformance.md:${at + 1}: it is ${counts} Run scripts/check-conformance.ts --write`);
if (write) writeFileSync(document, lines.join("\n"));
finish(problems);
