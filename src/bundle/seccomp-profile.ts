// Seccomp profile files in docker's format: the runtime-spec document with conditions (capabilities, architectures, kernel) on its
// rules, which are decided here.
// @see runtime-spec config-linux.md#seccomp, https://docs.docker.com/engine/security/seccomp/

import { CortenError } from "../base/errors.ts";
import { decodeJson, fallback, integer, list, object, oneOf, optional, refine, string, uint64, unsupported } from "../spec/decode.ts";
import type { Seccomp } from "../spec/runtime.ts";
import { seccompActions, seccompOperators } from "../spec/seccomp-words.ts";

type Condition = { readonly caps: readonly string[]; readonly arches: readonly string[]; readonly minKernel: string };
type Rule = Omit<NonNullable<Seccomp["syscalls"]>[number], "names"> & {
	readonly name?: string;
	readonly names: readonly string[];
	readonly includes: Condition;
	readonly excludes: Condition;
};

/** A profile whose conditions are still open. */
export type SeccompProfile = {
	readonly defaultAction: string;
	readonly defaultErrnoRet?: number;
	readonly architectures: readonly string[];
	readonly archMap: readonly { readonly architecture: string; readonly subArchitectures: readonly string[] }[];
	readonly flags: readonly string[];
	readonly syscalls: readonly Rule[];
};

/** The architecture in the words of docker's profiles and of the specification. */
const native = { profile: "amd64", specification: "SCMP_ARCH_X86_64" };

function profileDecoder() {
	const strings = fallback(list(string), []);
	const minKernel = refine(string, (text) => (text === "" || /^\d{1,3}\.\d{1,4}$/.test(text) ? undefined : "is not MAJOR.MINOR"));
	const none: Condition = { caps: [], arches: [], minKernel: "" };
	const condition = fallback(object({ caps: strings, arches: strings, minKernel: fallback(minKernel, "") }), none);
	const argument = object({
		index: integer(0, 5),
		value: uint64,
		valueTwo: optional(uint64),
		op: oneOf(seccompOperators),
	});
	const rule = object({
		name: optional(string),
		names: strings,
		action: oneOf(seccompActions),
		errnoRet: optional(integer(0, 4095)),
		args: optional(list(argument, 64)),
		includes: condition,
		excludes: condition,
	});
	return object({
		defaultAction: oneOf(seccompActions),
		defaultErrnoRet: optional(integer(0, 4095)),
		architectures: strings,
		archMap: fallback(list(object({ architecture: string, subArchitectures: strings })), []),
		flags: strings,
		listenerPath: unsupported("is not implemented: seccomp notification"),
		syscalls: fallback(list(rule), []),
	});
}

/**
 * Decodes a profile.
 * @param path for messages
 * @throws `invalid-spec`, `unsupported`
 */
export function decodeSeccompProfile(bytes: Uint8Array, path: string): SeccompProfile {
	const profile: SeccompProfile = decodeJson(profileDecoder(), bytes, `seccomp profile "${path}"`);
	if (profile.architectures.length > 0 && profile.archMap.length > 0) {
		throw new CortenError("invalid-spec", `cannot use seccomp profile "${path}": it has both architectures and archMap`, {
			at: "/archMap",
		});
	}
	return profile;
}

function holds(condition: Condition, capabilities: readonly string[], kernel: readonly [number, number], every: boolean): boolean {
	const facts: boolean[] = condition.caps.map((name) => capabilities.includes(name));
	if (condition.arches.length > 0) facts.push(condition.arches.includes(native.profile));
	if (condition.minKernel !== "") {
		const [major = 0, minor = 0] = condition.minKernel.split(".").map(Number);
		facts.push(kernel[0] > major || (kernel[0] === major && kernel[1] >= minor));
	}
	return every ? facts.every((fact) => fact) : facts.some((fact) => fact);
}

/**
 * Decides the conditions: a rule stays when all that it includes is true and nothing that it excludes.
 * @param capabilities the payload's bounding set
 * @param kernel [major, minor]
 */
export function composeSeccomp(profile: SeccompProfile, capabilities: readonly string[], kernel: readonly [number, number]): Seccomp {
	const mapped = profile.archMap.find((entry) => entry.architecture === native.specification);
	const architectures = mapped === undefined ? profile.architectures : [mapped.architecture, ...mapped.subArchitectures];
	const syscalls = profile.syscalls
		.filter((rule) => holds(rule.includes, capabilities, kernel, true) && !holds(rule.excludes, capabilities, kernel, false))
		.map(({ includes: _includes, excludes: _excludes, name, names, ...rule }) => ({
			names: name === undefined ? names : [name, ...names],
			...rule,
		}));
	return {
		defaultAction: profile.defaultAction,
		...(profile.defaultErrnoRet !== undefined && { defaultErrnoRet: profile.defaultErrnoRet }),
		...(architectures.length > 0 && { architectures }),
		...(profile.flags.length > 0 && { flags: profile.flags }),
		syscalls: syscalls.filter((rule) => rule.names.length > 0),
	};
}
