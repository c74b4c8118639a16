// The runtime's command line, in the spellings that containerd, Docker, podman and conmon write.

import { describe, expect, test } from "bun:test";
import { type LineShape, parseCount, parseRuntimeLine } from "./cli.ts";

const options = {
	bundle: { kind: "value", short: "b", help: "" },
	"pid-file": { kind: "value", help: "" },
	tty: { kind: "flag", short: "t", help: "" },
	env: { kind: "list", short: "e", help: "" },
	format: { kind: "value", short: "f", help: "", choices: ["table", "json"] },
} as const;
const shape = { options, operands: { min: 0, max: 9 } } as const;
const first: LineShape<typeof options> = { ...shape, optionsFirst: true };

function parse(args: readonly string[], to: LineShape<typeof options> = shape) {
	const line = parseRuntimeLine("create", to, args);
	if (line.kind === "help") return "help" as unknown;
	const given = Object.entries(line.options).filter(([, value]) => value !== undefined && value !== false && `${value}` !== "");
	return [Object.fromEntries(given), line.operands] as unknown;
}

describe("what follows a command", () => {
	const cases: readonly (readonly [line: string, options: object, operands: readonly string[]])[] = [
		["", {}, []],
		["id", {}, ["id"]],
		["--bundle /b id", { bundle: "/b" }, ["id"]],
		["--bundle=/b id", { bundle: "/b" }, ["id"]],
		["-bundle /b id", { bundle: "/b" }, ["id"]],
		["-bundle=/b id", { bundle: "/b" }, ["id"]],
		["-b /b id", { bundle: "/b" }, ["id"]],
		["-b=/b id", { bundle: "/b" }, ["id"]],
		["--b /b id", { bundle: "/b" }, ["id"]],
		["--bundle /a --bundle /b", { bundle: "/b" }, []],
		["--bundle --tty", { bundle: "--tty" }, []],
		["-t id", { tty: true }, ["id"]],
		["-t=false id", {}, ["id"]],
		["--tty=1 id", { tty: true }, ["id"]],
		["-e A=b -e C=d=e id", { env: ["A=b", "C=d=e"] }, ["id"]],
		["id --bundle /b", { bundle: "/b" }, ["id"]],
		["id -9", {}, ["id", "-9"]],
		["-- --bundle", {}, ["--bundle"]],
		["id -- -t", {}, ["id", "-t"]],
		["-", {}, ["-"]],
	];
	for (const [line, wanted, operands] of cases) {
		test(`"${line}"`, () => expect(parse(line === "" ? [] : line.split(" "))).toEqual([{ ...wanted }, operands]));
	}

	test("what follows the first operand of exec is another program's", () => {
		expect(parse(["-t", "id", "ps", "-e", "--help"], first)).toEqual([{ tty: true }, ["id", "ps", "-e", "--help"]]);
		expect(parse(["id", "--", "ps"], first)).toEqual([{}, ["id", "--", "ps"]]);
	});

	test("help is asked for in four ways", () => {
		for (const word of ["--help", "-help", "-h"]) expect(parse([word])).toBe("help");
		expect(parse(["id", "--help"])).toBe("help");
		expect(parse(["id", "--help"], first)).toEqual([{}, ["id", "--help"]]);
	});

	const wrong: readonly (readonly [line: string, message: string])[] = [
		["--frob", 'cannot use option "--frob" of "create": flag provided but not defined'],
		["-frob=x", 'cannot use option "-frob" of "create": flag provided but not defined'],
		["id --frob", 'cannot use option "--frob" of "create": flag provided but not defined'],
		["-tb", 'cannot use option "-tb" of "create": flag provided but not defined'],
		["--bundle", 'cannot use option "--bundle" of "create": flag needs an argument'],
		["--tty=perhaps", 'cannot use "perhaps" as --tty: it is neither true nor false'],
		["--format xml", 'cannot use "xml" as --format: it is none of table, json'],
		["--__proto__ x", 'cannot use option "--__proto__" of "create": flag provided but not defined'],
		["1 2 3 4 5 6 7 8 9 10", 'cannot run "create" with 10 arguments: it requires at most 9'],
	];
	for (const [line, message] of wrong) {
		test(`"${line}" is refused`, () => expect(() => parse(line.split(" "))).toThrow(message));
	}
});

test("a count is a whole number", () => {
	expect(parseCount("--preserve-fds", undefined, 3)).toBe(3);
	expect(parseCount("--preserve-fds", "12", 3)).toBe(12);
	for (const text of ["", "-1", "1.5", "0x1", "many"]) expect(() => parseCount("--preserve-fds", text, 3)).toThrow("no whole number");
});
