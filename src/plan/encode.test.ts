// The binary form of a plan, read back by the decoder that the tests have.

import { expect, test } from "bun:test";
import { decodePlan } from "./decode.ts";
import { encodePlan } from "./encode.ts";
import { cwd, type Op } from "./ops.ts";

function sethostname(name: string): Op {
	return { op: "sethostname", args: { name }, flags: 0, what: `set hostname "${name}"`, at: "/hostname" };
}

test("texts beyond ASCII keep their bytes and their places", () => {
	const ops: Op[] = [
		sethostname("plain"),
		sethostname("grün-日本-🐳"),
		{ op: "mkdirat", args: { dir: cwd, path: "/after/ä", mode: 0o755n }, flags: 0, what: "make", at: "" },
		{ op: "execve", args: { candidates: ["/bin/é"], argv: ["é", "", "end"], envp: [] }, flags: 0, what: "run", at: "/process/args" },
	];
	expect(decodePlan(encodePlan({ ops }, { json: false })).plan.ops).toEqual(ops);
});

test("a plan without texts is a plan", () => {
	const ops: Op[] = [{ op: "setsid", args: {}, flags: 0, what: "", at: "" }];
	expect(decodePlan(encodePlan({ ops }, { json: false })).plan.ops).toEqual(ops);
});

test("a NUL in a text is refused", () => {
	expect(() => encodePlan({ ops: [sethostname("a\0b")] }, { json: false })).toThrow("NUL");
});
