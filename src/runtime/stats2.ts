// What a container uses, from its folder of cgroup v2, in the words of v1.

import { membersOf } from "../supervise/members.ts";
import { hugepageSizes, lines, readCount, readKeys, readPressure, unlimited } from "./stats-files.ts";
import { type Count, type Json, type Members, type MemoryCount, noMemory, present, type Stats } from "./stats-json.ts";

/** Reads all counts. */
export function readStats2(folder: string): Stats {
	return {
		cpu: readCpu(folder),
		cpuset: {},
		memory: readMemory(folder),
		pids: readPids(folder),
		blkio: readIo(folder),
		hugetlb: readHugetlb(folder),
	};
}

function readCpu(folder: string): Stats["cpu"] {
	const stat = readKeys(`${folder}/cpu.stat`);
	const nanoseconds = (key: string): Count => (stat[key] ?? 0n) * 1000n;
	return {
		usage: { total: nanoseconds("usage_usec") },
		kernel: nanoseconds("system_usec"),
		user: nanoseconds("user_usec"),
		throttling: { periods: stat.nr_periods, throttledPeriods: stat.nr_throttled, throttledTime: nanoseconds("throttled_usec") },
		psi: readPressure(`${folder}/cpu.pressure`),
	};
}

function readMemory(folder: string): Stats["memory"] {
	const count = (name: string): MemoryCount => {
		const usage = readCount(`${folder}/${name}.current`);
		if (usage === undefined) return noMemory;
		return { limit: readCount(`${folder}/${name}.max`, 0n), usage, max: readCount(`${folder}/${name}.peak`, 0n), failcnt: 0n };
	};
	const raw = readKeys(`${folder}/memory.stat`);
	const usage = count("memory");
	const swap = count("memory.swap");
	// v1 counts memory and swap together; a peak of both is not known.
	const both = {
		usage: usage.usage + swap.usage,
		limit: swap.limit === unlimited ? unlimited : swap.limit + usage.limit,
		max: 0n,
		failcnt: 0n,
	};
	return {
		cache: raw.file ?? 0n,
		usage,
		swap: both,
		kernel: noMemory,
		kernelTCP: noMemory,
		raw,
		psi: readPressure(`${folder}/memory.pressure`),
	};
}

function readPids(folder: string): Stats["pids"] {
	const current = readCount(`${folder}/pids.current`);
	if (current === undefined) return { current: BigInt(membersOf(folder).length), limit: 0n };
	const limit = readCount(`${folder}/pids.max`, 0n);
	return { current, limit: limit === unlimited ? 0n : limit };
}

function readIo(folder: string): Members {
	const bytes: Json[] = [];
	const operations: Json[] = [];
	for (const line of lines(`${folder}/io.stat`)) {
		const [device = "", ...pairs] = line.split(" ");
		const [major, minor] = device.split(":");
		if (major === undefined || minor === undefined || pairs.length === 0) continue;
		for (const pair of pairs) {
			const [key, value] = pair.split("=");
			if (value === undefined || !/^\d+$/.test(value)) continue;
			const entry = (op: string): Json => present({ major: BigInt(major), minor: BigInt(minor), op, value: BigInt(value) });
			if (key === "rbytes") bytes.push(entry("Read"));
			else if (key === "wbytes") bytes.push(entry("Write"));
			else if (key === "rios") operations.push(entry("Read"));
			else if (key === "wios") operations.push(entry("Write"));
		}
	}
	return { ioServiceBytesRecursive: bytes, ioServicedRecursive: operations, psi: readPressure(`${folder}/io.pressure`) };
}

function readHugetlb(folder: string): Record<string, Json> {
	const found: Record<string, Json> = {};
	for (const size of hugepageSizes()) {
		const prefix = `${folder}/hugetlb.${size}`;
		const usage = readCount(`${prefix}.rsvd.current`) ?? readCount(`${prefix}.current`);
		if (usage !== undefined) found[size] = { ...present({ usage }), failcnt: readKeys(`${prefix}.events`).max ?? 0n };
	}
	return found;
}
