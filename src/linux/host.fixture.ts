// A machine, for the tests of every stage.

import type { HostFacts } from "./host.ts";

/** A machine with cgroup v2 and Linux 6.12, whose caller holds all capabilities. */
export const minimalHost: HostFacts = {
	kernel: [6, 12],
	lastCapability: 40,
	cgroup: { version: 2, mountPoint: "/sys/fs/cgroup" },
	cpus: 2,
	erofsFromFile: true,
	openFiles: { soft: 1024n, hard: 524288n },
	capabilities: (1n << 41n) - 1n,
	initialUserNamespace: true,
	uid: 0,
	gid: 0,
};
