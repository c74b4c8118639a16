// make test: unit tests (beside their files in src), end-to-end and conformance tests (test/**), two files at a time, each in a process
// of its own; conformance tests run against corten-runtime, and then against each peer that is installed. Ends with "N passed, N failed, N skipped" alone on the last line; exits 1 when a test failed or a file broke off.
// Usage: bun scripts/test.ts [FILE... | FOLDER...]

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasRuntime, type RuntimeName, runtimeNames } from "../test/support/runtime.ts";
import { top } from "./lib/files.ts";

/** The long ones first, so that the last worker is not left alone with them. The guests come last: they wait more than they work. */
const longest = ["large", "chaos", "stdio", "run", "security"];
const workers = 2;
const fileLimitMs = 8 * 60_000;

type Job = { readonly name: string; readonly files: readonly string[]; readonly runtime?: RuntimeName };
type Counts = { passed: number; failed: number; skipped: number };

function jobs(): Job[] {
	const asked = process.argv.slice(2);
	if (asked.length > 0 && asked.every((name) => name.endsWith(".ts"))) return asked.map((file) => ({ name: file, files: [file] }));
	const glob = (pattern: string) => [...new Bun.Glob(pattern).scanSync({ cwd: top })].sort();
	const rank = (file: string) => {
		if (file.startsWith("test/guests/")) return longest.length + 1;
		const place = longest.findIndex((word) => file.endsWith(`/${word}.test.ts`));
		return place < 0 ? longest.length : place;
	};
	const conformance = glob("test/conformance/**/*.test.ts");
	const peers = runtimeNames.filter((name) => name !== "corten-runtime" && hasRuntime(name));
	const unit = glob("{src,scripts}/**/*.test.ts");
	const whole = glob("test/**/*.test.ts").sort((a, b) => rank(a) - rank(b));
	const all: Job[] = [
		...(unit.length === 0 ? [] : [{ name: `unit tests (${unit.length} files)`, files: unit }]),
		...whole.map((file) => ({ name: file, files: [file] })),
		...peers.flatMap((runtime) => conformance.map((file) => ({ name: `${file} (${runtime})`, files: [file], runtime }))),
	];
	return asked.length === 0 ? all : all.filter(({ name }) => asked.some((folder) => name.startsWith(`${folder.replace(/\/$/, "")}/`)));
}

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };
const plain = (value: string) => value.replace(/&(lt|gt|amp|quot|apos);/g, (_, name: string) => entities[name] ?? "");

/** Counts the test cases of bun's junit file, and collects the names of those that were skipped. */
function readReport(path: string): { counts: Counts; skips: string[] } {
	const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
	const skips: string[] = [];
	for (const match of readFileSync(path, "utf8").matchAll(/<testcase\s([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g)) {
		const body = match[3] ?? "";
		if (/<skipped/.test(body)) {
			counts.skipped++;
			skips.push(plain(/\bname="([^"]*)"/.exec(match[1] ?? "")?.[1] ?? "?"));
		} else if (/<(failure|error)/.test(body)) counts.failed++;
		else counts.passed++;
	}
	return { counts, skips };
}

/** bun's output without the lines of tests that passed. */
function failuresOf(output: string): string {
	const lines = output.split("\n").filter((line) => !/^\s*(\(pass\)|✓|\(skip\)|»|bun test v)/.test(line));
	return lines.slice(-400).join("\n").trim();
}

const total: Counts = { passed: 0, failed: 0, skipped: 0 };
const allSkips: string[] = [];
const queue = jobs();
const reports = mkdtempSync(join(tmpdir(), "corten-reports-"));

async function work(): Promise<void> {
	for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
		const report = join(reports, `${Bun.hash(job.name)}.xml`);
		const began = performance.now();
		const options = ["--timeout=120000", "--reporter=junit", `--reporter-outfile=${report}`];
		const command = [process.execPath, "test", ...options, ...job.files.map((file) => (file.startsWith("/") ? file : `./${file}`))];
		const run = Bun.spawn(command, {
			cwd: top,
			stdin: "ignore",
			stdout: "pipe",
			stderr: "pipe",
			env: job.runtime === undefined ? process.env : { ...process.env, CORTEN_TEST_RUNTIME: job.runtime },
		});
		let late = false;
		const alarm = setTimeout(() => {
			late = true;
			run.kill("SIGKILL");
		}, fileLimitMs);
		const [out, err] = await Promise.all([new Response(run.stdout).text(), new Response(run.stderr).text()]);
		const status = await run.exited;
		clearTimeout(alarm);
		const { counts, skips } = existsSync(report) ? readReport(report) : { counts: { passed: 0, failed: 0, skipped: 0 }, skips: [] };
		// A file that broke off (no report, a throw outside of a test) is a failure even if no test of it failed.
		if (status !== 0 && counts.failed === 0) counts.failed = 1;
		total.passed += counts.passed;
		total.failed += counts.failed;
		total.skipped += counts.skipped;
		allSkips.push(...skips.map((skip) => `${job.name}: ${skip}`));
		const seconds = ((performance.now() - began) / 1000).toFixed(1);
		const word = counts.failed === 0 ? "ok    " : "FAILED";
		console.log(`${word} ${job.name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${seconds} s)`);
		if (late) console.log(`       killed after ${fileLimitMs / 60_000} minutes`);
		if (counts.failed > 0) console.log(failuresOf(`${out}\n${err}`).replace(/^/gm, "       "));
	}
}

await Promise.all(Array.from({ length: workers }, work));
rmSync(reports, { recursive: true, force: true });
if (allSkips.length > 0) console.log(`\nskipped:\n${allSkips.map((skip) => `  ${skip}`).join("\n")}`);
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 ? 0 : 1;
