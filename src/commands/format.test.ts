// Tables, JSON lines, durations and sizes, as docker prints them.

import { describe, expect, test } from "bun:test";
import { formatBytes, formatDuration, formatOne, formatRows } from "./format.ts";

const headings = { ID: "CONTAINER ID", Names: "NAMES", Image: "IMAGE" };
const rows = [
	{ ID: "0123456789ab", Names: "web", Image: "alpine" },
	{ ID: "ba9876543210", Names: "a_longer_name", Image: "registry.example/a:1" },
];
const format = (text: string | undefined) => formatRows(text, ["ID", "Image", "Names"], headings, rows);

describe("formatRows", () => {
	test("without a format aligns the columns as docker does", () => {
		expect(format(undefined)).toBe(
			"CONTAINER ID   IMAGE                  NAMES\n0123456789ab   alpine                 web\nba9876543210   registry.example/a:1   a_longer_name\n",
		);
		expect(format("table")).toBe(format(undefined));
	});

	test("a short column is ten wide", () => {
		expect(formatRows(undefined, ["Image", "Names"], headings, [{ Image: "a", Names: "b" }])).toBe("IMAGE     NAMES\na         b\n");
	});

	test("json prints one object a line", () => {
		expect(
			format("json")
				.trimEnd()
				.split("\n")
				.map((line) => JSON.parse(line)),
		).toEqual(rows);
	});

	test("a template prints a line for each row, and \\t stands for a tab", () => {
		expect(format("{{.ID}}\\t{{.Names}}")).toBe("0123456789ab\tweb\nba9876543210\ta_longer_name\n");
	});

	test("table and a template align, under docker's headings", () => {
		expect(format("table {{.Names}}\\t{{.ID}}")).toBe(
			"NAMES           CONTAINER ID\nweb             0123456789ab\na_longer_name   ba9876543210\n",
		);
	});

	test("a template that does not fit fails also when there is no row to print", () => {
		expect(() => formatRows("{{.ID", ["ID"], headings, [])).toThrow("is not closed");
	});
});

test("formatOne prints json or a template", () => {
	expect(formatOne("json", { a: new Map([["b", 1]]) })).toBe('{"a":{"b":1}}\n');
	expect(formatOne("{{.a}}", { a: 1 })).toBe("1\n");
});

test("durations are docker's words", () => {
	const second = 1000;
	const [minute, hour, day] = [60 * second, 3600 * second, 86_400 * second];
	const cases: readonly (readonly [number, string])[] = [
		[0, "Less than a second"],
		[second, "1 second"],
		[59 * second, "59 seconds"],
		[minute, "About a minute"],
		[59 * minute, "59 minutes"],
		[hour, "About an hour"],
		[47 * hour, "47 hours"],
		[3 * day, "3 days"],
		[15 * day, "2 weeks"],
		[70 * day, "2 months"],
		[800 * day, "2 years"],
	];
	for (const [ms, text] of cases) expect(formatDuration(ms)).toBe(text);
});

test("bytes have three digits and units of 1000", () => {
	expect([0, 999, 1000, 7_461_234, 1_234_567_890].map(formatBytes)).toEqual(["0B", "999B", "1kB", "7.46MB", "1.23GB"]);
});
