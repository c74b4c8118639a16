// The eBPF program of device rules, run by a small interpreter over types, accesses and numbers, against the rules read naively.

import { expect, test } from "bun:test";
import { compileDeviceRules } from "./device-program.ts";
import { type DeviceRule, deviceRules } from "./device-rules.ts";

/** Runs the few eBPF instructions that a device program has, as the kernel does. */
function run(program: Uint8Array, context: readonly [accessType: number, major: number, minor: number]): number {
	const view = new DataView(program.buffer);
	const registers = new Array<number>(11).fill(0);
	for (let at = 0; at < program.length; at += 8) {
		const to = view.getUint8(at + 1) & 15;
		const from = view.getUint8(at + 1) >> 4;
		const offset = view.getInt16(at + 2, true);
		const value = view.getInt32(at + 4, true);
		const left = registers[to] ?? 0;
		const code = view.getUint8(at);
		if (code === 0x61) registers[to] = context[offset / 4] ?? 0;
		else if (code === 0xbf) registers[to] = registers[from] ?? 0;
		else if (code === 0xb7) registers[to] = value;
		else if (code === 0x57) registers[to] = left & value;
		else if (code === 0x77) registers[to] = left >>> value;
		else if (code === 0x55) at += left !== value ? offset * 8 : 0;
		else if (code === 0x15) at += left === value ? offset * 8 : 0;
		else if (code === 0x95) return registers[0] ?? 0;
		else throw new Error(`instruction ${code.toString(16)}`);
	}
	throw new Error("ran off the end");
}

const bitOf: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };

/** The last rule that fits decides; none: allowed. */
function meaning(rules: readonly DeviceRule[], type: "b" | "c", access: number, major: number, minor: number): number {
	for (const rule of rules.toReversed()) {
		const bits = [...rule.access].reduce((sum, letter) => sum | (bitOf[letter] ?? 0), 0);
		const fits = rule.allow ? (access & ~bits) === 0 : (access & bits) !== 0;
		const numbers = rule.type === "a" || ((rule.major ?? major) === major && (rule.minor ?? minor) === minor);
		if (fits && numbers && (rule.type === "a" || rule.type === type)) return rule.allow ? 1 : 0;
	}
	return 1;
}

const sets: Readonly<Record<string, Parameters<typeof deviceRules>[0]>> = {
	"deny all": [{ allow: false, access: "rwm" }],
	"deny all, allow some": [
		{ allow: false, access: "rwm" },
		{ allow: true, type: "c", major: 10, minor: 229, access: "r" },
		{ allow: true, type: "b", major: 8, access: "rw" },
	],
	"allow all, deny some": [
		{ allow: true, access: "rwm" },
		{ allow: false, type: "c", major: 10, minor: 229, access: "w" },
		{ allow: false, type: "b", access: "m" },
	],
	nothing: [],
};

for (const [name, given] of Object.entries(sets)) {
	test(`the program of "${name}" decides as its rules do`, () => {
		const rules = deviceRules(given);
		const program = compileDeviceRules(rules);
		for (const type of ["b", "c"] as const) {
			for (let access = 1; access < 8; access++) {
				for (const major of [0, 1, 5, 8, 10, 136, 300]) {
					for (const minor of [0, 3, 5, 229, 1000]) {
						const got = run(program, [(access << 16) | (type === "b" ? 1 : 2), major, minor]);
						expect(got, `${type} ${major}:${minor} ${access}`).toBe(meaning(rules, type, access, major, minor));
					}
				}
			}
		}
	});
}

test("equal rules are written once, unless one between them says the opposite", () => {
	const allow = { allow: true, type: "c", major: 10, minor: 200, access: "rwm" };
	const count = (given: Parameters<typeof deviceRules>[0]): number => deviceRules(given).filter((rule) => rule.minor === 200).length;
	expect(count([allow, allow])).toBe(1);
	expect(count([allow, { ...allow, allow: false }, allow])).toBe(3);
});
