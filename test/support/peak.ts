// How much memory a program holds at most, by bench/stopwatch.c: it is small, and what a child held before its exec is its parent's.

import { top } from "./corten.ts";
import { must } from "./must.ts";

/** Runs a program that has to succeed. @returns the most bytes that were resident at once in it or one that it executed in its place */
export function peakBytes(command: readonly string[]): number {
	must(["make", "-s", "-C", top, "build/stopwatch"]);
	const [, status, peakKib] = must([`${top}/build/stopwatch`, ...command])
		.toString()
		.trim()
		.split(" ");
	if (status !== "0") throw new Error(`${command.join(" ")}: status ${status}`);
	return Number(peakKib) * 1024;
}
