// Every signal, both ways.

import { expect, test } from "bun:test";
import { formatSignal, parseSignal } from "./signals.ts";

test("every signal number survives formatting and parsing", () => {
	for (let number = 1; number <= 64; number++) {
		if (number === 32 || number === 33) continue; // the C library's own, nameless
		expect(parseSignal(formatSignal(number))).toBe(number);
		expect(parseSignal(String(number))).toBe(number);
	}
});

test("signal names are read in any case, with and without SIG", () => {
	for (const text of ["TERM", "SIGTERM", "sigterm", "term", "15"]) expect(parseSignal(text)).toBe(15);
	expect(parseSignal("SIGKILL")).toBe(9);
	expect(parseSignal("RTMIN")).toBe(34);
	expect(parseSignal("SIGRTMAX-1")).toBe(63);
	expect(parseSignal("SIGWINCH")).toBe(28);
	expect(parseSignal("SYS")).toBe(31);
});

test("what is no signal is refused", () => {
	for (const text of ["", "0", "65", "-1", "015", "SIG", "SIGSIGTERM", "RTMIN+31", "RTMAX+1", "TERM ", "1e1"]) {
		expect(() => parseSignal(text)).toThrow(`cannot parse signal "${text}"`);
	}
});
