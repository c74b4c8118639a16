// The log file: entries, times, growing files and --tail.

import { afterAll, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { O_RDONLY, openFd } from "../linux/file.ts";
import { findTail, LogReader, parseLogEntry, parseMoment, parseTime } from "./log.ts";

const base = mkdtempSync(`${tmpdir()}/corten-log-`);
afterAll(() => rmSync(base, { recursive: true, force: true }));
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

describe("an entry", () => {
	test("has a time, a stream, an end or none, and bytes", () => {
		const entry = parseLogEntry(bytes("2026-01-31T12:34:56.123456789Z stderr P a  b "));
		expect(entry).toMatchObject({ time: 1_769_862_896_123_456_789n, stream: "stderr", full: false });
		expect(text(entry?.text ?? new Uint8Array())).toBe("a  b ");
	});

	test("may be empty", () => {
		expect(parseLogEntry(bytes("2026-01-31T12:34:56Z stdout F "))?.text.length).toBe(0);
	});

	for (const line of [
		"",
		"x",
		"2026-01-31T12:34:56Z stdout F",
		"yesterday stdout F x",
		"2026-01-31T12:34:56Z stdin F x",
		"2026-01-31T12:34:56Z stdout X x",
	]) {
		test(`"${line}" is none`, () => expect(parseLogEntry(bytes(line))).toBeUndefined());
	}
});

test("times are read to the nanosecond, with zones", () => {
	expect(parseTime("1970-01-01T00:00:01.5Z")).toBe(1_500_000_000n);
	expect(parseTime("1970-01-01T01:00:00+01:00")).toBe(0n);
	expect(parseTime("1970-01-02")).toBe(86_400_000_000_000n);
	expect(parseTime("1970-01-01T00:00")).toBe(0n);
	expect(parseTime("tomorrow")).toBeUndefined();
});

test("--since takes RFC 3339, Unix seconds and durations", () => {
	const now = 1_000_000_000;
	expect(parseMoment("10.5", now)).toBe(10_500_000_000n);
	expect(parseMoment("1h30m", now)).toBe(BigInt(now - 5_400_000) * 1_000_000n);
	expect(parseMoment("250ms", now)).toBe(BigInt(now - 250) * 1_000_000n);
	expect(parseMoment("1970-01-01T00:00:00Z", now)).toBe(0n);
	expect(parseMoment("soon", now)).toBeUndefined();
});

const line = (stream: string, tag: string, content: string) => `2026-01-31T12:34:56.000000001Z ${stream} ${tag} ${content}\n`;

test("a reader takes what is complete, and the rest when it has come", () => {
	const path = `${base}/grows`;
	writeFileSync(path, `${line("stdout", "F", "one")}2026-01-31T12:34:5`);
	using fd = openFd(path, O_RDONLY);
	const reader = new LogReader(fd, 0);
	expect(reader.read().map((entry) => text(entry.text))).toEqual(["one"]);
	expect(reader.read()).toEqual([]);
	appendFileSync(path, `6.5Z stderr F two\n${line("stdout", "P", "thr")}${line("stdout", "F", "ee")}`);
	expect(reader.read().map(({ stream, full, text: content }) => `${stream} ${full} ${text(content)}`)).toEqual([
		"stderr true two",
		"stdout false thr",
		"stdout true ee",
	]);
});

describe("--tail", () => {
	const path = `${base}/tail`;
	const content = `${line("stdout", "F", "a")}${line("stdout", "P", "b")}${line("stdout", "F", "b")}${line("stdout", "F", "c")}${line("stdout", "P", "d")}${line("stdout", "P", "d")}`;
	for (const [count, wanted] of [
		[0, ""],
		[1, "dd"],
		[2, "cdd"],
		[3, "bbcdd"],
		[4, "abbcdd"],
		[9, "abbcdd"],
	] as const) {
		test(`${count} lines, where parts of a line count once`, () => {
			writeFileSync(path, content);
			using fd = openFd(path, O_RDONLY);
			const reader = new LogReader(fd, findTail(fd, count));
			expect(
				reader
					.read()
					.map((entry) => text(entry.text))
					.join(""),
			).toBe(wanted);
		});
	}

	test("works in a log larger than what it reads at once", () => {
		const many = Array.from({ length: 20_000 }, (_, index) => line("stdout", "F", `line ${index}`)).join("");
		writeFileSync(path, many);
		using fd = openFd(path, O_RDONLY);
		for (const count of [1, 500, 5000]) {
			const first = new LogReader(fd, findTail(fd, count)).read()[0];
			expect(text(first?.text ?? new Uint8Array())).toBe(`line ${20_000 - count}`);
		}
	});
});
