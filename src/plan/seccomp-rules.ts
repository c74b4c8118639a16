// The rules of a seccomp section as decisions by system call, put together as libseccomp does it, because that is what profiles are
// written for and tested with.
// @see runtime-spec config-linux.md#seccomp

import { CortenError } from "../base/errors.ts";
import { multiplexedCalls } from "../linux/seccomp-syscalls.generated.ts";
import type { Seccomp } from "../spec/runtime.ts";
import type { Condition } from "./seccomp-args.ts";

type DocumentRule = NonNullable<Seccomp["syscalls"]>[number];
/** What happens to a call: one action, or conditional rules and then the default. */
export type Decision = number | readonly Rule[];
type Rule = { readonly action: number; readonly conditions: readonly Condition[] };
/** Decisions by the name of the call. */
export type Decisions = ReadonlyMap<string, Decision>;

const SECCOMP_RET_ERRNO = 0x5_0000;
const EPERM = 1;
const maxErrno = 4095;

function invalid(at: string, message: string): CortenError {
	return new CortenError("invalid-spec", message, { at });
}

/** A SECCOMP_RET_* value. @param errno EPERM when it is not given @throws `invalid-spec` */
export function parseAction(word: string, errno: number | undefined, at: string): number {
	const data = errno ?? EPERM;
	if (data < 0 || data > maxErrno) throw invalid(at, `cannot return errno ${data}: it is not between 0 and ${maxErrno}`);
	if (errno !== undefined && word !== "SCMP_ACT_ERRNO" && word !== "SCMP_ACT_TRACE")
		throw invalid(at, `cannot return errno ${errno} by seccomp action "${word}": it returns none`);
	switch (word) {
		case "SCMP_ACT_KILL":
		case "SCMP_ACT_KILL_THREAD":
			return 0;
		case "SCMP_ACT_KILL_PROCESS":
			return 0x8000_0000;
		case "SCMP_ACT_TRAP":
			return 0x3_0000;
		case "SCMP_ACT_ERRNO":
			return SECCOMP_RET_ERRNO | data;
		case "SCMP_ACT_NOTIFY":
			return 0x7fc0_0000;
		case "SCMP_ACT_TRACE":
			return 0x7ff0_0000 | data;
		case "SCMP_ACT_LOG":
			return 0x7ffc_0000;
		case "SCMP_ACT_ALLOW":
			return 0x7fff_0000;
		default:
			throw invalid(at, `cannot use seccomp action "${word}"`);
	}
}

/** The document's rule as rules of which each one's conditions must all hold. */
function parseRules(rule: DocumentRule, action: number, at: string): Rule[] {
	const conditions = (rule.args ?? []).map((arg, index): Condition => {
		if (arg.index < 0 || arg.index > 5) throw invalid(`${at}/args/${index}`, `cannot test argument ${arg.index} of a system call`);
		// Of a masked comparison only the bits in the mask count, as in libseccomp.
		const valueTwo = (arg.valueTwo ?? 0n) & arg.value;
		return { index: arg.index, op: arg.op, value: arg.value, valueTwo, at: `${at}/args/${index}` };
	});
	// A mask of nothing always holds, so a rule that has only that is one without conditions.
	const tested = conditions.filter(({ op, value }) => op !== "SCMP_CMP_MASKED_EQ" || value !== 0n);
	// Two conditions on one argument are alternatives: so runc and crun read them, as libseccomp takes one an argument.
	const alternatives = new Set(conditions.map((condition) => condition.index)).size < conditions.length;
	const separate = alternatives && tested.length === conditions.length;
	if (alternatives && !separate) return [{ action, conditions: [] }]; // one of the alternatives always holds
	return separate ? tested.map((condition) => ({ action, conditions: [condition] })) : [{ action, conditions: tested }];
}

const alwaysDecided = (decision: Decision | undefined): boolean => typeof decision === "number";

/** A rule without conditions holds whatever conditional ones there are, before it or after it; of several such rules the first. */
function addRules(decisions: Map<string, Decision>, name: string, rules: readonly Rule[]): void {
	const known = decisions.get(name);
	if (alwaysDecided(known)) return;
	const always = rules.find((rule) => rule.conditions.length === 0);
	decisions.set(name, always?.action ?? [...((known ?? []) as readonly Rule[]), ...rules]);
}

/**
 * The section's decisions. A rule that says what holds anyway counts for nothing, also not against other rules of its call.
 * @param fallback the default action
 * @throws `invalid-spec`
 */
export function parseDecisions(seccomp: Seccomp, fallback: number): Decisions {
	const decisions = new Map<string, Decision>();
	for (const [index, entry] of (seccomp.syscalls ?? []).entries()) {
		const at = `/linux/seccomp/syscalls/${index}`;
		const action = parseAction(entry.action, entry.errnoRet, at);
		const rules = parseRules(entry, action, at);
		if (action !== fallback) for (const name of entry.names) addRules(decisions, name, rules);
	}
	return decisions;
}

/**
 * The same for i386, where a C library may make the calls of sockets and of System V IPC through one call, socketcall or ipc, whose first
 * argument says which: what is decided for `socket` is decided for that too. The other arguments are behind a pointer there, so a
 * condition on the first one is lost. Rules of socketcall and ipc themselves come first.
 */
export function withMultiplexed(decisions: Decisions): Decisions {
	const all = new Map(decisions);
	for (const [through, calls] of Object.entries(multiplexedCalls)) {
		for (const [name, number] of Object.entries(calls)) {
			const decision = decisions.get(name);
			if (decision === undefined) continue;
			const rules = typeof decision === "number" ? [{ action: decision, conditions: [] }] : decision;
			addRules(
				all,
				through,
				rules.map(({ action, conditions }) => ({ action, conditions: [first(number), ...conditions.filter(({ index }) => index > 0)] })),
			);
		}
	}
	return all;
}

function first(number: number): Condition {
	return { index: 0, op: "SCMP_CMP_EQ", value: BigInt(number), valueTwo: 0n, at: "/linux/seccomp/syscalls" };
}
