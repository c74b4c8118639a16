// config.json as corten writes and reads it: the properties of runtime-spec 1.2 that the main job needs, as they are spelled there.
// int64 and uint64 properties are bigint after decoding. Unknown properties are ignored as the specification demands.
// @see runtime-spec config.md, config-linux.md

/** The whole document. @see runtime-spec config.md */
export type Config = {
	readonly ociVersion: string;
	readonly root: { readonly path: string; readonly readonly: boolean };
	readonly hostname?: string;
	readonly domainname?: string;
	readonly mounts: readonly Mount[];
	readonly process: Process;
	readonly annotations?: Readonly<Record<string, string>>;
	readonly hooks?: Hooks | undefined;
	readonly linux: Linux;
};

/** @see runtime-spec config.md#posix-platform-hooks */
export type Hooks = {
	readonly prestart?: readonly Hook[];
	readonly createRuntime?: readonly Hook[];
	readonly createContainer?: readonly Hook[];
	readonly startContainer?: readonly Hook[];
	readonly poststart?: readonly Hook[];
	readonly poststop?: readonly Hook[];
};

/** A program; `timeout` is in seconds. @see runtime-spec config.md#posix-platform-hooks */
export type Hook = {
	readonly path: string;
	readonly args?: readonly string[];
	readonly env?: readonly string[];
	readonly timeout?: number;
};

/** @see runtime-spec config.md#mounts */
export type Mount = {
	readonly destination: string;
	readonly type?: string;
	readonly source?: string;
	readonly options?: readonly string[];
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
	readonly devices: readonly Device[];
	readonly cgroupsPath?: string;
	readonly resources?: Resources;
	readonly rootfsPropagation?: string;
	readonly seccomp?: Seccomp;
	readonly sysctl?: Readonly<Record<string, string>>;
	readonly maskedPaths: readonly string[];
	readonly readonlyPaths: readonly string[];
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
	readonly memory?: { readonly limit?: bigint; readonly reservation?: bigint; readonly swap?: bigint };
	readonly cpu?: {
		readonly shares?: bigint;
		readonly quota?: bigint;
		readonly period?: bigint;
		readonly cpus?: string;
		readonly mems?: string;
	};
	readonly pids?: { readonly limit: bigint };
	readonly unified?: Readonly<Record<string, string>>;
};

/** @see runtime-spec config-linux.md#seccomp */
export type Seccomp = {
	readonly defaultAction: string;
	readonly defaultErrnoRet?: number;
	readonly architectures?: readonly string[];
	readonly flags?: readonly string[];
	readonly syscalls?: readonly {
		readonly names: readonly string[];
		readonly action: string;
		readonly errnoRet?: number;
		readonly args?: readonly { readonly index: number; readonly value: bigint; readonly valueTwo?: bigint; readonly op: string }[];
	}[];
};
