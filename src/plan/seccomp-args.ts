// One condition on a system call's argument, as BPF: arguments are 64 bits, BPF compares 32, so the high half decides first.
// @see runtime-spec config-linux.md#seccomp (args)

import { CortenError } from "../base/errors.ts";
import { type Assembler, emitAnd, emitJump, emitLoad, JEQ, JGE, JGT } from "./bpf.ts";

/** Compares argument `index` with `value`; SCMP_CMP_MASKED_EQ: (argument & value) == valueTwo. */
export type Condition = {
	readonly index: number;
	readonly op: string;
	readonly value: bigint;
	readonly valueTwo: bigint;
	readonly at: string;
};

const offsetOfArgs = 16;
const low = (value: bigint): number => Number(value & 0xffff_ffffn);
const high = (value: bigint): number => Number((value >> 32n) & 0xffff_ffffn);

/** Emits the test. @returns its place, from which the program goes on at `hit` or `miss` @throws `invalid-spec` for an unknown operator */
export function emitCondition(code: Assembler, condition: Condition, hit: number, miss: number): number {
	const { index, value } = condition;
	const lowWord = offsetOfArgs + index * 8;
	const half = (jump: number, k: number, whenTrue: number, whenFalse: number): number => {
		emitJump(code, jump, k, whenTrue, whenFalse);
		return emitLoad(code, lowWord);
	};
	// Each test of the high half is emitted last, so that it runs first.
	const whole = (jump: number, k: number, whenTrue: number, whenFalse: number): number => {
		emitJump(code, jump, k, whenTrue, whenFalse);
		return emitLoad(code, lowWord + 4);
	};
	switch (condition.op) {
		case "SCMP_CMP_EQ":
			return whole(JEQ, high(value), half(JEQ, low(value), hit, miss), miss);
		case "SCMP_CMP_NE":
			return whole(JEQ, high(value), half(JEQ, low(value), miss, hit), hit);
		case "SCMP_CMP_GT":
			return ordered(code, value, half(JGT, low(value), hit, miss), hit, miss, lowWord + 4);
		case "SCMP_CMP_GE":
			return ordered(code, value, half(JGE, low(value), hit, miss), hit, miss, lowWord + 4);
		case "SCMP_CMP_LE":
			return ordered(code, value, half(JGT, low(value), miss, hit), miss, hit, lowWord + 4);
		case "SCMP_CMP_LT":
			return ordered(code, value, half(JGE, low(value), miss, hit), miss, hit, lowWord + 4);
		case "SCMP_CMP_MASKED_EQ":
			return masked(code, condition, hit, miss, lowWord);
		default:
			throw new CortenError("invalid-spec", `cannot compare with operator "${condition.op}"`, { at: condition.at });
	}
}

/** High halves: greater and less decide, equal leaves it to the low halves. */
function ordered(code: Assembler, value: bigint, equal: number, greater: number, less: number, highWord: number): number {
	const notGreater = emitJump(code, JEQ, high(value), equal, less);
	emitJump(code, JGT, high(value), greater, notGreater);
	return emitLoad(code, highWord);
}

function masked(code: Assembler, { value: mask, valueTwo }: Condition, hit: number, miss: number, lowWord: number): number {
	emitJump(code, JEQ, low(valueTwo), hit, miss);
	emitAnd(code, low(mask));
	const lowTest = emitLoad(code, lowWord);
	if (high(mask) === 0 && high(valueTwo) === 0) return lowTest;
	emitJump(code, JEQ, high(valueTwo), lowTest, miss);
	emitAnd(code, high(mask));
	return emitLoad(code, lowWord + 4);
}
