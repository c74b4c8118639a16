// config.json as corten writes and reads it: every property of runtime-spec 1.3 for Linux, as they are spelled there. int64 and uint64
// properties are bigint after decoding, but for device numbers. Unknown properties are ignored as the specification demands. In optional
// words "" means absent, as engines written in Go write it.
// @see runtime-spec config.md, config-linux.md

/** The whole document. @see runtime-spec config.md */
export type Config = {
	readonly ociVersion: string;
	readonly root: { readonly path: string; readonly readonly: boolean };
	readonly hostname?: string;
	readonly domainname?: string;
	readonly mounts: readonly Mount[];
	/** Without args when the document has no process: such a container can be created and not started. */
	readonly process: Process;
	readonly hooks?: Hooks;
	readonly annotations?: Readonly<Record<string, string>>;
	readonly linux: Linux;
};

/** @see runtime-spec config.md#mounts */
export type Mount = {
	readonly destination: string;
	readonly type?: string;
	readonly source?: string;
	readonly options?: readonly string[];
	readonly uidMappings?: readonly IdMapping[];
	readonly gidMappings?: readonly IdMapping[];
};

/** A range of ids. @see runtime-spec config-linux.md#user-namespace-mappings */
export type IdMapping = { readonly containerID: number; readonly hostID: number; readonly size: number };

/** The moments of a container's life at which programs of others run, in that order. */
export const hookNames = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] as const;
/** One of {@link hookNames}. */
export type HookName = (typeof hookNames)[number];
/** @see runtime-spec config.md#posix-platform-hooks */
export type Hooks = { readonly [name in HookName]?: readonly Hook[] };
/** One program. Without args its argv is its path alone; without env its environment is empty; timeout is in seconds. */
export type Hook = {
	readonly path: string;
	readonly args?: readonly string[];
	readonly env?: readonly string[];
	readonly timeout?: number;
};

/** @see runtime-spec config.md#process */
export type Process = {
	readonly terminal: boolean;
	readonly consoleSize?: { readonly height: number; readonly width: number };
	readonly user: { readonly uid: number; readonly gid: number; readonly umask?: number; readonly additionalGids: readonly number[] };
	readonly args: readonly string[];
	readonly env: readonly string[];
	readonly cwd: string;
	readonly capabilities?: CapabilitySets;
	readonly rlimits: readonly { readonly type: string; readonly soft: bigint; readonly hard: bigint }[];
	readonly noNewPrivileges: boolean;
	readonly oomScoreAdj?: number;
	readonly apparmorProfile?: string;
	readonly selinuxLabel?: string;
	readonly ioPriority?: { readonly class: IoPriorityClass; readonly priority: number };
	readonly scheduler?: Scheduler;
	/** Lists like `0-3,7`. */
	readonly execCPUAffinity?: { readonly initial?: string; readonly final?: string };
};

/** In the order of their numbers, from 1. */
export const ioPriorityClasses = ["IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"] as const;
/** One of {@link ioPriorityClasses}. */
export type IoPriorityClass = (typeof ioPriorityClasses)[number];

/** In the order of their numbers, from 0. @see sched(7) */
export const schedulerPolicies = [
	"SCHED_OTHER",
	"SCHED_FIFO",
	"SCHED_RR",
	"SCHED_BATCH",
	"SCHED_ISO",
	"SCHED_IDLE",
	"SCHED_DEADLINE",
] as const;
/** In the order of their bits, from 1. @see sched_setattr(2) */
export const schedulerFlags = [
	"SCHED_FLAG_RESET_ON_FORK",
	"SCHED_FLAG_RECLAIM",
	"SCHED_FLAG_DL_OVERRUN",
	"SCHED_FLAG_KEEP_POLICY",
	"SCHED_FLAG_KEEP_PARAMS",
	"SCHED_FLAG_UTIL_CLAMP_MIN",
	"SCHED_FLAG_UTIL_CLAMP_MAX",
] as const;
/** runtime, deadline and period are nanoseconds. @see runtime-spec config.md#linux-process */
export type Scheduler = {
	readonly policy: (typeof schedulerPolicies)[number];
	readonly nice: number;
	readonly priority: number;
	readonly flags: readonly (typeof schedulerFlags)[number][];
	readonly runtime: bigint;
	readonly deadline: bigint;
	readonly period: bigint;
};

/** Lists of `CAP_*` names. @see runtime-spec config.md#linux-process */
export type CapabilitySets = {
	readonly bounding: readonly string[];
	readonly effective: readonly string[];
	readonly permitted: readonly string[];
	readonly inheritable: readonly string[];
	readonly ambient: readonly string[];
};

/** The kinds of namespaces, in the words of config.json. @see runtime-spec config-linux.md#namespaces */
export const namespaceTypes = ["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"] as const;
/** One of {@link namespaceTypes}. */
export type NamespaceType = (typeof namespaceTypes)[number];

/** @see runtime-spec config-linux.md */
export type Linux = {
	readonly namespaces: readonly { readonly type: NamespaceType; readonly path?: string }[];
	readonly uidMappings?: readonly IdMapping[];
	readonly gidMappings?: readonly IdMapping[];
	/** By name of the clock. */
	readonly timeOffsets?: Readonly<Record<string, { readonly secs: bigint; readonly nanosecs: number }>>;
	readonly devices: readonly Device[];
	/** By name on the host. */
	readonly netDevices?: Readonly<Record<string, { readonly name?: string }>>;
	readonly cgroupsPath?: string;
	readonly resources?: Resources;
	readonly rootfsPropagation?: string;
	readonly seccomp?: Seccomp;
	readonly sysctl?: Readonly<Record<string, string>>;
	readonly maskedPaths: readonly string[];
	readonly readonlyPaths: readonly string[];
	readonly mountLabel?: string;
	readonly personality?: { readonly domain: "LINUX" | "LINUX32"; readonly flags?: readonly string[] };
	readonly memoryPolicy?: MemoryPolicy;
	readonly intelRdt?: IntelRdt;
};

/** In the order of their numbers, from 0. @see set_mempolicy(2) */
export const memoryPolicyModes = [
	"MPOL_DEFAULT",
	"MPOL_PREFERRED",
	"MPOL_BIND",
	"MPOL_INTERLEAVE",
	"MPOL_LOCAL",
	"MPOL_PREFERRED_MANY",
	"MPOL_WEIGHTED_INTERLEAVE",
] as const;
/** In the order of their bits, from 1 << 13. */
export const memoryPolicyFlags = ["MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"] as const;
/** nodes: a list like `0-3,7`. @see runtime-spec config-linux.md#memory-policy */
export type MemoryPolicy = {
	readonly mode: (typeof memoryPolicyModes)[number];
	readonly nodes?: string;
	readonly flags?: readonly (typeof memoryPolicyFlags)[number][];
};

/** @see runtime-spec config-linux.md#intelrdt */
export type IntelRdt = {
	readonly closID?: string;
	readonly schemata?: readonly string[];
	readonly l3CacheSchema?: string;
	readonly memBwSchema?: string;
	readonly enableMonitoring?: boolean;
};

/** @see runtime-spec config-linux.md#devices */
export type Device = {
	readonly type: "c" | "b" | "u" | "p";
	readonly path: string;
	readonly major?: number;
	readonly minor?: number;
	readonly fileMode?: number;
	readonly uid?: number;
	readonly gid?: number;
};

/** @see runtime-spec config-linux.md#control-groups */
export type Resources = {
	readonly devices?: readonly {
		readonly allow: boolean;
		readonly type?: string;
		readonly major?: number;
		readonly minor?: number;
		readonly access?: string;
	}[];
	readonly memory?: {
		readonly limit?: bigint;
		readonly reservation?: bigint;
		readonly swap?: bigint;
		readonly kernel?: bigint;
		readonly kernelTCP?: bigint;
		readonly swappiness?: bigint;
		readonly disableOOMKiller?: boolean;
		readonly useHierarchy?: boolean;
		readonly checkBeforeUpdate?: boolean;
	};
	readonly cpu?: {
		readonly shares?: bigint;
		readonly quota?: bigint;
		readonly burst?: bigint;
		readonly period?: bigint;
		readonly realtimeRuntime?: bigint;
		readonly realtimePeriod?: bigint;
		readonly cpus?: string;
		readonly mems?: string;
		readonly idle?: bigint;
	};
	readonly pids?: { readonly limit?: bigint };
	readonly blockIO?: BlockIO;
	readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: bigint }[];
	readonly network?: {
		readonly classID?: number;
		readonly priorities?: readonly { readonly name: string; readonly priority: number }[];
	};
	readonly rdma?: Readonly<Record<string, { readonly hcaHandles?: number; readonly hcaObjects?: number }>>;
	readonly unified?: Readonly<Record<string, string>>;
};

type DeviceNumber = { readonly major: number; readonly minor: number };
type Throttle = readonly (DeviceNumber & { readonly rate: bigint })[];
/** @see runtime-spec config-linux.md#block-io */
export type BlockIO = {
	readonly weight?: number;
	readonly leafWeight?: number;
	readonly weightDevice?: readonly (DeviceNumber & { readonly weight?: number; readonly leafWeight?: number })[];
	readonly throttleReadBpsDevice?: Throttle;
	readonly throttleWriteBpsDevice?: Throttle;
	readonly throttleReadIOPSDevice?: Throttle;
	readonly throttleWriteIOPSDevice?: Throttle;
};

/** @see runtime-spec config-linux.md#seccomp */
export type Seccomp = {
	readonly defaultAction: string;
	readonly defaultErrnoRet?: number;
	readonly architectures?: readonly string[];
	readonly flags?: readonly string[];
	readonly listenerPath?: string;
	readonly listenerMetadata?: string;
	readonly syscalls?: readonly {
		readonly names: readonly string[];
		readonly action: string;
		readonly errnoRet?: number;
		readonly args?: readonly { readonly index: number; readonly value: bigint; readonly valueTwo?: bigint; readonly op: string }[];
	}[];
};
