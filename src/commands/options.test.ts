// The option parser: every spelling docker and getopt accept, and what an error says.

import { describe, expect, test } from "bun:test";
import { CortenError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { OptionTable } from "../base/options.ts";
import { parseOptions } from "./options.ts";

const options = {
	interactive: { kind: "flag", short: "i", help: "" },
	tty: { kind: "flag", short: "t", help: "" },
	detach: { kind: "flag", short: "d", help: "" },
	rm: { kind: "flag", help: "" },
	env: { kind: "list", short: "e", help: "" },
	name: { kind: "value", metavar: "NAME", help: "" },
	workdir: { kind: "value", short: "w", help: "" },
	pull: { kind: "value", help: "", choices: ["always", "missing", "never"] },
	publish: { kind: "list", short: "p", help: "", unsupported: true },
} as const satisfies OptionTable;
const nothing = {
	interactive: false,
	tty: false,
	detach: false,
	rm: false,
	env: [],
	name: undefined,
	workdir: undefined,
	pull: undefined,
	publish: [],
};

function parse(line: readonly string[], optionsFirst = true) {
	const first = optionsFirst ? { optionsFirst: true as const } : {};
	return parseOptions("run", { options, operands: { min: 0, max: 9 }, usage: "IMAGE", ...first }, line);
}

function errorOf(run: () => unknown): CortenError {
	try {
		run();
	} catch (error) {
		if (error instanceof CortenError) return error;
		throw error;
	}
	throw new Error("nothing was thrown");
}

describe("what parseOptions accepts", () => {
	const cases: readonly (readonly [readonly string[], object, readonly string[]])[] = [
		[[], {}, []],
		[["-it"], { interactive: true, tty: true }, []],
		[["-ti", "x"], { interactive: true, tty: true }, ["x"]],
		[["-dit", "x", "-d"], { interactive: true, tty: true, detach: true }, ["x", "-d"]],
		[["-eA=b"], { env: ["A=b"] }, []],
		[["-e", "A=b"], { env: ["A=b"] }, []],
		[["-e=A=b"], { env: ["A=b"] }, []],
		[["--env", "A=b", "--env=C=d"], { env: ["A=b", "C=d"] }, []],
		[["-ite", "A"], { interactive: true, tty: true, env: ["A"] }, []],
		[["-itw/x"], { interactive: true, tty: true, workdir: "/x" }, []],
		[["--name", "a", "--name=b"], { name: "b" }, []],
		[["--name="], { name: "" }, []],
		[["--name", "--rm"], { name: "--rm" }, []],
		[["--rm=false", "-d=true"], { detach: true }, []],
		[["--rm", "--rm=0"], {}, []],
		[["--pull=never"], { pull: "never" }, []],
		[["--", "-it"], {}, ["-it"]],
		[["-"], {}, ["-"]],
		[["img", "--", "-c"], {}, ["img", "--", "-c"]],
	];
	for (const [line, changed, operands] of cases) {
		test(line.join(" ") || "nothing", () => {
			expect(parse(line)).toEqual({ kind: "run", options: { ...nothing, ...changed }, operands: [...operands] });
		});
	}

	test("options follow operands where a command allows it", () => {
		expect(parse(["a", "-d", "b"], false)).toMatchObject({ options: { detach: true }, operands: ["a", "b"] });
	});

	test("--help and -h ask for help, also inside a cluster, but not behind the first operand", () => {
		expect(parse(["--help"])).toEqual({ kind: "help" });
		expect(parse(["-ih"])).toEqual({ kind: "help" });
		expect(parse(["x", "--help"]).kind).toBe("run");
	});

	test("a name every object has is no option", () => {
		expect(errorOf(() => parse(["--constructor"])).code).toBe("invalid-argument");
	});
});

describe("what parseOptions refuses, and how it says so", () => {
	const cases: readonly (readonly [readonly string[], Partial<CortenError>])[] = [
		[["--nmae", "x"], { code: "invalid-argument", at: "--nmae", hint: "did you mean --name?" }],
		[["--zzzzzz"], { at: "--zzzzzz", hint: "see: corten run --help" }],
		[["-itx"], { at: "-x", message: 'cannot use option "-x" in "-itx": "run" has no such option' }],
		[["--name"], { at: "--name", hint: "usage: --name NAME" }],
		[["-ie"], { at: "-e" }],
		[["--rm=maybe"], { at: "--rm", message: 'cannot use "maybe" as --rm: it is neither true nor false' }],
		[["--pull=later"], { at: "--pull", message: 'cannot use "later" as --pull: it is none of always, missing, never' }],
		[["-p", "80:80"], { code: "unsupported", at: "-p" }],
		[["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"], { code: "invalid-argument", at: undefined as unknown as string }],
	];
	for (const [line, wanted] of cases) {
		test(line.join(" "), () => {
			const error = errorOf(() => parse(line));
			for (const [key, value] of Object.entries(wanted)) expect(error[key as keyof CortenError]).toEqual(value);
		});
	}
});

test("the nearest word is near: a swap, a missing or a wrong letter, nothing else", () => {
	const words = ["name", "network", "pull", "privileged"];
	expect(["nmae", "netwrk", "pulll", "privilegde"].map((word) => nearest(word, words))).toEqual(["name", "network", "pull", "privileged"]);
	expect(["abc", "x", ""].map((word) => nearest(word, words))).toEqual([undefined, undefined, undefined]);
});
