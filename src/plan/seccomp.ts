// The seccomp section as a classic BPF program: which architecture, then a binary search over the system call numbers, then the argument
// conditions. Conditional rules of one system call are tried in the order of the document and the first that matches decides.
// @see runtime-spec config-linux.md#seccomp, seccomp(2), Documentation/userspace-api/seccomp_filter.rst

import { CortenError } from "../base/errors.ts";
import { lookUp } from "../base/look-up.ts";
import { syscallNames } from "../linux/seccomp-syscalls.generated.ts";
import type { Seccomp } from "../spec/runtime.ts";
import { foreignSeccompArchitectures } from "../spec/seccomp-words.ts";
import { type Assembler, assemble, emitGoto, emitJump, emitLoad, emitReturn, JEQ, JGE, startAssembly } from "./bpf.ts";
import { emitCondition } from "./seccomp-args.ts";
import { type Decision, type Decisions, parseAction, parseDecisions, withMultiplexed } from "./seccomp-rules.ts";

type Arch = keyof typeof syscallNames;

const AUDIT_ARCH_X86_64 = 0xc000_003e;
const AUDIT_ARCH_I386 = 0x4000_0003;
/** Calls of x32 come in as AUDIT_ARCH_X86_64 with this bit in their number. */
const x32Bit = 0x4000_0000;
const SECCOMP_RET_KILL_PROCESS = 0x8000_0000;
/** The number -1. */
const skipped = 0xffff_ffff;
const SECCOMP_RET_TRACE = 0x7ff0_0000;
const SECCOMP_RET_ALLOW = 0x7fff_0000;
const SECCOMP_RET_ERRNO = 0x5_0000;
const ENOSYS = 38;
const offsetOfNumber = 0;
const offsetOfArch = 4;
/** BPF_MAXINSNS */
const maxInstructions = 4096;

function invalid(at: string, message: string): CortenError {
	return new CortenError("invalid-spec", message, { at });
}

/** Calls `each` with every system call of an architecture. */
export function forEachSyscall(arch: Arch, each: (name: string, number: number) => void): void {
	let number = 0;
	for (const word of syscallNames[arch].split(" ")) {
		const colon = word.indexOf(":");
		if (colon > 0) number = Number(word.slice(0, colon));
		each(colon > 0 ? word.slice(colon + 1) : word, number++);
	}
}

type Range = { readonly from: number; readonly decision: Decision };

/** What holds for calls that no rule decides: the default, and for those beyond the newest one that the profile names, `beyond`. */
type Fallback = { readonly action: number; readonly beyond: number; readonly names: ReadonlySet<string> };

/** Neighbours with one decision become one range. */
function rangesOf(arch: Arch, rules: Decisions, { action, beyond, names }: Fallback, base: number): Range[] {
	const ranges: Range[] = [{ from: base, decision: action }];
	let next = 0;
	let newest = 0;
	const put = (from: number, decision: Decision): void => {
		if (ranges.at(-1)?.decision !== decision) ranges.push({ from: base + from, decision });
	};
	const named: [number, Decision][] = [];
	forEachSyscall(arch, (name, number) => {
		if (names.has(name)) newest = number;
		const decision = rules.get(name);
		if (decision !== undefined) named.push([number, decision]);
	});
	for (const [number, decision] of named) {
		if (number > next) put(next, action);
		put(number, decision);
		next = number + 1;
	}
	put(next, action);
	if (newest > 0) put(newest + 1, beyond);
	return ranges;
}

function emitDecision(code: Assembler, decision: Decision, fallback: number): number {
	if (typeof decision === "number") return emitReturn(code, decision);
	let next = emitReturn(code, fallback);
	for (const rule of decision.toReversed()) {
		const miss = next;
		next = emitReturn(code, rule.action);
		for (const condition of rule.conditions.toReversed()) next = emitCondition(code, condition, next, miss);
	}
	return next;
}

function emitSearch(code: Assembler, ranges: readonly Range[], from: number, to: number, fallback: number): number {
	if (to - from === 1) return emitDecision(code, ranges[from]?.decision ?? fallback, fallback);
	const middle = (from + to) >> 1;
	const right = emitSearch(code, ranges, middle, to, fallback);
	const left = emitSearch(code, ranges, from, middle, fallback);
	return emitJump(code, JGE, ranges[middle]?.from ?? 0, right, left);
}

const archByWord: Readonly<Record<string, Arch>> = { SCMP_ARCH_X86_64: "x86_64", SCMP_ARCH_X32: "x32", SCMP_ARCH_X86: "x86" };

/** Other machines' architectures need no filter: their calls cannot come. @throws `invalid-spec` */
function parseArchitectures(words: readonly string[]): Set<Arch> {
	const arches = new Set<Arch>();
	for (const word of words) {
		const arch = lookUp(archByWord, word);
		if (arch !== undefined) arches.add(arch);
		else if (!foreignSeccompArchitectures.includes(word))
			throw invalid("/linux/seccomp/architectures", `cannot use architecture "${word}"`);
	}
	return arches;
}

/**
 * Calls that are newer than the newest one the profile names: its author could not know them. A refusal breaks programs that would
 * fall back on ENOSYS, so they get that, unless the default lets them through. As runc does: only for architectures that are listed.
 */
function beyondOf(fallback: number): number {
	return fallback >= SECCOMP_RET_TRACE && fallback <= SECCOMP_RET_ALLOW ? fallback : SECCOMP_RET_ERRNO | ENOSYS;
}

/**
 * Compiles a seccomp section. System calls of names this machine does not know are passed over, as the specification's runtimes do.
 * @returns the program, 8 bytes an instruction
 * @throws `invalid-spec` for unknown actions, operators and architectures, and beyond 4096 instructions
 */
export function compileSeccomp(seccomp: Seccomp): Uint8Array {
	const fallback = parseAction(seccomp.defaultAction, seccomp.defaultErrnoRet, "/linux/seccomp/defaultAction");
	const arches = parseArchitectures(seccomp.architectures ?? []);
	const rules = parseDecisions(seccomp, fallback);
	const names = new Set(seccomp.syscalls?.flatMap((rule) => rule.names));
	const code = startAssembly();
	const searchOf = (arch: Arch, decisions: Decisions, base: number): number => {
		const list = rangesOf(arch, decisions, { action: fallback, beyond: arches.has(arch) ? beyondOf(fallback) : fallback, names }, base);
		return emitSearch(code, list, 0, list.length, fallback);
	};
	const killed = emitReturn(code, SECCOMP_RET_KILL_PROCESS);
	let i386 = killed;
	if (arches.has("x86")) {
		emitGoto(code, searchOf("x86", withMultiplexed(rules), 0));
		i386 = emitLoad(code, offsetOfNumber);
	}
	const x32 = arches.has("x32") ? searchOf("x32", rules, x32Bit) : killed;
	const x64 = searchOf("x86_64", rules, 0); // the machine's own is always filtered
	// -1 is what a tracer leaves of a call that it skips, and none of x32's.
	const either64 = emitJump(code, JGE, x32Bit, x32, x64);
	if (!arches.has("x32")) emitJump(code, JEQ, skipped, x64, either64);
	const either = emitLoad(code, offsetOfNumber);
	const notX64 = emitJump(code, JEQ, AUDIT_ARCH_I386, i386, killed);
	emitJump(code, JEQ, AUDIT_ARCH_X86_64, either, notX64);
	emitLoad(code, offsetOfArch);
	const program = assemble(code);
	if (program.length > maxInstructions * 8) {
		throw invalid(
			"/linux/seccomp/syscalls",
			`cannot compile ${program.length / 8} seccomp instructions: the kernel takes ${maxInstructions}`,
		);
	}
	return program;
}
