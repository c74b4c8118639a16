// The seccomp section as a classic BPF program: which architecture, then a binary search over the system call numbers, then the argument
// conditions. Rules of one system call are tried in the order of the document and the first that matches decides.
// @see runtime-spec config-linux.md#seccomp, seccomp(2), Documentation/userspace-api/seccomp_filter.rst

import { CortenError } from "../base/errors.ts";
import { syscallNames } from "../linux/seccomp-syscalls.generated.ts";
import type { Seccomp } from "../spec/runtime.ts";
import { type Assembler, assemble, emitGoto, emitJump, emitLoad, emitReturn, JEQ, JGE, startAssembly } from "./bpf.ts";
import { type Condition, emitCondition } from "./seccomp-args.ts";

type DocumentRule = NonNullable<Seccomp["syscalls"]>[number];
type Arch = keyof typeof syscallNames;
/** What happens to a call: one action, or conditional rules and then the default. */
type Decision = number | readonly Rule[];
type Rule = { readonly action: number; readonly conditions: readonly Condition[] };

const AUDIT_ARCH_X86_64 = 0xc000_003e;
const AUDIT_ARCH_I386 = 0x4000_0003;
/** Calls of x32 come in as AUDIT_ARCH_X86_64 with this bit in their number. */
const x32Bit = 0x4000_0000;
const SECCOMP_RET_KILL_PROCESS = 0x8000_0000;
const SECCOMP_RET_ERRNO = 0x5_0000;
const EPERM = 1;
const ENOSYS = 38;
const maxErrno = 4095;
const offsetOfNumber = 0;
const offsetOfArch = 4;
/** BPF_MAXINSNS */
const maxInstructions = 4096;

function invalid(at: string, message: string): CortenError {
	return new CortenError("invalid-spec", message, { at });
}

function parseAction(word: string, errno: number | undefined, at: string): number {
	const data = errno ?? EPERM;
	if (data < 0 || data > maxErrno) throw invalid(at, `cannot return errno ${data}: it is not between 0 and ${maxErrno}`);
	switch (word) {
		case "SCMP_ACT_KILL":
		case "SCMP_ACT_KILL_THREAD":
			return 0;
		case "SCMP_ACT_KILL_PROCESS":
			return SECCOMP_RET_KILL_PROCESS;
		case "SCMP_ACT_TRAP":
			return 0x3_0000;
		case "SCMP_ACT_ERRNO":
			return SECCOMP_RET_ERRNO | data;
		case "SCMP_ACT_TRACE":
			return 0x7ff0_0000 | data;
		case "SCMP_ACT_LOG":
			return 0x7ffc_0000;
		case "SCMP_ACT_ALLOW":
			return 0x7fff_0000;
		case "SCMP_ACT_NOTIFY":
			throw new CortenError("unsupported", "cannot notify a supervisor of system calls: SCMP_ACT_NOTIFY is not implemented", { at });
		default:
			throw invalid(at, `cannot use seccomp action "${word}"`);
	}
}

/** The document's rule as rules of which each one's conditions must all hold. */
function parseRules(rule: DocumentRule, at: string): Rule[] {
	const action = parseAction(rule.action, rule.errnoRet, at);
	const conditions = (rule.args ?? []).map((arg, index): Condition => {
		if (arg.index < 0 || arg.index > 5) throw invalid(`${at}/args/${index}`, `cannot test argument ${arg.index} of a system call`);
		return { index: arg.index, op: arg.op, value: arg.value, valueTwo: arg.valueTwo ?? 0n, at: `${at}/args/${index}` };
	});
	// Two conditions on one argument are alternatives: so runc and crun read them, as libseccomp takes one an argument.
	const alternatives = new Set(conditions.map((condition) => condition.index)).size < conditions.length;
	return alternatives ? conditions.map((condition) => ({ action, conditions: [condition] })) : [{ action, conditions }];
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

/** Neighbours with one decision become one range; below, between and above the named calls the default holds. */
function rangesOf(arch: Arch, rules: ReadonlyMap<string, Decision>, fallback: number, base: number): Range[] {
	const ranges: Range[] = [{ from: base, decision: fallback }];
	let next = 0;
	const put = (from: number, decision: Decision): void => {
		if (ranges.at(-1)?.decision !== decision) ranges.push({ from: base + from, decision });
	};
	const named: [number, Decision][] = [];
	forEachSyscall(arch, (name, number) => {
		const decision = rules.get(name);
		if (decision !== undefined) named.push([number, decision]);
	});
	for (const [number, decision] of named) {
		if (number > next) put(next, fallback);
		put(number, decision);
		next = number + 1;
	}
	// What is newer than the newest call the profile names: its author could not know it. EPERM there breaks programs that would
	// fall back on ENOSYS (runc does the same).
	put(next, fallback === (SECCOMP_RET_ERRNO | EPERM) ? SECCOMP_RET_ERRNO | ENOSYS : fallback);
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

function parseArchitectures(words: readonly string[]): Set<Arch> {
	const arches = new Set<Arch>(["x86_64"]); // the machine's own is always filtered, not killed
	for (const word of words) {
		const arch = archByWord[word];
		if (arch !== undefined) arches.add(arch);
		else if (!word.startsWith("SCMP_ARCH_")) throw invalid("/linux/seccomp/architectures", `cannot use architecture "${word}"`);
	}
	return arches;
}

/** SECCOMP_FILTER_FLAG_* bits of the section's flags. @throws `invalid-spec`, `unsupported` */
export function seccompFlags(seccomp: Seccomp): number {
	let bits = 0;
	for (const flag of seccomp.flags ?? []) {
		if (flag === "SECCOMP_FILTER_FLAG_TSYNC") bits |= 1;
		else if (flag === "SECCOMP_FILTER_FLAG_LOG") bits |= 2;
		else if (flag === "SECCOMP_FILTER_FLAG_SPEC_ALLOW") bits |= 4;
		else if (flag === "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")
			throw new CortenError("unsupported", `cannot use ${flag}`, { at: "/linux/seccomp/flags" });
		else throw invalid("/linux/seccomp/flags", `cannot use seccomp flag "${flag}"`);
	}
	return bits;
}

/**
 * Compiles a seccomp section. System calls of names this machine does not know are passed over, as the specification's runtimes do.
 * @returns the program, 8 bytes an instruction
 * @throws `invalid-spec` for unknown actions, operators and architectures, and beyond 4096 instructions; `unsupported` for SCMP_ACT_NOTIFY
 */
export function compileSeccomp(seccomp: Seccomp): Uint8Array {
	const fallback = parseAction(seccomp.defaultAction, seccomp.defaultErrnoRet, "/linux/seccomp/defaultAction");
	const arches = parseArchitectures(seccomp.architectures ?? []);
	const rules = new Map<string, Decision>();
	for (const [index, entry] of (seccomp.syscalls ?? []).entries()) {
		const parsed = parseRules(entry, `/linux/seccomp/syscalls/${index}`);
		for (const name of entry.names) addRules(rules, name, parsed);
	}
	const code = startAssembly();
	const ranges = (arch: Arch, base: number): Range[] => rangesOf(arch, rules, fallback, base);
	const search = (list: Range[]): number => emitSearch(code, list, 0, list.length, fallback);
	const killed = emitReturn(code, SECCOMP_RET_KILL_PROCESS);
	let i386 = killed;
	if (arches.has("x86")) {
		emitGoto(code, search(ranges("x86", 0)));
		i386 = emitLoad(code, offsetOfNumber);
	}
	const x32 = arches.has("x32") ? search(ranges("x32", x32Bit)) : killed;
	const x64 = search(ranges("x86_64", 0));
	emitJump(code, JGE, x32Bit, x32, x64);
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

function addRules(rules: Map<string, Decision>, name: string, parsed: readonly Rule[]): void {
	const known = rules.get(name);
	if (typeof known === "number" || known?.at(-1)?.conditions.length === 0) return; // an earlier rule matches always
	const only = known === undefined && parsed.length === 1 ? parsed[0] : undefined;
	rules.set(name, only !== undefined && only.conditions.length === 0 ? only.action : [...(known ?? []), ...parsed]);
}
