// Facts of this machine that a plan depends on, read once by the command (readHostFacts below) and passed in, so that compile stays pure:
// the same config, recipe, frame and facts give the same plan, byte for byte.

/** Read by readHostFacts */
export type HostFacts = {
	/** Kernel release as [major, minor]. */
	readonly kernel: readonly [major: number, minor: number];
	/** The highest capability number the kernel knows (/proc/sys/kernel/cap_last_cap). */
	readonly lastCapability: number;
	/** Where cgroups are: v2 alone, or v1 hierarchies, each with its mount point and controllers. */
	readonly cgroup:
		| { readonly version: 2; readonly mountPoint: string }
		| { readonly version: 1; readonly hierarchies: readonly { readonly mountPoint: string; readonly controllers: readonly string[] }[] };
	/** Number of CPUs, for the per-CPU masked paths. */
	readonly cpus: number;
	/** Whether EROFS images mount straight from a file (Linux 6.12 and newer); otherwise through loop devices. */
	readonly erofsFromFile: boolean;
	/** RLIMIT_NOFILE of the caller: Bun raises its own soft limit at start, the payload gets the caller's back. */
	readonly openFiles: { readonly soft: bigint; readonly hard: bigint };
	/** The effective capabilities of the caller, as bits. */
	readonly capabilities: bigint;
};
