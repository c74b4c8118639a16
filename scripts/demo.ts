// make demo: runs the hello image in a world of its own and shows what a person would like to know: what the payload saw, what corten
// asked of the kernel, where the time went, and that nothing is left.

import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { leftovers } from "../test/support/leftovers.ts";
import { top } from "./lib/files.ts";

const width = Math.max(60, Math.min(process.stdout.columns ?? 100, 140));
const isColoured = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
const paint = (code: number, value: string) => (isColoured ? `\u001b[${code}m${value}\u001b[0m` : value);
const cut = (value: string, length: number) => (value.length > length ? `${value.slice(0, length - 1)}…` : value);

function heading(title: string): void {
	console.log(`\n${paint(1, title)} ${paint(2, "─".repeat(Math.max(0, width - title.length - 1)))}`);
}

const folder = mkdtempSync(`${tmpdir()}/corten-demo-`);
const base = [`${top}/build/corten`, "--root", `${folder}/root`, "--runroot", `${folder}/run`];
const image = "corten/hello";

function corten(...args: readonly string[]): { stdout: string; ms: number } {
	const began = performance.now();
	const run = Bun.spawnSync([...base, ...args], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
	const ms = performance.now() - began;
	if (run.exitCode !== 0) throw new Error(`corten ${args.join(" ")} ended with ${run.exitCode}`);
	return { stdout: run.stdout.toString(), ms };
}

type PlannedOp = { readonly op: string; readonly what: string; readonly at: string };

/** Groups of ops in the order of the plan, as the first part of the config.json path that asked for them. */
function sectionsOf(ops: readonly PlannedOp[]): [string, PlannedOp[]][] {
	const sections = new Map<string, PlannedOp[]>();
	for (const op of ops) {
		const [, first = "", second = ""] = op.at.split("/");
		const name =
			first === "linux" || first === "process" ? `${first}/${second}`.replace(/\/$/, "") : first === "" ? "the order of things" : first;
		sections.set(name, [...(sections.get(name) ?? []), op]);
	}
	return [...sections].sort(([, a], [, b]) => b.length - a.length);
}

function median(values: readonly number[]): number {
	return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

function showPayload(): void {
	heading(`corten run --rm ${image}`);
	const command = [...base, "run", "--rm", image];
	// On a terminal the payload writes to it directly, in its own colours.
	const run = Bun.spawnSync(command, { stdio: ["ignore", "inherit", "inherit"] });
	if (run.exitCode !== 0) throw new Error(`the payload ended with ${run.exitCode}`);
}

function showPlan(): void {
	const answer: { readonly ops?: readonly PlannedOp[] } | readonly PlannedOp[] = JSON.parse(
		corten("plan", "--format", "json", image).stdout,
	);
	const ops: readonly PlannedOp[] = "ops" in answer ? (answer.ops ?? []) : (answer as readonly PlannedOp[]);
	heading(`the plan: ${ops.length} steps, compiled before anything happened`);
	for (const [name, list] of sectionsOf(ops).slice(0, 10)) {
		const example = list[list.length >> 1];
		const left = `  ${String(list.length).padStart(3)}  ${name.padEnd(24)} `;
		console.log(`${paint(36, left)}${cut(`${example?.op}: ${example?.what}`, width - left.length)}`);
	}
	console.log(paint(2, `  all of them, with who asked for each: corten plan ${image}`));
}

function showTime(): void {
	const rounds = 15;
	const timed = (...args: readonly string[]) => median(Array.from({ length: rounds }, () => corten(...args).ms));
	const [start, whole] = [timed("version"), timed("run", "--rm", image)];
	const rows: [string, number][] = [
		["the program starts", start],
		["plan, namespaces, mounts, payload, removal", Math.max(0, whole - start)],
		["in all", whole],
	];
	heading(`the time: medians of ${rounds} runs, seen from outside`);
	const barWidth = Math.max(10, width - 62);
	for (const [name, ms] of rows) {
		const bar = "█".repeat(Math.max(1, Math.round((ms / whole) * barWidth)));
		console.log(`  ${name.padEnd(44)} ${ms.toFixed(1).padStart(6)} ms  ${paint(32, bar)}`);
	}
}

function showRest(): void {
	const left = leftovers(folder);
	const counted = [
		["containers", existsSync(`${folder}/root/containers`) ? readdirSync(`${folder}/root/containers`).length : 0],
		["processes", left.filter((line) => line.startsWith("process ")).length],
		["mounts", left.filter((line) => line.startsWith("mount ")).length],
		["cgroups", left.filter((line) => line.startsWith("cgroup ")).length],
		["loop devices", left.filter((line) => line.startsWith("loop ")).length],
	] as const;
	heading(left.length === 0 ? "what is left: nothing" : "what is left");
	console.log(`  ${counted.map(([name, count]) => `${count} ${name}`).join(", ")}; the image stays in the store`);
	for (const line of left) console.log(`  ${paint(31, line)}`);
	if (left.length > 0) process.exitCode = 1;
}

try {
	corten("pull", "--quiet", `oci:${top}/build/hello:docker.io/${image}:latest`);
	showPayload();
	showPlan();
	showTime();
	showRest();
} finally {
	rmSync(folder, { recursive: true, force: true });
}
