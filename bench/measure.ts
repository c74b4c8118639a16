// Measuring: candidates take turns, round by round, so that whatever else the machine does hits all of them; the median counts.

import { top } from "../test/support/corten.ts";

/** One thing to measure. */
export type Candidate = {
	readonly name: string;
	readonly command: readonly string[];
	/** Takes part in every n-th round only: for what takes long. */
	readonly every?: number;
	/** Before each run, unmeasured. */
	readonly prepare?: () => void | Promise<void>;
};

/** Milliseconds. */
export type Timing = { readonly medianMs: number; readonly bestMs: number; readonly runs: number; readonly peakKib: number };

/** The middle value. @param values at least one */
export function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	const middle = sorted.length >> 1;
	return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/**
 * Runs all candidates in turns; the first round warms up and is not counted, unless `cold`. A candidate that fails is dropped, and its
 * complaint printed.
 * @returns name -> timing of those that worked
 */
export async function measure(candidates: readonly Candidate[], rounds: number, cold = false): Promise<Map<string, Timing>> {
	const times = new Map<string, number[]>();
	const peaks = new Map<string, number>();
	const failed = new Set<string>();
	for (let round = cold ? 1 : 0; round <= rounds; round++) {
		for (const { name, command, every = 1, prepare } of candidates) {
			if (failed.has(name) || (round > 0 && (round - 1) % every !== 0)) continue;
			await prepare?.();
			const run = Bun.spawnSync([`${top}/build/stopwatch`, ...command], { stdout: "pipe", stderr: "pipe" });
			const [nanoseconds = "", status = "", peak = "0"] = run.stdout.toString().trim().split(" ");
			if (status !== "0") {
				failed.add(name);
				times.delete(name);
				console.log(`${name}: not measured: status ${status}: ${run.stderr.toString().trim().split("\n").slice(-3).join(" | ")}`);
			} else if (round > 0) {
				times.set(name, [...(times.get(name) ?? []), Number(nanoseconds) / 1e6]);
				peaks.set(name, Math.max(peaks.get(name) ?? 0, Number(peak)));
			}
		}
	}
	return new Map(
		[...times].map(([name, values]) => [
			name,
			{ medianMs: median(values), bestMs: Math.min(...values), runs: values.length, peakKib: peaks.get(name) ?? 0 },
		]),
	);
}

/** `12.3`, three digits or so. */
export function round(value: number): string {
	return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Prints rows as columns; the first left, the others right. */
export function printTable(title: string, header: readonly string[], rows: readonly (readonly string[])[]): void {
	const all = [header, ...rows];
	const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
	console.log(`\n${title}`);
	for (const row of all) {
		console.log(
			`  ${widths.map((width, column) => (column === 0 ? (row[column] ?? "").padEnd(width) : (row[column] ?? "").padStart(width))).join("  ")}`.trimEnd(),
		);
	}
}

/** That `a` takes at most so much of what `b` takes. */
export type Goal = readonly [a: string, b: string, atMost: number];

/** Rows of a table of timings, in units of one of them. */
export function timingRows(timings: ReadonlyMap<string, Timing>, unit: string): string[][] {
	const base = timings.get(unit)?.medianMs ?? Number.NaN;
	return [...timings].map(([name, { medianMs, bestMs, runs, peakKib }]) => [
		name,
		round(medianMs),
		round(bestMs),
		`${round(medianMs / base)}`,
		String(runs),
		round(peakKib / 1024),
	]);
}

/** Rows that say whether goals are met; what was not measured has none. */
export function goalRows(timings: ReadonlyMap<string, Timing>, goals: readonly Goal[]): string[][] {
	return goals.flatMap(([a, b, atMost]) => {
		const [mine, theirs] = [timings.get(a), timings.get(b)];
		if (mine === undefined || theirs === undefined) return [];
		const ratio = mine.medianMs / theirs.medianMs;
		return [[`${a} / ${b}`, ratio.toFixed(3), `<= ${atMost.toFixed(2)}`, ratio <= atMost ? "met" : "missed"]];
	});
}

/** Prints them. */
export function printGoals(rows: readonly (readonly string[])[]): void {
	if (rows.length > 0) printTable("Goals", ["", "ratio", "", ""], rows);
}
