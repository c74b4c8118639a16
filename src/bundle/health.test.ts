// Health options: their words, and how they change the image's check.

import { expect, test } from "bun:test";
import { isError } from "../base/errors.ts";
import { composeHealth, type HealthRequest, parseHealthCommand, parseHealthTime } from "./health.ts";

const nothing: HealthRequest = {
	disabled: false,
	test: undefined,
	intervalMs: undefined,
	timeoutMs: undefined,
	startPeriodMs: undefined,
	startIntervalMs: undefined,
	retries: undefined,
	onFailure: "none",
	startup: undefined,
};

function codeOf(run: () => unknown): string {
	try {
		run();
		return "none";
	} catch (error) {
		return isError(error) ? error.code : "unknown";
	}
}

test("times are Go's", () => {
	expect(["30s", "1m30s", "500ms", "1.5h", "0", "0s", "1000us"].map((text) => parseHealthTime(text, "--x"))).toEqual([
		30_000, 90_000, 500, 5_400_000, 0, 0, 1,
	]);
	for (const text of ["", "30", "s", "-1s", "1s ", "1d", "30days", "1ns", "9999h"])
		expect([text, codeOf(() => parseHealthTime(text, "--x"))]).toEqual([text, "invalid-argument"]);
});

test("a command is a line for the shell, or a JSON list of words; none is none", () => {
	expect(parseHealthCommand("curl -f localhost")).toEqual(["CMD-SHELL", "curl -f localhost"]);
	expect(parseHealthCommand('["curl", "-f"]')).toEqual(["CMD", "curl", "-f"]);
	expect(parseHealthCommand('["CMD", "curl"]')).toEqual(["CMD", "curl"]);
	expect(parseHealthCommand('["CMD-SHELL", "a b"]')).toEqual(["CMD-SHELL", "a b"]);
	expect(parseHealthCommand("[ -e /ready ]")).toEqual(["CMD-SHELL", "[ -e /ready ]"]);
	expect(["none", "NONE", '["NONE"]'].map((text) => parseHealthCommand(text))).toEqual([undefined, undefined, undefined]);
	expect(["", " ", "[]", "[1]"].map((text) => codeOf(() => parseHealthCommand(text)))).toEqual(Array(4).fill("invalid-argument"));
});

test("the image's check holds, but for what the options change; zeros mean the usual", () => {
	const image = { test: ["CMD", "/probe"], interval: 5e9, timeout: 0, startPeriod: 2e9, startInterval: 0, retries: 0 };
	expect(composeHealth(nothing, image)).toEqual({
		args: ["/probe"],
		test: ["CMD", "/probe"],
		intervalMs: 5000,
		timeoutMs: 30_000,
		startPeriodMs: 2000,
		startIntervalMs: 5000,
		retries: 3,
		onFailure: "none",
	});
	const changed = composeHealth({ ...nothing, test: ["CMD-SHELL", "x y"], intervalMs: 0, startPeriodMs: 0, retries: 1 }, image);
	expect(changed).toMatchObject({ args: ["/bin/sh", "-c", "x y"], intervalMs: 0, startPeriodMs: 0, retries: 1 });
});

test("a startup check needs a health check; it never restarts anything unless a number is given", () => {
	const startup = { test: ["CMD", "/ready"], intervalMs: 100, timeoutMs: undefined, retries: undefined, successes: undefined };
	expect(composeHealth({ ...nothing, test: ["CMD", "x"], startup }, undefined)?.startup).toEqual({
		args: ["/ready"],
		test: ["CMD", "/ready"],
		intervalMs: 100,
		timeoutMs: 30_000,
		retries: 0,
		successes: 1,
	});
	expect(codeOf(() => composeHealth({ ...nothing, startup }, undefined))).toBe("invalid-argument");
});

test("no check: none asked for, NONE, or turned off; a test that is neither CMD nor CMD-SHELL is refused", () => {
	const image = (...test: string[]) => ({ test, interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0 });
	expect(composeHealth(nothing, undefined)).toBeUndefined();
	expect(composeHealth(nothing, image())).toBeUndefined();
	expect(composeHealth(nothing, image("NONE"))).toBeUndefined();
	expect(composeHealth({ ...nothing, disabled: true }, image("CMD", "x"))).toBeUndefined();
	expect(codeOf(() => composeHealth(nothing, image("x")))).toBe("invalid-spec");
	expect(codeOf(() => composeHealth(nothing, image("CMD")))).toBe("invalid-spec");
});
