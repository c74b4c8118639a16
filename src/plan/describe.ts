// A plan for a person to read: one line an op, with the kernel's names for its bits, what it is for and which field asked for it.

import { capabilityNames } from "../linux/capabilities.ts";
import { RLIM_INFINITY, rlimitNames } from "../linux/rlimits.ts";
import { schedulerWords } from "./attributes.ts";
import { formatMask } from "./masks.ts";
import { type ArgKind, cwd, type Op, opFlags, opTable, type Plan } from "./ops.ts";

/** What a plan is made of, for machines: integers are numbers, or strings beyond 2^53; bytes are text or base64. */
export type DescribedOp = {
	readonly index: number;
	readonly section: Section;
	readonly op: string;
	readonly args: Readonly<Record<string, unknown>>;
	readonly flags: readonly string[];
	readonly what: string;
	readonly at: string;
};

/** Who runs an op: launch before the container is, the new process up to execve, or launch beside it. */
export type Section = "host" | "container" | "parent";

type Bits = Readonly<Record<string, number>>;

const openFlags: Bits = {
	O_WRONLY: 1,
	O_RDWR: 2,
	O_CREAT: 0o100,
	O_EXCL: 0o200,
	O_TRUNC: 0o1000,
	O_APPEND: 0o2000,
	O_NONBLOCK: 0o4000,
	O_DIRECTORY: 0o200000,
	O_NOFOLLOW: 0o400000,
	O_CLOEXEC: 0o2000000,
	O_PATH: 0o10000000,
};
const mountFlags: Bits = {
	MS_RDONLY: 1,
	MS_NOSUID: 2,
	MS_NODEV: 4,
	MS_NOEXEC: 8,
	MS_REMOUNT: 0x20,
	MS_REC: 0x4000,
	MS_UNBINDABLE: 0x2_0000,
	MS_PRIVATE: 0x4_0000,
	MS_SLAVE: 0x8_0000,
	MS_SHARED: 0x10_0000,
};
const attributes: Bits = {
	RDONLY: 1,
	NOSUID: 2,
	NODEV: 4,
	NOEXEC: 8,
	NOATIME: 0x10,
	STRICTATIME: 0x20,
	_ATIME: 0x70,
	NODIRATIME: 0x80,
	NOSYMFOLLOW: 0x20_0000,
};
const resolves: Bits = { NO_XDEV: 1, NO_MAGICLINKS: 2, NO_SYMLINKS: 4, BENEATH: 8, IN_ROOT: 0x10 };
const treeFlags: Bits = { OPEN_TREE_CLONE: 1, AT_RECURSIVE: 0x8000 };
const namespaces: Bits = {
	CLONE_NEWTIME: 0x80,
	CLONE_PARENT: 0x8000,
	CLONE_NEWNS: 0x2_0000,
	CLONE_NEWCGROUP: 0x0200_0000,
	CLONE_NEWUTS: 0x0400_0000,
	CLONE_NEWIPC: 0x0800_0000,
	CLONE_NEWUSER: 0x1000_0000,
	CLONE_NEWPID: 0x2000_0000,
	CLONE_NEWNET: 0x4000_0000,
};
const fileTypes: Bits = { S_IFIFO: 0o010000, S_IFCHR: 0o020000, S_IFBLK: 0o060000 };
const prctlOptions: Bits = { PR_SET_DUMPABLE: 4, PR_SET_KEEPCAPS: 8, PR_SET_NO_NEW_PRIVS: 38 };

function named(value: number, names: Bits): string {
	let rest = value;
	const words: string[] = [];
	// Larger masks first, so that _ATIME is not read as NOATIME|STRICTATIME.
	for (const [name, bits] of Object.entries(names).sort(([, a], [, b]) => b - a)) {
		if (bits === 0 || (rest & bits) !== bits) continue;
		words.unshift(name);
		rest &= ~bits;
	}
	if (rest !== 0) words.push(`0x${(rest >>> 0).toString(16)}`);
	return words.length === 0 ? "0" : words.join("|");
}

const octal = (value: number): string => (value === 0 ? "0" : `0${value.toString(8)}`);

function mode(value: number): string {
	const type = Object.entries(fileTypes).find(([, bits]) => (value & 0o170000) === bits)?.[0];
	return type === undefined ? octal(value) : `${type}|${octal(value & 0o7777)}`;
}

function capabilities(bits: bigint): string {
	const all = (1n << BigInt(capabilityNames.length)) - 1n;
	if ((bits & all) === all) return "all";
	const names = capabilityNames.filter((_, bit) => ((bits >> BigInt(bit)) & 1n) === 1n).map((name) => name.slice(4).toLowerCase());
	return names.length === 0 ? "none" : names.join(",");
}

/** An integer in the words of its op; undefined where it is plain. */
function integer(op: Op["op"], arg: string, value: number | bigint): string | undefined {
	const number = Number(value);
	switch (`${op}.${arg}`) {
		case "openat.flags":
		case "openat2.flags":
			return number === 0 ? "O_RDONLY" : named(number, openFlags);
		case "write.flags":
			return named(number, openFlags);
		case "openat2.resolve":
			return named(number, resolves);
		case "openat2.create":
			return `${["no", "folder", "file"][number & 0xffff] ?? `like #${(number & 0xffff) - 256}`}${number > 0xffff ? "|not in proc" : ""}`;
		case "openat.mode":
		case "mkdirat.mode":
		case "mknodat.mode":
		case "fchmodat.mode":
		case "umask.mask":
			return mode(number);
		case "mknodat.dev":
			return `${(number >> 8) & 0xfff}:${(number & 0xff) | ((number >> 12) & ~0xff)}`;
		case "mount.flags":
		case "mount_at.flags":
		case "mount_setattr.propagation":
			return named(number, mountFlags);
		case "fsmount.attrs":
		case "mount_setattr.set":
		case "mount_setattr.clear":
			return named(number, attributes);
		case "open_tree.flags":
		case "mount_setattr.flags":
		case "mount_idmap.flags":
			return named(number, treeFlags);
		case "mknodat.owner":
			return `${BigInt(value) & 0xffff_ffffn}:${BigInt(value) >> 32n}`;
		case "clone3.flags":
		case "unshare.flags":
		case "setns.flags":
			return named(number, namespaces);
		case "clone3.parent":
			return `op ${number + 1}`;
		case "prctl.option":
			return named(number, prctlOptions);
		case "prlimit.resource":
			return rlimitNames[number];
		case "capbset.keep":
		case "capset.effective":
		case "capset.permitted":
		case "capset.inheritable":
		case "capset.ambient":
			return capabilities(BigInt(value));
		default:
			return value === RLIM_INFINITY ? "infinity" : undefined;
	}
}

function bytes(op: Op["op"], value: Uint8Array): string {
	if (op === "write") return JSON.stringify(new TextDecoder().decode(value));
	if (op === "setgroups") return [...new Uint32Array(value.slice().buffer)].join(",");
	if (op === "sched_setattr") return schedulerWords(value);
	if (op === "setaffinity" || op === "set_mempolicy") return formatMask(value) || "none";
	return `<${value.length / 8} instructions>`;
}

/** Numbers that say nothing are left out: every slot, and zero where it is the rule. */
function argText(op: Op, name: string, kind: ArgKind, value: unknown): string {
	if (kind === "slot") return value === cwd ? "cwd" : `#${value as number}`;
	if (kind === "out") return `#${value as number}`;
	if (kind === "str") return JSON.stringify(value);
	if (kind === "strv") return (value as readonly string[]).map((text) => JSON.stringify(text)).join(" ");
	if (kind === "blob") return bytes(op.op, value as Uint8Array);
	return integer(op.op, name, value as number | bigint) ?? `${value as number | bigint}`;
}

function callText(op: Op): string {
	const kinds = opTable[op.op] as Readonly<Record<string, ArgKind>>;
	const args = op.args as Readonly<Record<string, unknown>>;
	const names = Object.keys(kinds);
	const results = names.filter((name) => kinds[name] === "out").map((name) => `#${args[name] as number}`);
	const rest = names
		.filter((name) => kinds[name] !== "out")
		.map((name) => `${name}=${argText(op, name, kinds[name] ?? "u64", args[name])}`);
	// An execve prints whole programs; the environment is the caller's affair.
	const shown = op.op === "execve" ? rest.filter((text) => !text.startsWith("envp=")) : rest;
	return `${results.length === 0 ? "" : `${results.join(", ")} = `}${op.op}(${shown.join(", ")})`;
}

function flagNames(flags: number): string[] {
	return Object.entries(opFlags)
		.filter(([, bit]) => (flags & bit) !== 0)
		.map(([name]) => name);
}

function sectionOf(plan: Plan, index: number): Section {
	const fork = plan.ops.findIndex((op) => op.op === "clone3");
	const clone = plan.ops[fork];
	if (clone?.op !== "clone3" || index <= fork) return "host";
	return index < Number(clone.args.parent) ? "container" : "parent";
}

/** The plan as text: a heading for each of the three sections, and a line for each op. Lines are as long as they must be. */
export function describePlan(plan: Plan): string {
	const lines: string[] = [];
	let section: Section | undefined;
	for (const [index, op] of plan.ops.entries()) {
		const now = sectionOf(plan, index);
		if (now !== section) lines.push(`${section === undefined ? "" : "\n"}${now}:`);
		section = now;
		const flags = flagNames(op.flags).map((name) => ` [${name}]`);
		const source = op.at === "" ? "" : `  <- ${op.at}`;
		lines.push(`${`${index + 1}`.padStart(4)}  ${callText(op)}${flags.join("")}\n      ${op.what}${source}`);
	}
	return `${lines.join("\n")}\n`;
}

function plainValue(value: unknown): unknown {
	if (typeof value === "bigint") return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : `${value}`;
	if (!(value instanceof Uint8Array)) return value;
	const text = new TextDecoder().decode(value);
	return value.every((byte) => byte >= 32 && byte < 127) ? text : { base64: value.toBase64() };
}

/** The plan as data, for `--format json`. */
export function describePlanData(plan: Plan): readonly DescribedOp[] {
	return plan.ops.map((op, index) => {
		const args = Object.fromEntries(Object.entries(op.args).map(([name, value]) => [name, plainValue(value)]));
		return { index: index + 1, section: sectionOf(plan, index), op: op.op, args, flags: flagNames(op.flags), what: op.what, at: op.at };
	});
}
