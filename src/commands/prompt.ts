// Questions to a person: on stderr, so that stdout stays for results.

import { readSync } from "node:fs";
import { writeOutput } from "../linux/output.ts";

/** Reads a line from standard input, without its end. */
export function readLine(prompt: string): string {
	if (prompt !== "") writeOutput(2, new TextEncoder().encode(prompt));
	const bytes: number[] = [];
	const byte = new Uint8Array(1);
	while (readSync(0, byte, 0, 1, null) === 1 && byte[0] !== 0x0a && bytes.length < 64 << 10) bytes.push(byte[0] ?? 0);
	return new TextDecoder().decode(Uint8Array.from(bytes)).replace(/\r$/, "");
}

/** Reads a line from the terminal that is not shown. The terminal is as it was afterwards, however this ends. */
export function readSecret(prompt: string): string {
	const stty = (...words: readonly string[]) => Bun.spawnSync(["stty", ...words], { stdin: "inherit" });
	stty("-echo");
	try {
		return readLine(prompt);
	} finally {
		stty("echo");
		writeOutput(2, new TextEncoder().encode("\n"));
	}
}
