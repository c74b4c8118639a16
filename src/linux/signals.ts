// Signal names and numbers (x86, arm, and all others but mips, alpha, sparc, parisc).
// @see signal(7)

import { CortenError } from "../base/errors.ts";

const names =
	"HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";
/** docker counts real-time signals from 34, the first that glibc leaves to programs. */
const realTimeMin = 34;
const realTimeMax = 64;

/**
 * Parses `TERM`, `SIGTERM`, `sigterm`, `15`, `RTMIN+3` or `RTMAX-1`.
 * @returns 1 to 64
 * @throws `invalid-argument`
 */
export function parseSignal(text: string): number {
	if (/^[1-9]\d?$/.test(text)) {
		const number = Number(text);
		if (number <= realTimeMax) return number;
	}
	const word = text.toUpperCase().replace(/^SIG/, "");
	if (word === "IOT") return 6;
	if (word === "POLL") return 29;
	if (word === "CLD") return 17;
	if (/^[A-Z0-9]+$/.test(word)) {
		const index = names.split(" ").indexOf(word);
		if (index >= 0) return index + 1;
	}
	const realTime = /^(RTMIN|RTMAX)(?:([+-])(\d{1,2}))?$/.exec(word);
	if (realTime !== null) {
		const offset = Number(realTime[3] ?? 0) * (realTime[2] === "-" ? -1 : 1);
		const number = (realTime[1] === "RTMIN" ? realTimeMin : realTimeMax) + offset;
		if (number >= realTimeMin && number <= realTimeMax) return number;
	}
	throw new CortenError("invalid-argument", `cannot parse signal "${text}"`);
}

/** `SIGTERM` for 15; `SIGRTMIN+n` and, where no signal has the number, the number itself. */
export function formatSignal(number: number): string {
	const name = names.split(" ")[number - 1];
	if (name !== undefined) return `SIG${name}`;
	if (number === realTimeMin) return "SIGRTMIN";
	return number > realTimeMin && number <= realTimeMax ? `SIGRTMIN+${number - realTimeMin}` : `${number}`;
}
