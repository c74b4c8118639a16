// The seccomp section's filter: the compiled constant when the section is the common default profile, else compiled now (2 ms).

import type { Seccomp } from "../spec/runtime.ts";
import { commonSeccomp } from "../spec/seccomp-default.ts";
import { compileSeccomp } from "./seccomp.ts";
import { commonFilter } from "./seccomp-common.generated.ts";

/**
 * The BPF program of a seccomp section, 8 bytes an instruction. Whether the section is the default profile is told from its content,
 * never from a mark, so an edited document cannot get the default's filter.
 * @throws see {@link compileSeccomp}
 */
export function seccompFilter(seccomp: Seccomp): Uint8Array {
	const common = seccomp === commonSeccomp || sameSeccomp(seccomp, commonSeccomp);
	return common ? Uint8Array.fromBase64(commonFilter) : compileSeccomp(seccomp);
}

/** Whether two documents say the same in the same order. */
function sameSeccomp(one: Seccomp, other: Seccomp): boolean {
	const rules = one.syscalls ?? [];
	const otherRules = other.syscalls ?? [];
	return (
		one.defaultAction === other.defaultAction &&
		one.defaultErrnoRet === other.defaultErrnoRet &&
		sameTexts(one.architectures, other.architectures) &&
		rules.length === otherRules.length &&
		rules.every((rule, index) => sameRule(rule, otherRules[index]))
	);
}

type Rule = NonNullable<Seccomp["syscalls"]>[number];

function sameRule(one: Rule, other: Rule | undefined): boolean {
	const args = one.args ?? [];
	const otherArgs = other?.args ?? [];
	return (
		one.action === other?.action &&
		one.errnoRet === other.errnoRet &&
		args.length === otherArgs.length &&
		args.every((arg, index) => {
			const otherArg = otherArgs[index];
			return (
				arg.index === otherArg?.index &&
				arg.op === otherArg.op &&
				arg.value === otherArg.value &&
				(arg.valueTwo ?? 0n) === (otherArg.valueTwo ?? 0n)
			);
		}) &&
		sameTexts(one.names, other.names)
	);
}

function sameTexts(one: readonly string[] | undefined, other: readonly string[] | undefined): boolean {
	return one?.length === other?.length && (one ?? []).every((text, index) => text === other?.[index]);
}
