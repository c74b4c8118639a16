// A few seconds of what `make fuzz` does for as long as one likes: plans that nobody would make, in launch under the sanitizers, with a
// kernel that only pretends. The same ones every time.

import { expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { run, top } from "../support/corten.ts";
import { installed, testWhen } from "../support/skip.ts";

const roundsPerSeed = "200";

testWhen(installed("gcc"), "gcc is not installed")(
	"launch stays inside a plan, whatever the plan says",
	async () => {
		const seeds = mkdtempSync("/tmp/corten-test-fuzz-");
		try {
			const built = await run(["make", "-s", "-C", top, "build/fuzz/alone"], { timeoutMs: 90_000 });
			expect(`${built.status} ${built.stderr}`).toBe("0 ");
			expect((await run([process.execPath, `${top}/test/fuzz/seeds.ts`, seeds])).status).toBe(0);
			const files = [...new Bun.Glob("*").scanSync({ cwd: seeds, absolute: true })].sort();
			const ended = await run([`${top}/build/fuzz/alone`, roundsPerSeed, ...files], { timeoutMs: 90_000 });
			expect(ended.stderr).toBe("");
			expect(ended.stdout).toBe(`${files.length * Number(roundsPerSeed)} plans\n`);
		} finally {
			rmSync(seeds, { recursive: true, force: true });
		}
	},
	120_000,
);
