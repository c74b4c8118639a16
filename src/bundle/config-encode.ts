// config.json as text. JSON.stringify knows no bigint, and a detour over numbers would turn RLIM_INFINITY into 2^64. A replacer function
// would do, but is called for each of the 500 strings of a seccomp document: the few places with bigints are rewritten instead.

import type { Config, Process, Resources, Seccomp } from "../spec/runtime.ts";
import { commonSeccomp } from "../spec/seccomp-default.ts";
import { commonSeccompJson } from "../spec/seccomp-json.generated.ts";

/** ES2025's JSON.rawJSON, which the type library does not list yet. */
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };

/** The value with its bigints as raw JSON, all the way down. */
function exact(value: unknown): unknown {
	if (typeof value === "bigint") return rawJSON(`${value}`);
	if (typeof value !== "object" || value === null) return value;
	if (Array.isArray(value)) return value.map(exact);
	return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, exact(member)]));
}

function exactProcess(process: Process): unknown {
	const { rlimits, scheduler } = process;
	if (rlimits.length === 0 && scheduler === undefined) return process;
	return { ...process, rlimits: exact(rlimits), ...(scheduler !== undefined && { scheduler: exact(scheduler) }) };
}

/** Rules are many, and have no bigints. */
function exactResources({ devices, ...resources }: Resources): unknown {
	return { ...(devices !== undefined && { devices }), ...(exact(resources) as object) };
}

function exactSeccomp(seccomp: Seccomp): unknown {
	const syscalls = seccomp.syscalls?.map((rule) => (rule.args === undefined ? rule : { ...rule, args: rule.args.map(exact) }));
	return { ...seccomp, syscalls };
}

/** The text of a seccomp section. */
export function encodeSeccomp(seccomp: Seccomp): string {
	return JSON.stringify(exactSeccomp(seccomp));
}

/** The text of a config.json: integers are exact to the last digit, linux.seccomp comes last. One line. */
export function encodeConfig(config: Config): string {
	const { linux, ...others } = config;
	const { seccomp, ...section } = linux;
	const text = JSON.stringify({
		...others,
		process: exactProcess(config.process),
		linux: {
			...section,
			...(linux.timeOffsets !== undefined && { timeOffsets: exact(linux.timeOffsets) }),
			...(linux.resources !== undefined && { resources: exactResources(linux.resources) }),
		},
	});
	if (seccomp === undefined) return `${text}\n`;
	// The default profile is nine tenths of the document, and always the same.
	return `${text.slice(0, -2)},"seccomp":${seccomp === commonSeccomp ? commonSeccompJson : encodeSeccomp(seccomp)}}}\n`;
}
