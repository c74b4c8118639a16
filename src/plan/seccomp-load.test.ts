// Flags of filters, and what is asked for and sent where somebody outside is notified.

import { expect, test } from "bun:test";
import type { Seccomp } from "../spec/runtime.ts";
import { addNotify, checkListener, seccompFlags } from "./seccomp-load.ts";
import { startSteps } from "./steps.ts";

const asking: Seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }] };
const flags = (...words: string[]): Seccomp => ({
	defaultAction: "SCMP_ACT_ALLOW",
	flags: words.map((word) => `SECCOMP_FILTER_FLAG_${word}`),
});

test("flags become the kernel's bits; without the property speculation is left alone", () => {
	expect(seccompFlags({ defaultAction: "SCMP_ACT_ALLOW" })).toBe(4);
	expect(seccompFlags(flags())).toBe(0);
	expect(seccompFlags(flags("TSYNC"))).toBe(0);
	expect(seccompFlags(flags("TSYNC", "LOG", "SPEC_ALLOW"))).toBe(6);
	expect(seccompFlags(flags("WAIT_KILLABLE_RECV"))).toBe(0);
	expect(seccompFlags({ ...flags("WAIT_KILLABLE_RECV"), ...asking })).toBe(0x28);
	expect(() => seccompFlags(flags("NEW_LISTENER"))).toThrow("SECCOMP_FILTER_FLAG_NEW_LISTENER");
});

test.each([
	["/linux/seccomp/listenerPath", asking],
	["/linux/seccomp/listenerMetadata", { defaultAction: "SCMP_ACT_ALLOW", listenerMetadata: "x" }],
	["/linux/seccomp/defaultAction", { defaultAction: "SCMP_ACT_NOTIFY", listenerPath: "/x" }],
	["/linux/seccomp/syscalls/0", { ...asking, listenerPath: "/x", syscalls: [{ names: ["mkdir", "write"], action: "SCMP_ACT_NOTIFY" }] }],
] satisfies [string, Seccomp][])("a notification that cannot work is refused at %s", (at, seccomp) => {
	let refused = "";
	try {
		checkListener(seccomp);
	} catch (error) {
		refused = (error as { at: string }).at;
	}
	expect(refused).toBe(at);
});

test("the document for the agent has a place for the new process's pid, twice when it is the container's first", () => {
	const hookState = (status: string): readonly [string, string] => [`{"id":"c","status":"${status}","pid":`, `,"bundle":"/b"}`];
	const stateOf = (pid?: number): unknown => {
		const steps = startSteps();
		addNotify(steps, { ...asking, listenerPath: "/x", listenerMetadata: 'a"b' }, { hookState }, "1.2.0", pid);
		const op = steps.ops[0];
		return op?.op === "notify" ? JSON.parse(op.args.state.join("7")) : undefined;
	};
	const document = { ociVersion: "1.2.0", fds: ["seccompFd"], pid: 7, metadata: 'a"b' };
	expect(stateOf()).toEqual({ ...document, state: { id: "c", status: "creating", pid: 7, bundle: "/b" } });
	expect(stateOf(5)).toEqual({ ...document, state: { id: "c", status: "running", pid: 5, bundle: "/b" } });
});
