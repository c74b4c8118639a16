// Check: what scripts/gen-*.ts write is up to date. Each of them takes --check, writes nothing then, and exits 1 on a difference.

import { finish, top } from "./lib/files.ts";

const problems: string[] = [];
for (const script of [...new Bun.Glob("gen-*.ts").scanSync({ cwd: `${top}/scripts` })].sort()) {
	const run = Bun.spawnSync([process.execPath, `scripts/${script}`, "--check"], { cwd: top, stdout: "pipe", stderr: "pipe" });
	if (run.exitCode !== 0) {
		problems.push(`${run.stdout}${run.stderr}`.trim(), `scripts/${script}: its output is stale; run: bun scripts/${script}`);
	}
}
finish(problems);
