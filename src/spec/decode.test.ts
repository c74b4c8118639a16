// The decoder toolkit: what is collected, what is exact, what is refused.

import { describe, expect, test } from "bun:test";
import { CortenError } from "../base/errors.ts";
import {
	boolean,
	decode,
	decodeJson,
	fallback,
	int64,
	integer,
	list,
	map,
	object,
	oneOf,
	optional,
	parseJson,
	record,
	refine,
	string,
	uint64,
	unsupported,
} from "./decode.ts";

function errorOf(run: () => unknown): CortenError {
	try {
		run();
	} catch (error) {
		if (error instanceof CortenError) return error;
		throw error;
	}
	throw new Error("nothing was thrown");
}

const person = object({
	name: string,
	age: optional(integer(0, 150)),
	tags: fallback(list(string), []),
	labels: fallback(record(string), {}),
	kind: fallback(oneOf(["a", "b"]), "a"),
});

describe("object", () => {
	test("absent and null properties are left out or get their default", () => {
		expect(decodeJson(person, `{"name":"x","age":null,"unknown":1}`, "p")).toEqual({ name: "x", tags: [], labels: {}, kind: "a" });
	});

	test("all issues are collected with their pointers", () => {
		const error = errorOf(() => decodeJson(person, `{"age":-1,"tags":["a",1],"labels":{"a/b~":2},"kind":"z"}`, 'person "p"'));
		expect(error.code).toBe("invalid-spec");
		expect(error.at).toBe("/name");
		expect(error.message).toBe(
			'cannot decode person "p": /name is missing, expected string; /age -1 is not from 0 to 150; /tags/1 expected string, found number; /labels/a~1b~0 expected string, found number; /kind "z" is none of a, b',
		);
	});

	test("inherited properties are not properties", () => {
		expect(errorOf(() => decodeJson(object({ toString: string }), "{}", "p")).at).toBe("/toString");
		expect(Object.keys(decodeJson(record(string), `{"__proto__":"x"}`, "p"))).toEqual(["__proto__"]);
	});

	test("a document that fails only for unsupported properties is unsupported", () => {
		const decoder = object({ a: optional(string), b: unsupported("is not done") });
		expect(errorOf(() => decodeJson(decoder, `{"b":1}`, "p")).code).toBe("unsupported");
		expect(errorOf(() => decodeJson(decoder, `{"a":1,"b":1}`, "p")).code).toBe("invalid-spec");
		expect(decodeJson(decoder, `{"b":null}`, "p")).toEqual({});
	});
});

describe("numbers", () => {
	test("64-bit integers are exact", () => {
		const decoder = object({ max: uint64, min: int64, small: uint64 });
		expect(decodeJson(decoder, `{"max":18446744073709551615,"min":-9223372036854775808,"small":7}`, "p")).toEqual({
			max: 18446744073709551615n,
			min: -9223372036854775808n,
			small: 7n,
		});
	});

	for (const text of ["18446744073709551616", "-1", "1.5", "1e400", '"1"', "true", "null", "[]", "9".repeat(5000)]) {
		test(`${text.slice(0, 24)} is no uint64`, () => {
			expect(errorOf(() => decodeJson(uint64, text, "p")).code).toBe("invalid-spec");
		});
	}

	for (const text of ["9007199254740993", "-1", "0.1", "1e400", "{}"]) {
		test(`${text} is no size`, () => {
			expect(errorOf(() => decodeJson(integer(0), text, "p")).code).toBe("invalid-spec");
		});
	}
});

describe("parseJson", () => {
	for (const [name, data] of [
		["not JSON", "{"],
		["two values", "{}{}"],
		["empty", ""],
		["a byte order mark", new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x7d])],
		["not UTF-8", new Uint8Array([0x22, 0xff, 0x22])],
		["nested a million deep", "[".repeat(1e6)],
		["nested a million deep and closed", "[".repeat(1e6) + "]".repeat(1e6)],
	] as const) {
		test(`${name} is refused`, () => {
			expect(errorOf(() => parseJson(data, "p")).code).toBe("invalid-spec");
		});
	}
});

test("refine and map run only on what decoded", () => {
	const even = refine(integer(), (value) => (value % 2 === 0 ? undefined : "is odd"));
	expect(
		decode(
			map(even, (value) => value / 2),
			4,
			"p",
		),
	).toBe(2);
	expect(errorOf(() => decode(even, 3, "p")).message).toBe("cannot decode p: the document is odd");
	expect(
		errorOf(() =>
			decode(
				map(boolean, () => 1),
				"x",
				"p",
			),
		).message,
	).toContain("expected boolean, found string");
});

test("long lists are refused before decoding and many issues are cut", () => {
	expect(errorOf(() => decode(list(string, 2), ["", "", ""], "p")).message).toContain("more than 2");
	expect(errorOf(() => decode(list(string), new Array(40).fill(1), "p")).message).toEndWith("and 28 more");
});
