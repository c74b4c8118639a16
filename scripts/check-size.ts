// Check: files stay small enough to be read at one sitting. Generated tables are left out.

import { finish, isGenerated, sourceFiles, text } from "./lib/files.ts";

const warnLines = 300;
const failLines = 500;
/** Files with a limit of their own, and why. */
const own: Readonly<Record<string, number>> = {
	"src/launch/launch.c": 600, // one loop, one switch over all ops
	"src/launch/supervise.c": 400,
};

const problems: string[] = [];
for (const file of sourceFiles(".ts", ".c", ".h", ".sh")) {
	const content = text(file);
	if (isGenerated(content)) continue;
	const lines = content.split("\n").length - 1;
	const limit = own[file] ?? failLines;
	if (lines > limit) problems.push(`${file}: ${lines} lines, the limit is ${limit}`);
	else if (own[file] === undefined && lines > warnLines) console.log(`warning: ${file}: ${lines} lines, aim under 150`);
}
finish(problems);
