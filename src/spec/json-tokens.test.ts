// Tokens of JSON, also of long strings.

import { expect, test } from "bun:test";
import { jsonTokens } from "./json-tokens.ts";

const tokensOf = (text: string) => [...jsonTokens(text)].map((token) => token.text);

test("marks, strings, numbers and words come apart, space is left out", () => {
	expect(tokensOf(' {"a" : [1,-2.5e+3 ,true],\n"b\\"}" :null}\t')).toEqual([
		"{",
		'"a"',
		":",
		"[",
		"1",
		",",
		"-2.5e+3",
		",",
		"true",
		"]",
		",",
		'"b\\"}"',
		":",
		"null",
		"}",
	]);
	expect([...jsonTokens('{ "a":1}')].map(({ at }) => at)).toEqual([0, 2, 5, 6, 7]);
	expect(tokensOf('"\\\\"')).toEqual(['"\\\\"']);
});

test("a string of four megabytes is one token", () => {
	for (const unit of ["x", '\\"', 'ab\\"']) {
		const long = `"${unit.repeat(1 << 20)}"`;
		expect(tokensOf(`{"a":${long}}`).map((token) => token.length)).toEqual([1, 3, 1, long.length, 1]);
	}
});
