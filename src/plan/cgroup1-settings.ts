// linux.resources as lines for the files of cgroup v1, controller by controller, in an order that holds for a new cgroup.
// @see runtime-spec config-linux.md#control-groups, Documentation/admin-guide/cgroup-v1/

import { CortenError } from "../base/errors.ts";
import type { BlockIO, Resources } from "../spec/runtime.ts";
import { given, hugepageFile, pidsMaximum, put, putRdma, type Setting } from "./cgroup-setting.ts";
import { opFlags } from "./ops.ts";

/** The controllers of v1 that some setting needs, each with the field that asks for it. */
export function controllersOf(resources: Resources): readonly (readonly [controller: string, at: string])[] {
	const controllers = ["memory", "cpu", "cpuset", "pids", "blkio", "hugetlb", "net_cls", "net_prio", "rdma"];
	return controllers.flatMap((controller) => {
		const first = settings1(controller, resources)[0];
		return first === undefined ? [] : [[controller, first.at] as const];
	});
}

/**
 * The lines of one controller.
 * @throws `invalid-spec` for a value that cannot be, `unsupported` for linux.resources.unified, which is v2's
 */
export function settings1(controller: string, resources: Resources): Setting[] {
	const settings: Setting[] = [];
	const { cpu, pids } = resources;
	switch (controller) {
		case "memory":
			putMemory(settings, resources.memory ?? {});
			break;
		case "cpu":
			putCpu(settings, cpu ?? {});
			break;
		case "cpuset":
			put(settings, "cpuset.cpus", cpu?.cpus || undefined, "cpu/cpus");
			put(settings, "cpuset.mems", cpu?.mems || undefined, "cpu/mems");
			break;
		case "pids":
			if (pids?.limit !== undefined) put(settings, "pids.max", pidsMaximum(pids.limit), "pids/limit");
			break;
		case "blkio":
			putBlockIO(settings, resources.blockIO ?? {});
			break;
		case "hugetlb":
			for (const [index, { pageSize, limit }] of (resources.hugepageLimits ?? []).entries()) {
				const file = hugepageFile(pageSize, index);
				put(settings, `${file}.limit_in_bytes`, limit, `hugepageLimits/${index}`);
				// Reserved pages are counted apart since Linux 5.7; without this a program maps more than it may touch and dies by SIGBUS.
				put(settings, `${file}.rsvd.limit_in_bytes`, limit, `hugepageLimits/${index}`, opFlags.absentOk);
			}
			break;
		case "net_cls":
			put(settings, "net_cls.classid", given(resources.network?.classID), "network/classID");
			break;
		case "net_prio":
			for (const [index, { name, priority }] of (resources.network?.priorities ?? []).entries())
				put(settings, "net_prio.ifpriomap", `${name} ${priority}`, `network/priorities/${index}`);
			break;
		case "rdma":
			putRdma(settings, resources.rdma);
			break;
	}
	return settings;
}

/** kernel and kernelTCP are passed over: kernels have taken no such limit since 5.x, and the specification has given them up. */
function putMemory(settings: Setting[], memory: NonNullable<Resources["memory"]>): void {
	const limit = given(memory.limit);
	put(settings, "memory.limit_in_bytes", limit, "memory/limit");
	// After the limit: memory and swap together may not be less. Kernels that do not count swap lack the file.
	const swap = given(memory.swap) ?? (limit === -1n ? -1n : undefined);
	put(settings, "memory.memsw.limit_in_bytes", swap, "memory/swap", opFlags.absentOk);
	put(settings, "memory.soft_limit_in_bytes", given(memory.reservation), "memory/reservation");
	// Processes below count too since Linux 5.11 whatever is written; older kernels refuse it in a cgroup that has one below.
	if (memory.useHierarchy === true) put(settings, "memory.use_hierarchy", 1, "memory/useHierarchy", opFlags.absentOk);
	if (memory.disableOOMKiller === true) put(settings, "memory.oom_control", 1, "memory/disableOOMKiller");
	const { swappiness } = memory;
	if (swappiness === undefined || swappiness === 0xffff_ffff_ffff_ffffn) return; // -1, read as unsigned: as the host has it
	if (swappiness > 100n) {
		throw new CortenError("invalid-spec", `cannot set swappiness to ${swappiness}: it is a number from 0 to 100`, {
			at: "/linux/resources/memory/swappiness",
		});
	}
	put(settings, "memory.swappiness", swappiness, "memory/swappiness");
}

function putCpu(settings: Setting[], cpu: NonNullable<Resources["cpu"]>): void {
	put(settings, "cpu.shares", given(cpu.shares), "cpu/shares");
	put(settings, "cpu.cfs_period_us", given(cpu.period), "cpu/period");
	put(settings, "cpu.cfs_quota_us", given(cpu.quota), "cpu/quota");
	put(settings, "cpu.cfs_burst_us", cpu.burst, "cpu/burst"); // after the quota, which it may not exceed
	put(settings, "cpu.rt_period_us", given(cpu.realtimePeriod), "cpu/realtimePeriod");
	put(settings, "cpu.rt_runtime_us", given(cpu.realtimeRuntime), "cpu/realtimeRuntime");
	put(settings, "cpu.idle", cpu.idle, "cpu/idle");
}

/** Weights are BFQ's since Linux 5.0; the files before were CFQ's, who alone knew weights of leaves. */
function putBlockIO(settings: Setting[], block: BlockIO): void {
	const weight = given(block.weight);
	put(settings, "blkio.weight", weight, "blockIO/weight", 0, { file: "blkio.bfq.weight", value: weight });
	put(settings, "blkio.leaf_weight", given(block.leafWeight), "blockIO/leafWeight");
	for (const [index, { major, minor, weight, leafWeight }] of (block.weightDevice ?? []).entries()) {
		const at = `blockIO/weightDevice/${index}`;
		const line = `${major}:${minor} ${weight}`;
		if (given(weight) !== undefined) put(settings, "blkio.weight_device", line, at, 0, { file: "blkio.bfq.weight_device", value: line });
		if (given(leafWeight) !== undefined) put(settings, "blkio.leaf_weight_device", `${major}:${minor} ${leafWeight}`, at);
	}
	for (const [key, file] of throttles) {
		for (const [index, { major, minor, rate }] of (block[key] ?? []).entries())
			put(settings, `blkio.throttle.${file}`, `${major}:${minor} ${rate}`, `blockIO/${key}/${index}`);
	}
}

const throttles = [
	["throttleReadBpsDevice", "read_bps_device"],
	["throttleWriteBpsDevice", "write_bps_device"],
	["throttleReadIOPSDevice", "read_iops_device"],
	["throttleWriteIOPSDevice", "write_iops_device"],
] as const;
