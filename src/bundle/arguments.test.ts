// Entrypoint, cmd, --entrypoint and operands: the whole matrix.

import { expect, test } from "bun:test";
import { composeArguments } from "./arguments.ts";

const none = "error";
const rows: readonly (readonly [entrypoint: string[], cmd: string[], option: string | undefined, operands: string[], expected: string])[] =
	[
		[[], [], undefined, [], none],
		[[], [], undefined, ["o"], "o"],
		[[], ["c", "d"], undefined, [], "c d"],
		[[], ["c"], undefined, ["o", "p"], "o p"],
		[["e"], [], undefined, [], "e"],
		[["e", "f"], ["c"], undefined, [], "e f c"],
		[["e"], ["c"], undefined, ["o"], "e o"],
		[[], [], "x", [], "x"],
		[[], ["c"], "x", [], "x"],
		[["e"], ["c"], "x", [], "x"],
		[["e"], ["c"], "x y", ["o"], "x y o"],
		[["e"], ["c"], "", [], none],
		[[], ["c"], "", [], none],
		[["e"], ["c"], "", ["o"], "o"],
		[[""], ["c"], undefined, [], "c"],
		[[""], [], undefined, [], none],
		[[""], ["c"], undefined, ["o"], "o"],
		[["", "f"], ["c"], undefined, [], " f c"],
	];

test.each(rows)("entrypoint %j cmd %j --entrypoint %j operands %j: %s", (entrypoint, cmd, option, operands, expected) => {
	const compose = () => composeArguments({ image: { entrypoint, cmd }, entrypoint: option, operands });
	if (expected === none) expect(compose).toThrow("no command is given");
	else expect(compose().join(" ")).toBe(expected);
});

test("a root folder has no default command", () => {
	expect(composeArguments({ image: undefined, entrypoint: undefined, operands: ["sh"] })).toEqual(["sh"]);
	expect(() => composeArguments({ image: undefined, entrypoint: undefined, operands: [] })).toThrow("no command");
});
