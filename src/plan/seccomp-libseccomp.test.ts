// Random profiles, compiled by us and by libseccomp as runc uses it: the two programs say the same of every call that the profile touches.

import { expect, test } from "bun:test";
import type { Seccomp } from "../spec/runtime.ts";
import { commonSeccomp } from "../spec/seccomp-default.ts";
import { seccompOperators } from "../spec/seccomp-words.ts";
import { runFilter } from "./seccomp.fixture.ts";
import { compileSeccomp, forEachSyscall } from "./seccomp.ts";
import { parseAction } from "./seccomp-rules.ts";

const arches = { x86_64: [0xc000_003e, 0], x32: [0xc000_003e, 0x4000_0000], x86: [0x4000_0003, 0] } as const;
const tokens: Readonly<Record<string, number>> = { SCMP_ARCH_X86_64: 0xc000_003e, SCMP_ARCH_X86: 0x4000_0003, SCMP_ARCH_X32: 0x4000_003e };
const errnoENOSYS = 0x5_0026;
const rounds = Number(Bun.env.SECCOMP_ROUNDS ?? 400);

/** A generator of numbers below `sides` that says the same every time. */
function dice(seed: number): (sides: number) => number {
	let state = seed;
	return (sides) => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return (state >>> 8) % sides;
	};
}

const names =
	"read write open close clone socket connect sendto recvfrom send recv accept accept4 semop semget shmat msgsnd ioctl personality prctl chmod fchmod mount umount2 setuid setuid32 stat64 mmap2 getpid clone3 openat2 futex socketpair no_such_call".split(
		" ",
	);
const values = [0n, 1n, 2n, 5n, 38n, 40n, 0xffn, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn];
type Rule = NonNullable<Seccomp["syscalls"]>[number];

function randomProfile(seed: number): Seccomp {
	const roll = dice(seed);
	const pick = <T>(list: readonly T[]): T => list[roll(list.length)] as T;
	// Either rules of several conditions, or several conditional rules of a call: with both, libseccomp may stop at the rule whose first
	// condition holds and whose second does not, and miss the next one.
	const joined = roll(2) === 0;
	const conditionalNames = new Set<string>();
	const args = (): NonNullable<Rule["args"]> =>
		Array.from({ length: joined ? 1 + roll(2) : 1 }, () => {
			const op = pick(seccompOperators);
			return { index: roll(6), op, value: pick(values), ...(op === "SCMP_CMP_MASKED_EQ" && { valueTwo: pick(values) }) };
		});
	// The conditional rules of one call have one action: which of several overlapping ones wins is an accident of libseccomp's tree.
	const conditional = pick(["SCMP_ACT_ALLOW", "SCMP_ACT_TRAP", "SCMP_ACT_LOG"]);
	const syscalls = Array.from({ length: 1 + roll(12) }, (): Rule => {
		const some = Array.from({ length: 1 + roll(3) }, () => pick(names));
		if (roll(2) === 0) {
			const fresh = joined ? [...new Set(some)].filter((name) => !conditionalNames.has(name)) : some;
			for (const name of fresh) conditionalNames.add(name);
			return { names: fresh, action: conditional, args: args() };
		}
		const action = pick(["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRACE", "SCMP_ACT_KILL"]);
		return { names: some, action, ...(/ERRNO|TRACE/.test(action) && { errnoRet: roll(100) }) };
	});
	const defaultAction = pick(["SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_LOG"]);
	return {
		defaultAction,
		...(defaultAction === "SCMP_ACT_ERRNO" && { defaultErrnoRet: 7 }),
		architectures: ["SCMP_ARCH_X86_64", ...(roll(2) === 0 ? ["SCMP_ARCH_X86"] : []), ...(roll(2) === 0 ? ["SCMP_ARCH_X32"] : [])],
		// One plain rule in all of them: libseccomp 2.5.4 forgets to load the number of the call when i386 has rules of socketcall and ipc alone.
		syscalls: [{ names: ["getpid"], action: "SCMP_ACT_TRAP" }, ...syscalls],
	};
}

/** As runc hands it over: several conditions on one argument become a rule each. */
function forOracle(profile: Seccomp): string {
	const rules = (profile.syscalls ?? []).flatMap(({ names: called, action, errnoRet, args = [] }) => {
		const number = parseAction(action, errnoRet, "");
		const conditions = args.map(({ index, op, value, valueTwo = 0n }) => [
			index,
			seccompOperators.indexOf(op as (typeof seccompOperators)[number]) + 1,
			Number(value),
			Number(valueTwo),
		]);
		const apart = new Set(args.map(({ index }) => index)).size < args.length;
		const lists = apart ? conditions.map((condition) => [condition]) : [conditions];
		return called.flatMap((name) => lists.map((list) => ({ name, action: number, args: list })));
	});
	const architectures = profile.architectures?.map((word) => tokens[word]) ?? [];
	return JSON.stringify({ defaultAction: parseAction(profile.defaultAction, profile.defaultErrnoRet, ""), architectures, rules });
}

function askLibseccomp(profiles: readonly Seccomp[]): readonly string[] {
	const script = new URL("../../test/support/libseccomp.py", import.meta.url).pathname;
	const stdin = new TextEncoder().encode(`${profiles.map(forOracle).join("\n")}\n`);
	return Bun.spawnSync(["python3", script], { stdin }).stdout.toString().trim().split("\n");
}

/** Every difference of the two programs, over the calls that the profile names and some more. */
function differences(profile: Seccomp, theirs: Uint8Array, roll: (sides: number) => number): readonly string[] {
	const ours = compileSeccomp(profile);
	const named = new Set(profile.syscalls?.flatMap((rule) => rule.names).concat("socketcall", "ipc", "getppid", "kill"));
	const found: string[] = [];
	for (const word of profile.architectures ?? []) {
		const arch = word.slice("SCMP_ARCH_".length).toLowerCase() as keyof typeof arches;
		const [audit, bit] = arches[arch];
		forEachSyscall(arch, (name, number) => {
			if (!named.has(name)) return;
			for (let round = 0; round < 24; round++) {
				const args = Array.from({ length: 6 }, () => values[roll(values.length)] ?? 0n);
				if (round < 22) args[0] = BigInt(round);
				const [our, their] = [runFilter(ours, audit, number + bit, args), runFilter(theirs, audit, number + bit, args)];
				// What runc puts before libseccomp's program is not in it: ENOSYS beyond the newest call that is named.
				if (our !== their && our !== errnoENOSYS) found.push(`${arch} ${name}(${args}): ${our.toString(16)}, not ${their.toString(16)}`);
			}
		});
	}
	return found;
}

const available = Bun.which("python3") !== null && askLibseccomp([{ defaultAction: "SCMP_ACT_ALLOW" }])[0]?.startsWith("error") === false;
if (!available) console.log("skip: filters are libseccomp's: no python3 or no libseccomp.so.2");

test.skipIf(!available)("random profiles become filters that say what libseccomp's say", () => {
	const profiles = Array.from({ length: rounds }, (_, index) => randomProfile(index + 1));
	const roll = dice(7);
	let compared = 0;
	for (const [index, answer] of askLibseccomp(profiles).entries()) {
		const profile = profiles[index];
		if (profile === undefined || answer.startsWith("error")) continue;
		compared++;
		const found = differences(profile, Uint8Array.fromHex(answer), roll);
		if (found.length > 0) throw new Error(`profile ${index + 1}: ${found.slice(0, 3).join("; ")}\n${forOracle(profile)}`);
	}
	// The rest are profiles that libseccomp refuses, for two rules that contradict each other.
	expect(compared).toBeGreaterThan(rounds * 0.6);
});

test.skipIf(!available)("libseccomp takes the default profile", () => {
	expect(askLibseccomp([commonSeccomp])[0]).not.toContain("error");
});
