// linux.resources as properties of a unit, so that systemd, which owns the unit's cgroup, holds the same limits. What systemd has no
// property for is written into the cgroup's files alone, as it all is. Conversions as runc's. @see systemd.resource-control(5)

import { CortenError } from "../base/errors.ts";
import { lookUp } from "../base/look-up.ts";
import type { Resources } from "../spec/runtime.ts";
import type { Variant } from "./marshal.ts";
import { parseVariant } from "./variant-text.ts";

/** A name and its value. */
export type Property = readonly [name: string, value: Variant];

const infinity = 0xffff_ffff_ffff_ffffn;
const defaultPeriod = 100_000n;

/** A uint64 property; -1 is systemd's infinity. */
export const count = (name: string, value: bigint): Property => [name, { signature: "t", value: BigInt.asUintN(64, value) }];
/** A boolean property. */
export const flag = (name: string, value: boolean): Property => [name, { signature: "b", value }];
/** A string property. */
export const text = (name: string, value: string): Property => [name, { signature: "s", value }];

/** What decides beside the resources. */
export type PropertyContext = {
	/** Of cgroups. */
	readonly version: 1 | 2;
	/** Of systemd: 252. */
	readonly systemd: number;
	/** Shares as v2's weight, see `weightOfShares` of the plan stage. */
	readonly weightOfShares: (shares: bigint) => bigint;
};

/** The properties of all limits that systemd knows. @throws `invalid-spec` for a list of CPUs that is none */
export function resourceProperties(resources: Resources, context: PropertyContext): Property[] {
	const { memory, cpu, pids, blockIO } = resources;
	const properties: Property[] = [];
	const put = (name: string, value: bigint | undefined): void => {
		if (value !== undefined && value !== 0n) properties.push(count(name, value));
	};
	if (context.version === 1) {
		put("MemoryLimit", memory?.limit);
		put("CPUShares", cpu?.shares);
		put("BlockIOWeight", blockIO?.weight === undefined ? undefined : BigInt(blockIO.weight));
	} else {
		put("MemoryMax", memory?.limit);
		put("MemoryLow", memory?.reservation);
		const swap = swapAlone(memory?.swap ?? 0n, memory?.limit ?? 0n);
		if (swap !== undefined) properties.push(count("MemorySwapMax", swap));
		// A weight of 0 is systemd's word for cpu.idle.
		const idle = cpu?.idle === 1n && context.systemd >= 252;
		if (idle) properties.push(count("CPUWeight", 0n));
		else if (cpu?.shares !== undefined && cpu.shares !== 0n) put("CPUWeight", context.weightOfShares(cpu.shares));
	}
	properties.push(...quotaProperties(cpu?.quota ?? 0n, cpu?.period ?? 0n, context.systemd));
	if (pids?.limit !== undefined) properties.push(count("TasksMax", pids.limit < 0n ? infinity : pids.limit === 0n ? 1n : pids.limit));
	if (context.systemd >= 244) {
		if (cpu?.cpus) properties.push(["AllowedCPUs", { signature: "ay", value: bitsOfList(cpu.cpus, "/linux/resources/cpu/cpus") }]);
		if (cpu?.mems) properties.push(["AllowedMemoryNodes", { signature: "ay", value: bitsOfList(cpu.mems, "/linux/resources/cpu/mems") }]);
	}
	if (context.version === 2) properties.push(...unifiedProperties(resources.unified ?? {}, context));
	return properties;
}

/** config.json's swap is memory and swap together, systemd's is swap alone. */
function swapAlone(both: bigint, memory: bigint): bigint | undefined {
	if (both === 0n) return memory === -1n ? -1n : undefined;
	return both < 0n ? -1n : memory > 0n ? both - memory : both;
}

/** systemd takes hundredths of a CPU: what lies between is rounded up, or the container got less than it may have. */
function quotaProperties(quota: bigint, period: bigint, systemd: number): Property[] {
	const properties: Property[] = [];
	if (period !== 0n && systemd >= 242) properties.push(count("CPUQuotaPeriodUSec", period));
	if (quota === 0n && period === 0n) return properties;
	const exact = quota > 0n ? (quota * 1_000_000n) / (period === 0n ? defaultPeriod : period) : infinity;
	const perSecond = exact === infinity || exact % 10_000n === 0n ? exact : (exact / 10_000n + 1n) * 10_000n;
	return [...properties, count("CPUQuotaPerSecUSec", perSecond)];
}

/** `0-3,7` as bytes, the lowest first. @throws `invalid-spec` */
export function bitsOfList(list: string, at: string): number[] {
	const bits: number[] = [];
	for (const part of list.split(",")) {
		const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part.trim());
		if (match === null) throw new CortenError("invalid-spec", `cannot read list "${list}"`, { at });
		for (let bit = Number(match[1]); bit <= Number(match[2] ?? match[1]); bit++) bits[bit >> 3] = (bits[bit >> 3] ?? 0) | (1 << (bit & 7));
	}
	return Array.from(bits, (byte) => byte ?? 0);
}

const memoryNames: Readonly<Record<string, string>> = {
	"memory.high": "MemoryHigh",
	"memory.low": "MemoryLow",
	"memory.min": "MemoryMin",
	"memory.max": "MemoryMax",
	"memory.swap.max": "MemorySwapMax",
	"pids.max": "TasksMax",
};

/** Of linux.resources.unified what systemd has a property for; the rest is written to the files alone. */
function unifiedProperties(unified: Readonly<Record<string, string>>, { systemd }: PropertyContext): Property[] {
	const properties: Property[] = [];
	const numberOf = (value: string): bigint => (value === "max" ? infinity : /^\d+$/.test(value) ? BigInt(value) : 0n);
	const idle = unified["cpu.idle"]?.trim() === "1" && systemd >= 252;
	if (idle) properties.push(count("CPUWeight", 0n));
	for (const [file, raw] of Object.entries(unified)) {
		const value = raw.trim();
		const name = lookUp(memoryNames, file);
		if (name !== undefined) properties.push(count(name, file === "pids.max" && value === "0" ? 1n : numberOf(value)));
		else if (file === "cpu.weight" && !idle) properties.push(count("CPUWeight", numberOf(value)));
		else if (file === "cpu.max") {
			const [quota = "max", period = `${defaultPeriod}`] = value.split(/\s+/);
			properties.push(...quotaProperties(quota === "max" ? 0n : numberOf(quota), numberOf(period), systemd));
		} else if ((file === "cpuset.cpus" || file === "cpuset.mems") && systemd >= 244) {
			const property = file === "cpuset.cpus" ? "AllowedCPUs" : "AllowedMemoryNodes";
			properties.push([property, { signature: "ay", value: bitsOfList(value, `/linux/resources/unified/${file}`) }]);
		}
	}
	return properties;
}

/** Settable only when the scope is made. */
export function oomPolicy(unified: Readonly<Record<string, string>> | undefined, systemd: number): Property[] {
	const group = unified?.["memory.oom.group"]?.trim();
	if (systemd < 253 || (group !== "0" && group !== "1")) return [];
	return [text("OOMPolicy", group === "1" ? "kill" : "continue")];
}

const prefix = "org.systemd.property.";

/**
 * Properties that annotations name: `org.systemd.property.TimeoutStopUSec: uint64 5000000`; a name in `Sec` is converted to `USec`.
 * @throws `invalid-spec`
 */
export function annotationProperties(annotations: Readonly<Record<string, string>>): Property[] {
	return Object.entries(annotations).flatMap(([key, value]) => {
		if (!key.startsWith(prefix)) return [];
		const at = `/annotations/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
		const name = key.slice(prefix.length);
		if (!/^[A-Za-z]{3,}$/.test(name))
			throw new CortenError("invalid-spec", `cannot set property "${name}": it is no property's name`, { at });
		const variant = parseVariant(value, at);
		const seconds = /^(.*[a-z])Sec$/.exec(name)?.[1];
		return [seconds === undefined ? [name, variant] : [`${seconds}USec`, microseconds(variant, value, at)]];
	});
}

function microseconds({ signature, value }: Variant, given: string, at: string): Variant {
	if (!"ynqiuxtd".includes(signature)) throw new CortenError("invalid-spec", `cannot use "${given}" as seconds: not a number`, { at });
	const scaled = typeof value === "bigint" ? value * 1_000_000n : BigInt(Math.round(Number(value) * 1e6));
	return { signature: "t", value: scaled };
}
