// The words and shapes of runc's `events --stats`, which containerd and others decode: what is zero or empty is left out where runc does.
// @see github.com/opencontainers/runc/types

/** A count; all are uint64. */
export type Count = bigint;
/** A member of the document. */
export type Json = bigint | number | string | boolean | null | readonly Json[] | { readonly [key: string]: Json };
/** Members of one object. */
export type Members = Readonly<Record<string, Json | undefined>>;

/** ES2025's JSON.rawJSON, which the type library does not list yet. */
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };

/** Without the members that are zero, empty or absent. */
export function present(members: Members): Record<string, Json> {
	const kept: Record<string, Json> = {};
	for (const [key, value] of Object.entries(members)) {
		if (value === undefined || value === 0n || value === "") continue;
		if (Array.isArray(value) && value.length === 0) continue;
		if (typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0) continue;
		kept[key] = value;
	}
	return kept;
}

/** One line of JSON, integers exact to the last digit. */
export function encodeJson(value: unknown): string {
	return JSON.stringify(value, (_key, member: unknown) => (typeof member === "bigint" ? rawJSON(`${member}`) : member));
}

/** What is counted of one kind of memory. */
export type MemoryCount = { readonly limit: Count; readonly usage: Count; readonly max: Count; readonly failcnt: Count };
/** Nothing of it is counted. */
export const noMemory: MemoryCount = { limit: 0n, usage: 0n, max: 0n, failcnt: 0n };

/** As a member of `memory`. */
export function memoryEntry({ limit, usage, max, failcnt }: MemoryCount): Json {
	return { limit, ...present({ usage, max }), failcnt };
}

/** What both versions of cgroups are read into. */
export type Stats = {
	readonly cpu: {
		readonly usage: Members;
		readonly kernel: Count;
		readonly user: Count;
		readonly throttling: Members;
		readonly psi?: Json | undefined;
	};
	readonly cpuset: Members;
	readonly memory: {
		readonly cache: Count;
		readonly usage: MemoryCount;
		readonly swap: MemoryCount;
		readonly kernel: MemoryCount;
		readonly kernelTCP: MemoryCount;
		readonly raw: Readonly<Record<string, Count>>;
		readonly psi?: Json | undefined;
	};
	readonly pids: { readonly current: Count; readonly limit: Count };
	readonly blkio: Members;
	readonly hugetlb: Readonly<Record<string, Json>>;
};

const noCpuset = {
	cpu_exclusive: 0n,
	mem_hardwall: 0n,
	mem_exclusive: 0n,
	memory_migrate: 0n,
	memory_spread_page: 0n,
	memory_spread_slab: 0n,
	memory_pressure: 0n,
	sched_load_balance: 0n,
	sched_relax_domain_level: 0n,
};

/** The `data` of a stats event. */
export function formatStats({ cpu, cpuset, memory, pids, blkio, hugetlb }: Stats): Json {
	const { cpus = [], mems = [], ...flags } = cpuset;
	const raw = Object.fromEntries(Object.entries(memory.raw).sort(([a], [b]) => (a < b ? -1 : 1)));
	return {
		cpu: {
			usage: { ...present(cpu.usage), kernel: cpu.kernel, user: cpu.user },
			throttling: present(cpu.throttling),
			...present({ psi: cpu.psi }),
		},
		cpuset: { ...present({ cpus }), ...noCpuset, ...present({ mems }), ...(flags as Record<string, Json>) },
		memory: {
			...present({ cache: memory.cache }),
			usage: memoryEntry(memory.usage),
			swap: memoryEntry(memory.swap),
			kernel: memoryEntry(memory.kernel),
			kernelTCP: memoryEntry(memory.kernelTCP),
			...present({ raw, psi: memory.psi }),
		},
		pids: present(pids),
		blkio: present(blkio),
		hugetlb,
		intel_rdt: {},
		network_interfaces: null,
	};
}
