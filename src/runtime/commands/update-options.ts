// The options of update, and the resources they mean.

import { CortenError } from "../../base/errors.ts";
import type { OptionTable, Parsed } from "../../base/options.ts";
import { parseBytes } from "../../bundle/size.ts";
import type { Resources } from "../../spec/runtime.ts";

const bytes = "BYTES";
/** Names as runc's. */
export const updateOptions = {
	resources: { kind: "value", short: "r", metavar: "FILE", help: "JSON of linux.resources with what changes; - is standard input" },
	"blkio-weight": { kind: "value", metavar: "WEIGHT", help: "weight of block devices, 10 to 1000" },
	"cpu-period": { kind: "value", metavar: "US", help: "period of the CPU quota in microseconds" },
	"cpu-quota": { kind: "value", metavar: "US", help: "CPU time in one period, in microseconds; -1 lifts the limit" },
	"cpu-burst": { kind: "value", metavar: "US", help: "CPU time that may be saved up, in microseconds" },
	"cpu-share": { kind: "value", metavar: "SHARES", help: "weight against other containers, 1024 is usual" },
	"cpu-rt-period": { kind: "value", metavar: "US", help: "period of real-time scheduling in microseconds" },
	"cpu-rt-runtime": { kind: "value", metavar: "US", help: "real-time CPU time in one period" },
	"cpuset-cpus": { kind: "value", metavar: "LIST", help: "CPUs to run on: 0-3,7" },
	"cpuset-mems": { kind: "value", metavar: "LIST", help: "memory nodes to use" },
	"kernel-memory": { kind: "value", metavar: bytes, help: "does nothing: kernels have no such limit any more" },
	"kernel-memory-tcp": { kind: "value", metavar: bytes, help: "does nothing: kernels have no such limit any more" },
	memory: { kind: "value", metavar: bytes, help: "limit of memory; -1 lifts it" },
	"cpu-idle": { kind: "value", metavar: "0|1", help: "1: runs only when nobody else wants to" },
	"memory-reservation": { kind: "value", metavar: bytes, help: "memory that is taken from others first" },
	"memory-swap": { kind: "value", metavar: bytes, help: "limit of memory and swap together; -1 lifts it" },
	"pids-limit": { kind: "value", metavar: "NUMBER", help: "limit of processes and threads; -1 lifts it" },
	"l3-cache-schema": { kind: "value", metavar: "SCHEMA", help: "not implemented: Intel RDT" },
	"mem-bw-schema": { kind: "value", metavar: "SCHEMA", help: "not implemented: Intel RDT" },
} as const satisfies OptionTable;

type Options = Parsed<typeof updateOptions>;
type Name = keyof typeof updateOptions;

/** What the options ask for, but for --resources. @throws `invalid-argument`, and `unsupported` for Intel RDT */
export function resourcesOfOptions(options: Options): Resources {
	for (const name of ["l3-cache-schema", "mem-bw-schema"] as const) {
		if (given(options, name) === undefined) continue;
		throw new CortenError("unsupported", "cannot update Intel RDT: not implemented", { at: `--${name}` });
	}
	const memory = members({
		limit: size(options, "memory"),
		swap: size(options, "memory-swap"),
		reservation: size(options, "memory-reservation"),
		kernel: size(options, "kernel-memory"),
		kernelTCP: size(options, "kernel-memory-tcp"),
	});
	const cpu = members({
		shares: integer(options, "cpu-share", 0n),
		quota: integer(options, "cpu-quota"),
		period: integer(options, "cpu-period", 0n),
		burst: integer(options, "cpu-burst", 0n),
		realtimePeriod: integer(options, "cpu-rt-period", 0n),
		realtimeRuntime: integer(options, "cpu-rt-runtime"),
		idle: integer(options, "cpu-idle"),
		cpus: given(options, "cpuset-cpus"),
		mems: given(options, "cpuset-mems"),
	});
	const weight = integer(options, "blkio-weight", 0n);
	const pids = integer(options, "pids-limit");
	return {
		...(memory !== undefined && { memory }),
		...(cpu !== undefined && { cpu }),
		...(weight !== undefined && { blockIO: { weight: Number(weight) } }),
		...(pids !== undefined && { pids: { limit: pids } }),
	};
}

/** Engines give an empty value for what they do not mean. */
function given(options: Options, name: Name): string | undefined {
	return options[name] || undefined;
}

function size(options: Options, name: Name): bigint | undefined {
	const text = given(options, name);
	return text === undefined ? undefined : text === "-1" ? -1n : parseBytes(text, `--${name}`);
}

function integer(options: Options, name: Name, min?: bigint): bigint | undefined {
	const text = given(options, name);
	if (text === undefined) return undefined;
	if (/^[+-]?\d{1,20}$/.test(text)) {
		const value = BigInt(text.replace(/^\+/, ""));
		if ((min === undefined || value >= min) && value < 1n << 63n) return value;
	}
	throw new CortenError("invalid-argument", `cannot use "${text}" as --${name}: invalid value for ${name}`, { at: `--${name}` });
}

/** Those that are given; undefined when none is. */
function members<T extends Record<string, bigint | string | undefined>>(all: T): { [K in keyof T]?: NonNullable<T[K]> } | undefined {
	const kept = Object.entries(all).filter(([, value]) => value !== undefined);
	return kept.length === 0 ? undefined : (Object.fromEntries(kept) as { [K in keyof T]?: NonNullable<T[K]> });
}
