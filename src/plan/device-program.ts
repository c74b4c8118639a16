// Device rules as an eBPF program for a v2 cgroup (BPF_PROG_TYPE_CGROUP_DEVICE): 1 allows an access, 0 refuses it. The last rule that
// fits decides, so they are tried from the end. A rule that allows fits when it has all that is asked, one that denies when it has any.
// @see Documentation/bpf/, include/uapi/linux/bpf.h (struct bpf_cgroup_dev_ctx)

import type { DeviceRule } from "./device-rules.ts";

const BPF_DEVCG_ACC = { m: 1, r: 2, w: 4 } as const;
const allAccess = 7;
const BPF_DEVCG_DEV = { b: 1, c: 2 } as const;
// Registers: r0 the answer, r1 the context and later scratch, r2 the type, r3 the access, r4 and r5 the numbers.
const LDX_WORD = 0x61;
const MOV_REGISTER = 0xbf;
const MOV = 0xb7;
const AND = 0x57;
const RSH = 0x77;
const JNE = 0x55;
const JEQ = 0x15;
const EXIT = 0x95;

type Instruction = { readonly code: number; readonly to: number; readonly from: number; readonly offset: number; readonly value: number };

function instruction(code: number, to: number, value: number, offset = 0, from = 0): Instruction {
	return { code, to, from, offset, value };
}

function ruleProgram(rule: DeviceRule): Instruction[] {
	const tests: ((skip: number) => Instruction[])[] = [];
	if (rule.type !== "a") {
		const type = BPF_DEVCG_DEV[rule.type];
		tests.push((skip) => [instruction(JNE, 2, type, skip)]);
	}
	let bits = 0;
	for (const letter of rule.access) bits |= BPF_DEVCG_ACC[letter as keyof typeof BPF_DEVCG_ACC];
	if (bits !== allAccess) {
		const [mask, jump] = rule.allow ? [allAccess & ~bits, JNE] : [bits, JEQ];
		tests.push((skip) => [instruction(MOV_REGISTER, 1, 0, 0, 3), instruction(AND, 1, mask), instruction(jump, 1, 0, skip)]);
	}
	if (rule.type !== "a" && rule.major !== undefined) tests.push((skip) => [instruction(JNE, 4, rule.major ?? 0, skip)]);
	if (rule.type !== "a" && rule.minor !== undefined) tests.push((skip) => [instruction(JNE, 5, rule.minor ?? 0, skip)]);
	let program = [instruction(MOV, 0, rule.allow ? 1 : 0), instruction(EXIT, 0, 0)];
	for (const test of tests.toReversed()) program = [...test(program.length), ...program];
	return program;
}

/** Compiles rules, 8 bytes an instruction. What no rule fits is allowed, as in a new v1 cgroup. */
export function compileDeviceRules(rules: readonly DeviceRule[]): Uint8Array {
	const program = [
		instruction(LDX_WORD, 2, 0, 0, 1),
		instruction(MOV_REGISTER, 3, 0, 0, 2),
		instruction(RSH, 3, 16),
		instruction(AND, 2, 0xffff),
		instruction(LDX_WORD, 4, 0, 4, 1),
		instruction(LDX_WORD, 5, 0, 8, 1),
	];
	let decided = false;
	for (const rule of rules.toReversed()) {
		program.push(...ruleProgram(rule));
		decided = rule.type === "a" && rule.access.length === 3;
		if (decided) break; // the verifier refuses code that nothing reaches
	}
	if (!decided) program.push(instruction(MOV, 0, 1), instruction(EXIT, 0, 0));
	const view = new DataView(new ArrayBuffer(program.length * 8));
	for (const [index, { code, to, from, offset, value }] of program.entries()) {
		view.setUint8(index * 8, code);
		view.setUint8(index * 8 + 1, to | (from << 4));
		view.setInt16(index * 8 + 2, offset, true);
		view.setInt32(index * 8 + 4, value, true);
	}
	return new Uint8Array(view.buffer);
}
