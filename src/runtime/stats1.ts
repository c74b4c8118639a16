// What a container uses, from the folders of cgroup v1.

import { hugepageSizes, lines, readCount, readKeys, readList } from "./stats-files.ts";
import { type Count, type Json, type Members, type MemoryCount, noMemory, present, type Stats } from "./stats-json.ts";

/** Ticks of cpuacct.stat a second are 100 on every machine. */
const nanosecondsOfTick = 10_000_000n;

/** Finds the folder of a controller, or one where no file is. */
function folderOf(folders: readonly string[], controller: string): string {
	const named = new RegExp(`/([^/]+,)?${controller}(,[^/]+)?/`);
	return folders.find((path) => named.test(path)) ?? "/nowhere";
}

/** Reads all counts. @param folders of the container's cgroups */
export function readStats1(folders: readonly string[]): Stats {
	const of = (controller: string): string => folderOf(folders, controller);
	return {
		cpu: readCpu(of("cpu"), of("cpuacct")),
		cpuset: readCpuset(of("cpuset")),
		memory: readMemory(of("memory")),
		pids: readPids(of("pids")),
		blkio: readBlkio(of("blkio")),
		hugetlb: readHugetlb(of("hugetlb")),
	};
}

function readCpu(cpu: string, cpuacct: string): Stats["cpu"] {
	const { nr_periods, nr_throttled, throttled_time } = readKeys(`${cpu}/cpu.stat`);
	const { user = 0n, system = 0n } = readKeys(`${cpuacct}/cpuacct.stat`);
	const perCpu = lines(`${cpuacct}/cpuacct.usage_all`).slice(1);
	const column = (index: number): Count[] => perCpu.map((line) => BigInt(line.split(" ")[index] ?? 0));
	const percpu = (lines(`${cpuacct}/cpuacct.usage_percpu`)[0] ?? "").split(" ").filter(Boolean).map(BigInt);
	return {
		usage: { total: readCount(`${cpuacct}/cpuacct.usage`), percpu, percpu_kernel: column(2), percpu_user: column(1) },
		kernel: system * nanosecondsOfTick,
		user: user * nanosecondsOfTick,
		throttling: { periods: nr_periods, throttledPeriods: nr_throttled, throttledTime: throttled_time },
	};
}

function readCpuset(folder: string): Members {
	if (readCount(`${folder}/cpuset.cpu_exclusive`) === undefined) return {};
	const file = (name: string): Count => readCount(`${folder}/cpuset.${name}`, 0n);
	const level = lines(`${folder}/cpuset.sched_relax_domain_level`)[0] ?? "0"; // -1 is usual
	return {
		cpus: readList(`${folder}/cpuset.cpus`),
		cpu_exclusive: file("cpu_exclusive"),
		mems: readList(`${folder}/cpuset.mems`),
		mem_hardwall: file("mem_hardwall"),
		mem_exclusive: file("mem_exclusive"),
		memory_migrate: file("memory_migrate"),
		memory_spread_page: file("memory_spread_page"),
		memory_spread_slab: file("memory_spread_slab"),
		memory_pressure: file("memory_pressure"),
		sched_load_balance: file("sched_load_balance"),
		sched_relax_domain_level: BigInt(level),
	};
}

function readMemory(folder: string): Stats["memory"] {
	const count = (name: string): MemoryCount => {
		const usage = readCount(`${folder}/${name}.usage_in_bytes`);
		if (usage === undefined) return noMemory;
		const file = (end: string): Count => readCount(`${folder}/${name}.${end}`, 0n);
		return { limit: file("limit_in_bytes"), usage, max: file("max_usage_in_bytes"), failcnt: file("failcnt") };
	};
	const raw = readKeys(`${folder}/memory.stat`);
	return {
		cache: raw.cache ?? 0n,
		usage: count("memory"),
		swap: count("memory.memsw"),
		kernel: count("memory.kmem"),
		kernelTCP: count("memory.kmem.tcp"),
		raw,
	};
}

function readPids(folder: string): Stats["pids"] {
	const limit = readCount(`${folder}/pids.max`, 0n);
	return { current: readCount(`${folder}/pids.current`, 0n), limit: limit === 0xffff_ffff_ffff_ffffn ? 0n : limit };
}

/** Lines are `MAJOR:MINOR WORD NUMBER` or without the word; those of a total are left out. */
function readDevices(path: string): Json[] {
	return lines(path).flatMap((line) => {
		const fields = line.split(/[ :]/);
		if (fields.length < 3) return [];
		const [major = "0", minor = "0", ...rest] = fields;
		const op = rest.length > 1 ? (rest[0] ?? "") : "";
		return [present({ major: BigInt(major), minor: BigInt(minor), op, value: BigInt(rest.at(-1) ?? 0) })];
	});
}

/** BFQ counts when it is asked to, blk-throttle when it has rules; whichever has lines is taken, with all below before the folder alone. */
function readBlkio(folder: string): Members {
	for (const prefix of ["blkio.bfq.", "blkio.", "blkio.throttle."]) {
		const file = (name: string): Json[] => readDevices(`${folder}/${prefix}${name}_recursive`);
		const served = file("io_serviced");
		if (served.length === 0) continue;
		return {
			ioServiceBytesRecursive: file("io_service_bytes"),
			ioServicedRecursive: served,
			ioQueueRecursive: file("io_queued"),
			ioServiceTimeRecursive: file("io_service_time"),
			ioWaitTimeRecursive: file("io_wait_time"),
			ioMergedRecursive: file("io_merged"),
			ioTimeRecursive: file("time"),
			sectorsRecursive: file("sectors"),
		};
	}
	return {
		ioServiceBytesRecursive: readDevices(`${folder}/blkio.throttle.io_service_bytes`),
		ioServicedRecursive: readDevices(`${folder}/blkio.throttle.io_serviced`),
	};
}

function readHugetlb(folder: string): Record<string, Json> {
	const found: Record<string, Json> = {};
	for (const size of hugepageSizes()) {
		for (const prefix of [`${folder}/hugetlb.${size}.rsvd`, `${folder}/hugetlb.${size}`]) {
			const usage = readCount(`${prefix}.usage_in_bytes`);
			if (usage === undefined) continue;
			const max = readCount(`${prefix}.max_usage_in_bytes`);
			found[size] = { ...present({ usage, max }), failcnt: readCount(`${prefix}.failcnt`, 0n) };
			break;
		}
	}
	return found;
}
