// The smallest input of each kind, for tests: what a test changes in it is all that its expectation is about.

import { minimalHost } from "../linux/host.fixture.ts";
import type { HostFacts } from "../linux/host.ts";
import type { Config } from "../spec/runtime.ts";
import type { CompileInput } from "./compile.ts";

/** A machine with cgroup v1, cpu and cpuacct in one hierarchy. */
export const hybridHost: HostFacts = {
	...minimalHost,
	kernel: [6, 1],
	erofsFromFile: false,
	cgroup: {
		version: 1,
		hierarchies: [
			{ mountPoint: "/sys/fs/cgroup/cpu,cpuacct", controllers: ["cpu", "cpuacct"] },
			{ mountPoint: "/sys/fs/cgroup/cpuset", controllers: ["cpuset"] },
			{ mountPoint: "/sys/fs/cgroup/memory", controllers: ["memory"] },
			{ mountPoint: "/sys/fs/cgroup/devices", controllers: ["devices"] },
			{ mountPoint: "/sys/fs/cgroup/pids", controllers: ["pids"] },
			{ mountPoint: "/sys/fs/cgroup/blkio", controllers: ["blkio"] },
			{ mountPoint: "/sys/fs/cgroup/systemd", controllers: ["name=systemd"] },
		],
	},
};

/** `true` as root without capabilities, in new mount and pid namespaces. */
export const minimalConfig: Config = {
	ociVersion: "1.2.0",
	root: { path: "rootfs", readonly: false },
	mounts: [],
	process: {
		terminal: false,
		user: { uid: 0, gid: 0, additionalGids: [] },
		args: ["/bin/true"],
		env: ["PATH=/usr/bin:/bin"],
		cwd: "/",
		rlimits: [],
		noNewPrivileges: false,
	},
	linux: { namespaces: [{ type: "mount" }, { type: "pid" }], devices: [], maskedPaths: [], readonlyPaths: [] },
};

/** One layer, output and input the caller's, kept at the end. */
export const minimalInput: CompileInput = {
	config: minimalConfig,
	rootfs: {
		kind: "layers",
		layers: [{ kind: "erofs", path: "/var/lib/corten/layers/sha256-aa.erofs" }],
		upper: { upperDir: "/var/lib/corten/containers/c1/upper", workDir: "/var/lib/corten/containers/c1/work" },
	},
	frame: {
		folder: "/var/lib/corten/containers/c1",
		stage: "/run/corten/stage",
		output: "inherit",
		input: "inherit",
		atEnd: { kind: "keep" },
	},
	host: minimalHost,
};
