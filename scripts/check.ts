// make check: runs every check, two at a time, prints one line for each and everything a failed one said.

import { existsSync } from "node:fs";
import { top } from "./lib/files.ts";

type Check = { readonly name: string; readonly command: readonly string[] };

const bun = process.execPath;
const strictC = ["gcc", "-fsyntax-only", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"];
const glob = (pattern: string) => [...new Bun.Glob(pattern).scanSync({ cwd: top })].sort();
const launch = glob("src/{launch,runtime}/*.c");
const hosted = glob("{src/hello,bench,test/support}/*.c");
const shell = glob("scripts/*.sh").concat(".ci/run");

const checks: readonly Check[] = [
	{ name: "types", command: ["node_modules/.bin/tsc", "--noEmit", "--pretty", "false"] },
	{ name: "format and lint", command: ["node_modules/.bin/biome", "check", "--max-diagnostics=50"] },
	{ name: "layers", command: [bun, "scripts/check-layers.ts"] },
	{ name: "size", command: [bun, "scripts/check-size.ts"] },
	{ name: "docs", command: [bun, "scripts/check-docs.ts"] },
	{ name: "generated files", command: [bun, "scripts/check-generated.ts"] },
	{ name: "conformance", command: [bun, "scripts/check-conformance.ts"] },
	{ name: "names", command: [bun, "scripts/check-names.ts"] },
	...(launch.length === 0 ? [] : [{ name: "C, launch", command: [...strictC, "-ffreestanding", "-fno-stack-protector", ...launch] }]),
	...(hosted.length === 0 ? [] : [{ name: "C, others", command: [...strictC, ...hosted] }]),
	{ name: "shell", command: ["bash", "-c", 'for file; do bash -n "$file"; done', "bash", ...shell] },
];

if (!existsSync(`${top}/node_modules/.bin/tsc`)) {
	console.log("check: node_modules is missing; run: make setup");
	process.exit(1);
}
let failed = 0;
const queue = [...checks];
async function worker(): Promise<void> {
	for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
		const began = performance.now();
		const run = Bun.spawn([...check.command], { cwd: top, stdout: "pipe", stderr: "pipe", stdin: "ignore" });
		const [out, err, status] = await Promise.all([new Response(run.stdout).text(), new Response(run.stderr).text(), run.exited]);
		const said = `${out}${err}`.trim();
		if (status !== 0) failed++;
		console.log(`${status === 0 ? "ok    " : "FAILED"} ${check.name} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
		if (said !== "" && (status !== 0 || said.includes("warning:"))) console.log(said.replace(/^/gm, "       "));
	}
}
await Promise.all([worker(), worker()]);
console.log(failed === 0 ? "check: everything holds" : `check: ${failed} of ${checks.length} failed`);
process.exit(failed === 0 ? 0 : 1);
