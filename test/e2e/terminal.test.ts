// -t on a real terminal: its size, its keys, its settings while a container runs and after.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { Home, run, top } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { busyboxName } from "../support/fixtures/busybox.ts";

const home = new Home();
beforeAll(async () => {
	await home.must("pull", `oci:${fixture("busybox")}/oci:${busyboxName}`);
});
afterAll(() => home[Symbol.asyncDispose]());

type Step = readonly [string, ...(string | number)[]];
type Played = {
	readonly output: string;
	readonly status: number | null;
	readonly before: readonly number[];
	readonly during: readonly number[] | null;
	readonly after: readonly number[];
	readonly failed: Step | null;
};

async function play(steps: readonly Step[], ...args: readonly string[]): Promise<Played> {
	const { stdout, stderr } = await run(["python3", `${top}/test/support/terminal.py`, JSON.stringify(steps), ...home.command(...args)]);
	if (stdout === "") throw new Error(stderr);
	return JSON.parse(stdout);
}
const shell = (script: string) => ["run", "--rm", "-it", "busybox", "sh", "-c", script];
const local = { ICANON: 0o2, ECHO: 0o10 } as const;

test("the payload has a terminal of the caller's size, raw on the outside", async () => {
	const played = await play([["expect", "24 80"], ["wait"]], ...shell("tty; stty size; sleep 0.2"));
	expect(played.failed).toBeNull();
	expect(played.output).toContain("/dev/");
	expect((played.during?.[2] ?? 0) & (local.ICANON | local.ECHO)).toBe(0);
	expect(played.after).toEqual(played.before);
	expect(played.status).toBe(0);
});

test("a resize of the window reaches the payload", async () => {
	const script = "trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.05; done";
	const played = await play([["expect", "ready"], ["resize", 33, 101], ["expect", "33 101"], ["wait"]], ...shell(script));
	expect({ failed: played.failed, status: played.status }).toEqual({ failed: null, status: 5 });
});

test("^C is a key for the payload, not the end of corten", async () => {
	const script = "trap 'echo caught; exit 6' INT; echo ready; while :; do sleep 0.05; done";
	const played = await play([["expect", "ready"], ["send", "\u0003"], ["expect", "caught"], ["wait"]], ...shell(script));
	expect({ failed: played.failed, status: played.status }).toEqual({ failed: null, status: 6 });
	expect(played.after).toEqual(played.before);
});

test("what is typed arrives, and ^D ends the input", async () => {
	const played = await play(
		[["expect", "go"], ["send", "hello\n"], ["expect", "<hello>"], ["send", "\u0004"], ["expect", "end"], ["wait"]],
		...shell('echo go; while read x; do echo "<$x>"; done; echo end'),
	);
	expect({ failed: played.failed, status: played.status }).toEqual({ failed: null, status: 0 });
});

test("the terminal's settings are restored after SIGTERM", async () => {
	const played = await play(
		[["expect", "ready"], ["signal", 15], ["wait"]],
		...shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done"),
	);
	expect({ failed: played.failed, status: played.status }).toEqual({ failed: null, status: 7 });
	expect(played.after).toEqual(played.before);
});

test("-t without a terminal on stdin still gives the payload one", async () => {
	const { stdout, status } = await home.run(["-t"], "busybox", ["sh", "-c", "test -t 1 && echo terminal"]);
	expect({ stdout: stdout.replace("\r", ""), status }).toEqual({ stdout: "terminal\n", status: 0 });
});
