// Compiled seccomp filters, run by a small interpreter over every system call and the arguments that matter, against the document read naively.

import { expect, test } from "bun:test";
import { capabilityNames } from "../linux/capabilities.ts";
import type { Seccomp } from "../spec/runtime.ts";
import { commonSeccomp, defaultSeccomp } from "../spec/seccomp-default.ts";
import { runFilter as run } from "./seccomp.fixture.ts";
import { compileSeccomp, forEachSyscall } from "./seccomp.ts";
import { seccompFilter } from "./seccomp-filter.ts";

const EPERM = 1;
const ENOSYS = 38;
const allow = 0x7fff_0000;
const errno = (number: number): number => 0x5_0000 | number;
const killProcess = 0x8000_0000;
const arches = { x86_64: [0xc000_003e, 0], x32: [0xc000_003e, 0x4000_0000], x86: [0x4000_0003, 0] } as const;
type Arch = keyof typeof arches;

const comparisons: Readonly<Record<string, (arg: bigint, value: bigint, two: bigint) => boolean>> = {
	SCMP_CMP_EQ: (arg, value) => arg === value,
	SCMP_CMP_NE: (arg, value) => arg !== value,
	SCMP_CMP_LT: (arg, value) => arg < value,
	SCMP_CMP_LE: (arg, value) => arg <= value,
	SCMP_CMP_GT: (arg, value) => arg > value,
	SCMP_CMP_GE: (arg, value) => arg >= value,
	SCMP_CMP_MASKED_EQ: (arg, mask, two) => (arg & mask) === (two & mask),
};
const actions: Readonly<Record<string, number>> = { SCMP_ACT_ALLOW: allow, SCMP_ACT_KILL_PROCESS: killProcess, SCMP_ACT_LOG: 0x7ffc_0000 };

/** What the document says, read naively. */
function meaning(seccomp: Seccomp, name: string | undefined, args: readonly bigint[], beyond: boolean): number {
	for (const rule of seccomp.syscalls ?? []) {
		if (name === undefined || !rule.names.includes(name)) continue;
		if ((rule.args ?? []).every((arg) => comparisons[arg.op]?.(args[arg.index] ?? 0n, arg.value, arg.valueTwo ?? 0n))) {
			return rule.action === "SCMP_ACT_ERRNO" ? errno(rule.errnoRet ?? EPERM) : (actions[rule.action] ?? -1);
		}
	}
	return errno(beyond ? ENOSYS : (seccomp.defaultErrnoRet ?? EPERM));
}

const namesOf = (arch: Arch): Map<number, string> => {
	const names = new Map<number, string>();
	forEachSyscall(arch, (name, number) => names.set(number, name));
	return names;
};

const interesting = [
	0, 1, 2, 8, 11, 12, 16, 37, 38, 39, 40, 41, 45, 46, 0x2_0000, 0x2_0008, 0x1_0000, 0xffff_ffff, 0x1000_0000, 0x0200_0000, 0x11,
	0x10_0000_0026,
].map(BigInt);
const dockerDefault =
	"CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE";

for (const capabilities of [
	[],
	dockerDefault.split(" ").map((word) => `CAP_${word}`),
	...capabilityNames.map((name) => [name]),
	[...capabilityNames],
]) {
	const label = capabilities.length > 1 ? `${capabilities.length} capabilities` : (capabilities[0] ?? "no capability");
	test(`the compiled default profile with ${label} does to every system call what the document says`, () => {
		const document = defaultSeccomp(capabilities);
		const program = compileSeccomp(document);
		expect(program.length / 8).toBeLessThan(4096);
		const conditional = new Set(["socket", "socketcall", "personality", "clone"]);
		for (const arch of ["x86_64", "x32", "x86"] as const) {
			const [audit, bit] = arches[arch];
			const names = namesOf(arch);
			const known = new Set(document.syscalls?.flatMap((rule) => rule.names));
			const newest = Math.max(...[...names].filter(([, name]) => known.has(name)).map(([number]) => number));
			for (let number = 0; number < 600; number++) {
				const name = names.get(number);
				for (const arg of name !== undefined && conditional.has(name) ? interesting : [0n]) {
					const expected = meaning(document, name, [arg, 0n, 0n, 0n, 0n, 0n], number > newest);
					const got = run(program, audit, number + bit, [arg, 0n, 0n, 0n, 0n, 0n]);
					if (got !== expected) throw new Error(`${arch} ${name ?? number}(${arg}): ${got.toString(16)}, not ${expected.toString(16)}`);
				}
			}
		}
	});
}

test("every operator compares 64 bits", () => {
	const values = [0n, 1n, 0xffff_fffen, 0xffff_ffffn, 0x1_0000_0000n, 0x1_0000_0001n, 0x8000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn];
	for (const op of Object.keys(comparisons)) {
		for (const value of values) {
			for (const valueTwo of op === "SCMP_CMP_MASKED_EQ" ? values : [0n]) {
				const document: Seccomp = {
					defaultAction: "SCMP_ACT_ERRNO",
					syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW", args: [{ index: 5, op, value, valueTwo }] }],
				};
				const program = compileSeccomp(document);
				for (const arg of values) {
					const args = [0n, 0n, 0n, 0n, 0n, arg];
					expect(run(program, 0xc000_003e, 0, args), `${arg} ${op} ${value} ${valueTwo}`).toBe(meaning(document, "read", args, false));
				}
			}
		}
	}
});

test("all conditions of a rule must hold, and conditions on one argument are alternatives", () => {
	const rule = (first: number, second: number): Seccomp => ({
		defaultAction: "SCMP_ACT_ALLOW",
		syscalls: [
			{
				names: ["write"],
				action: "SCMP_ACT_LOG",
				args: [
					{ index: first, op: "SCMP_CMP_EQ", value: 1n },
					{ index: second, op: "SCMP_CMP_EQ", value: 2n },
				],
			},
		],
	});
	const log = 0x7ffc_0000;
	expect(run(compileSeccomp(rule(0, 1)), 0xc000_003e, 1, [1n, 2n])).toBe(log);
	expect(run(compileSeccomp(rule(0, 1)), 0xc000_003e, 1, [1n, 3n])).toBe(allow);
	expect(run(compileSeccomp(rule(0, 0)), 0xc000_003e, 1, [2n, 0n])).toBe(log);
	expect(run(compileSeccomp(rule(0, 0)), 0xc000_003e, 1, [3n, 0n])).toBe(allow);
});

test("architectures that are not named are killed", () => {
	const program = compileSeccomp({ defaultAction: "SCMP_ACT_ALLOW" });
	expect(run(program, 0xc000_003e, 0, [])).toBe(allow);
	expect(run(program, 0x4000_0003, 0, [])).toBe(killProcess);
	expect(run(program, 0xc000_003e, 0x4000_0000, [])).toBe(killProcess);
	expect(run(program, 0xc000_00b7, 0, [])).toBe(killProcess);
});

test("a call is found whatever the number of rules, also across long jumps", () => {
	const names: string[] = [];
	forEachSyscall("x86_64", (name) => names.push(name));
	const document: Seccomp = {
		defaultAction: "SCMP_ACT_KILL_PROCESS",
		syscalls: names.map((name, index) => ({
			names: [name],
			action: "SCMP_ACT_ERRNO",
			errnoRet: index,
			args: [{ index: 0, op: "SCMP_CMP_EQ", value: 7n }],
		})),
	};
	const program = compileSeccomp(document);
	let index = 0;
	forEachSyscall("x86_64", (_, number) => {
		expect(run(program, 0xc000_003e, number, [7n])).toBe(errno(index++));
		expect(run(program, 0xc000_003e, number, [8n])).toBe(killProcess);
	});
});

test("what cannot be compiled is refused with its place", () => {
	const refusal = (part: Partial<Seccomp>): string => {
		try {
			compileSeccomp({ defaultAction: "SCMP_ACT_ALLOW", ...part });
		} catch (error) {
			return `${(error as { code: string }).code} ${(error as { at: string }).at}`;
		}
		return "";
	};
	expect(refusal({ defaultAction: "SCMP_ACT_MAYBE" })).toBe("invalid-spec /linux/seccomp/defaultAction");
	expect(refusal({ architectures: ["VAX"] })).toBe("invalid-spec /linux/seccomp/architectures");
	const args = [{ index: 0, op: "SCMP_CMP_LIKE", value: 1n }];
	expect(refusal({ syscalls: [{ names: ["read"], action: "SCMP_ACT_LOG", args }] })).toBe("invalid-spec /linux/seccomp/syscalls/0/args/0");
	expect(refusal({ syscalls: [{ names: ["read"], action: "SCMP_ACT_ERRNO", errnoRet: 4096 }] })).toBe(
		"invalid-spec /linux/seccomp/syscalls/0",
	);
});

test("the default profile's compiled form is used for its document, also read back from a file, and for no other", () => {
	const compiled = compileSeccomp(commonSeccomp);
	expect(seccompFilter(commonSeccomp)).toEqual(compiled);
	expect(seccompFilter(structuredClone(commonSeccomp))).toEqual(compiled);
	const edited: Seccomp = { ...commonSeccomp, syscalls: [{ names: ["read"], action: "SCMP_ACT_LOG" }, ...(commonSeccomp.syscalls ?? [])] };
	expect(seccompFilter(edited)).toEqual(compileSeccomp(edited));
	expect(seccompFilter(edited)).not.toEqual(compiled);
});
