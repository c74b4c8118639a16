// The log of a detached container, read back. launch writes it in the CRI's format, one entry a line:
//   2026-01-31T12:34:56.123456789Z stdout F text
// F ends a line of the payload's; P is a part of one, cut because it was long or because the payload ended there.
// Texts stay bytes: a payload writes what it likes. @see kubernetes/cri-api, "CRI logging"

import type { Fd } from "../linux/file.ts";
import { check, syscall } from "../linux/libc.ts";
import { nr } from "../linux/syscalls.ts";

/** One line of the log file. */
export type LogEntry = {
	/** Nanoseconds of the Unix clock. */
	readonly time: bigint;
	/** As it was written, RFC 3339. */
	readonly timeText: string;
	readonly stream: "stdout" | "stderr";
	/** Whether the payload's line ends here. */
	readonly full: boolean;
	/** Without the newline. */
	readonly text: Uint8Array;
};

const newline = 10;
const space = 32;

/** Parses one line, without its newline. @returns undefined for what is no entry (a line torn by a power cut) */
export function parseLogEntry(line: Uint8Array): LogEntry | undefined {
	const first = line.indexOf(space);
	const second = line.indexOf(space, first + 1);
	const third = line.indexOf(space, second + 1);
	if (first < 0 || second < 0 || third < 0) return undefined;
	const decoder = new TextDecoder();
	const timeText = decoder.decode(line.subarray(0, first));
	const stream = decoder.decode(line.subarray(first + 1, second));
	const tags = decoder.decode(line.subarray(second + 1, third)).split(":");
	const time = parseTime(timeText);
	if (time === undefined || (stream !== "stdout" && stream !== "stderr") || (tags[0] !== "F" && tags[0] !== "P")) return undefined;
	return { time, timeText, stream, full: tags[0] === "F", text: line.subarray(third + 1) };
}

/** RFC 3339 with up to nine digits after the second; the date alone and a time without zone (UTC) too. @returns nanoseconds of the Unix clock */
export function parseTime(text: string): bigint | undefined {
	const match = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9})\d*)?(Z|z|[+-]\d\d:\d\d)?)?$/.exec(text);
	if (match === null) return undefined;
	const [, date, clock = "00:00:00", fraction = "", zone = "Z"] = match;
	const ms = Date.parse(`${date}T${clock}${zone.toUpperCase()}`);
	return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}

/**
 * Parses the time of --since and --until: RFC 3339, seconds of the Unix clock (with a fraction), or a duration before now (`1h30m`, `90s`).
 * @param nowMs milliseconds of the Unix clock
 * @returns nanoseconds of the Unix clock, or undefined when it is none of these
 */
export function parseMoment(text: string, nowMs: number): bigint | undefined {
	const seconds = /^(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text);
	if (seconds !== null) return BigInt(seconds[1] ?? 0) * 1_000_000_000n + BigInt((seconds[2] ?? "").padEnd(9, "0"));
	const units: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, µs: 1e-3, ns: 1e-6 };
	if (/^(\d+(\.\d+)?(d|h|ms|m|s|us|µs|ns))+$/.test(text)) {
		let ms = 0;
		for (const [, amount, unit = "s"] of text.matchAll(/(\d+(?:\.\d+)?)(d|h|ms|m|s|us|µs|ns)/g)) ms += Number(amount) * (units[unit] ?? 0);
		return BigInt(Math.round((nowMs - ms) * 1000)) * 1000n;
	}
	return parseTime(text);
}

/** Reads entries one after another, also while the file grows. */
export class LogReader {
	readonly #fd: Fd;
	#offset: number;
	#rest: Uint8Array = new Uint8Array(0);

	/** @param offset where to begin: the start of a line. The descriptor stays the caller's. */
	constructor(fd: Fd, offset: number) {
		this.#fd = fd;
		this.#offset = offset;
	}

	/** The entries that are complete by now and were not read before; at most a few thousand at once, none at the end of the file. */
	read(): LogEntry[] {
		const entries: LogEntry[] = [];
		for (;;) {
			const block = readAt(this.#fd, this.#offset, 256 << 10);
			if (block.length === 0) return entries;
			this.#offset += block.length;
			let data = block;
			if (this.#rest.length > 0) {
				data = new Uint8Array(this.#rest.length + block.length);
				data.set(this.#rest);
				data.set(block, this.#rest.length);
			}
			let start = 0;
			for (let end = data.indexOf(newline); end >= 0; end = data.indexOf(newline, start)) {
				const entry = parseLogEntry(data.subarray(start, end));
				if (entry !== undefined) entries.push(entry);
				start = end + 1;
			}
			this.#rest = data.subarray(start);
			if (entries.length > 0) return entries;
		}
	}
}

/** Where in the log the last `count` lines of the payload begin. Reads no more of the end than that needs. */
export function findTail(fd: Fd, count: number): number {
	const size = check(syscall(nr.lseek, fd.number, 0, 2), "cannot read the log");
	if (count === 0) return size;
	for (let window = 64 << 10; ; window *= 4) {
		const from = Math.max(0, size - window);
		const data = readAt(fd, from, size - from);
		let end = data.lastIndexOf(newline);
		let lines = 0;
		while (end >= 0) {
			const before = end === 0 ? -1 : data.lastIndexOf(newline, end - 1);
			// The window began in the middle of this one.
			if (before < 0 && from > 0) break;
			const entry = parseLogEntry(data.subarray(before + 1, end));
			// A line begins after the end of the one before it; parts without an end are a line only at the very end.
			if (entry !== undefined && (entry.full || lines === 0)) {
				lines++;
				if (lines > count) return from + end + 1;
			}
			end = before;
		}
		if (from === 0) return 0;
	}
}

function readAt(fd: Fd, offset: number, length: number): Uint8Array {
	const buffer = new Uint8Array(length);
	let done = 0;
	while (done < length) {
		const got = check(syscall(nr.pread64, fd.number, buffer.subarray(done), length - done, offset + done), "cannot read the log");
		if (got === 0) break;
		done += got;
	}
	return buffer.subarray(0, done);
}
