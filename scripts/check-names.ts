// Check: nothing in the repository names the machine or the folder it was written on.

import { finish, top } from "./lib/files.ts";

/** Absolute paths that exist only on somebody's machine, and mirrors that only some network reaches. */
const patterns: readonly RegExp[] = [/\/work\/[a-z.]/, /\/home\/[a-z]+\//, /\/Users\/[a-z]+\//i, /\/root\/\.[a-z]/, /\/tmp\/bash_jobs/];
const self = "scripts/check-names.ts";

const listing = Bun.spawnSync(["git", "ls-files", "-co", "--exclude-standard"], { cwd: top, stdout: "pipe", stderr: "ignore" });
const problems: string[] = [];
for (const file of listing.stdout.toString().split("\n")) {
	if (file === "" || file === self || file === "package-lock.json") continue;
	const handle = Bun.file(`${top}/${file}`);
	if (!(await handle.exists()) || handle.size > 1 << 20) continue;
	for (const [index, line] of (await handle.text()).split("\n").entries()) {
		for (const pattern of patterns) if (pattern.test(line)) problems.push(`${file}:${index + 1}: ${pattern.exec(line)?.[0]}`);
	}
}
finish(problems);
