// linux.resources as lines for the files of cgroup v2. Its words are v1's; what has another scale is converted as runc and crun do.
// @see runtime-spec config-linux.md#control-groups, Documentation/admin-guide/cgroup-v2.rst

import { CortenError } from "../base/errors.ts";
import type { BlockIO, Resources } from "../spec/runtime.ts";
import { given, hugepageFile, pidsMaximum, put, putRdma, type Setting } from "./cgroup-setting.ts";
import { opFlags } from "./ops.ts";

/**
 * All lines, in an order that holds for a new cgroup.
 * @throws `invalid-spec` for values that cannot be, `unsupported` for what cgroup v2 does not have
 */
export function settings2(resources: Resources): Setting[] {
	refuseOnlyIn1(resources);
	const settings: Setting[] = [];
	const { cpu, pids } = resources;
	putMemory(settings, resources.memory ?? {});
	putCpu(settings, cpu ?? {});
	put(settings, "cpuset.cpus", cpu?.cpus || undefined, "cpu/cpus");
	put(settings, "cpuset.mems", cpu?.mems || undefined, "cpu/mems");
	if (pids?.limit !== undefined) put(settings, "pids.max", pidsMaximum(pids.limit), "pids/limit");
	putBlockIO(settings, resources.blockIO ?? {});
	for (const [index, { pageSize, limit }] of (resources.hugepageLimits ?? []).entries()) {
		const file = hugepageFile(pageSize, index);
		put(settings, `${file}.max`, limit, `hugepageLimits/${index}`);
		put(settings, `${file}.rsvd.max`, limit, `hugepageLimits/${index}`, opFlags.absentOk); // since Linux 5.7
	}
	putRdma(settings, resources.rdma);
	putUnified(settings, resources.unified ?? {});
	return settings;
}

/** The controllers that some setting needs, each with the field that asks for it. */
export function controllersOf2(settings: readonly Setting[]): readonly (readonly [controller: string, at: string])[] {
	const found = new Map<string, string>();
	for (const { file, at } of settings) {
		const controller = file.slice(0, file.indexOf("."));
		if (controller !== "cgroup" && !found.has(controller)) found.set(controller, at);
	}
	return [...found];
}

/** What v2 has no file for would otherwise be a limit that somebody counts on and that does not hold. */
function refuseOnlyIn1({ memory, cpu, blockIO, network }: Resources): void {
	const asked = [
		[memory?.disableOOMKiller === true, "memory/disableOOMKiller"],
		[memory?.swappiness !== undefined && memory.swappiness !== 0xffff_ffff_ffff_ffffn, "memory/swappiness"],
		[given(cpu?.realtimeRuntime) !== undefined, "cpu/realtimeRuntime"],
		[given(cpu?.realtimePeriod) !== undefined, "cpu/realtimePeriod"],
		[given(blockIO?.leafWeight) !== undefined, "blockIO/leafWeight"],
		[blockIO?.weightDevice?.some(({ leafWeight }) => given(leafWeight) !== undefined) ?? false, "blockIO/weightDevice"],
		[given(network?.classID) !== undefined, "network/classID"],
		[(network?.priorities ?? []).length > 0, "network/priorities"],
	] as const;
	const first = asked.find(([isAsked]) => isAsked)?.[1];
	if (first === undefined) return;
	const at = `/linux/resources/${first}`;
	throw new CortenError("unsupported", `cannot set ${first.replace("/", ".")}: cgroup v2 has no such setting`, { at });
}

const maximum = (value: bigint): bigint | "max" => (value < 0n ? "max" : value);

function putMemory(settings: Setting[], memory: NonNullable<Resources["memory"]>): void {
	const { limit, reservation } = memory;
	const swap = swapAlone(memory.swap ?? 0n, limit ?? 0n);
	// Swap first: a running container must not be pushed into it by the lower limit. A kernel that does not count swap lacks the file,
	// which is as good as none and as good as all, and no limit between.
	if (swap !== undefined) put(settings, "memory.swap.max", swap, "memory/swap", swap === 0n || swap === "max" ? opFlags.absentOk : 0);
	if (given(limit) !== undefined) put(settings, "memory.max", maximum(limit ?? 0n), "memory/limit");
	if (given(reservation) !== undefined) put(settings, "memory.low", maximum(reservation ?? 0n), "memory/reservation");
}

/** config.json's swap is memory and swap together, v2's is swap alone. Zero: not given. */
function swapAlone(both: bigint, memory: bigint): bigint | "max" | undefined {
	const at = "/linux/resources/memory/swap";
	if (both === 0n) return memory === -1n ? "max" : undefined;
	if (both < 0n) return "max";
	if (memory === -1n) return both;
	if (memory <= 0n) throw new CortenError("invalid-spec", "cannot limit swap without a limit of memory", { at });
	if (both < memory) throw new CortenError("invalid-spec", "cannot limit memory and swap together to less than memory", { at });
	return both - memory;
}

function putCpu(settings: Setting[], cpu: NonNullable<Resources["cpu"]>): void {
	const { quota, period } = cpu;
	put(settings, "cpu.idle", cpu.idle, "cpu/idle");
	// An idle cgroup has no weight, and the kernel refuses one.
	if (given(cpu.shares) !== undefined && cpu.idle !== 1n) put(settings, "cpu.weight", weightOfShares(cpu.shares ?? 0n), "cpu/shares");
	if (quota || period) put(settings, "cpu.max", `${maximum(quota || -1n)} ${period || 100_000n}`, "cpu/quota");
	put(settings, "cpu.max.burst", cpu.burst, "cpu/burst"); // after the quota, which it may not exceed
}

/**
 * v1's shares (2 to 262144, default 1024) as v2's weight (1 to 10000, default 100): the curve through these three points that runc and
 * crun use since 2025; the straight line before it made 1024 shares a weight of 39.
 */
export function weightOfShares(shares: bigint): bigint {
	if (shares <= 2n) return 1n;
	if (shares >= 262_144n) return 10_000n;
	const log = Math.log2(Number(shares));
	return BigInt(Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34)));
}

/** v1's weight of block devices (10 to 1000) on the scale of io.weight (1 to 10000). */
export function weightOfBlockIO(weight: number): number {
	return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

function putBlockIO(settings: Setting[], block: BlockIO): void {
	const weight = given(block.weight);
	if (weight !== undefined) {
		// BFQ where it is the scheduler has v1's scale; elsewhere io.weight is the one that counts.
		put(settings, "io.bfq.weight", weight, "blockIO/weight", 0, { file: "io.weight", value: weightOfBlockIO(weight) });
	}
	for (const [index, { major, minor, weight }] of (block.weightDevice ?? []).entries()) {
		if (given(weight) === undefined) continue;
		const device = `${major}:${minor}`;
		const otherwise = { file: "io.weight", value: `${device} ${weightOfBlockIO(weight ?? 0)}` };
		put(settings, "io.bfq.weight", `${device} ${weight}`, `blockIO/weightDevice/${index}`, 0, otherwise);
	}
	for (const [key, word] of throttles) {
		for (const [index, { major, minor, rate }] of (block[key] ?? []).entries())
			put(settings, "io.max", `${major}:${minor} ${word}=${rate}`, `blockIO/${key}/${index}`);
	}
}

const throttles = [
	["throttleReadBpsDevice", "rbps"],
	["throttleWriteBpsDevice", "wbps"],
	["throttleReadIOPSDevice", "riops"],
	["throttleWriteIOPSDevice", "wiops"],
] as const;

/** Files by their own names; a value of several lines is written line by line, as the kernel takes one a write. */
function putUnified(settings: Setting[], unified: Readonly<Record<string, string>>): void {
	for (const [file, value] of Object.entries(unified)) {
		if (file.includes("/") || file.includes("..") || !file.includes(".")) {
			throw new CortenError("invalid-spec", `cannot set cgroup file "${file}": it is not of the form CONTROLLER.PARAMETER`, {
				at: "/linux/resources/unified",
			});
		}
		for (const line of value.split("\n")) if (line !== "") put(settings, file, line, `unified/${file}`);
	}
}
