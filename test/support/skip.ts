// Tests that this machine cannot run say so: the reason becomes part of the test's name, and the runner lists it.

import { test } from "bun:test";

/** `testWhen(condition, "docker is not installed")("name", fn)`: a test, or a skip that names its reason. */
export function testWhen(condition: unknown, reason: string): (name: string, fn: () => void | Promise<void>, timeoutMs?: number) => void {
	return (name, fn, timeoutMs) => {
		if (condition) test(name, fn, timeoutMs);
		else test.skip(`${name} (skipped: ${reason})`, fn);
	};
}

/** Whether a program is on PATH or among the administrator's. */
export function installed(program: string): boolean {
	return Bun.which(program, { PATH: `${process.env.PATH}:/usr/sbin:/sbin` }) !== null;
}
