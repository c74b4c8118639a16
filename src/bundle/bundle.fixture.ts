// What the tests of this folder share: a host, an image and a request like those of every day.

import type { HostFacts } from "../linux/host.ts";
import type { ImageRecord } from "../spec/image.ts";
import type { RunRequest } from "./request.ts";

/** A host that holds all capabilities. */
export const testHost: HostFacts = {
	kernel: [6, 12],
	lastCapability: 40,
	cgroup: { version: 2, mountPoint: "/sys/fs/cgroup" },
	cpus: 2,
	erofsFromFile: true,
	openFiles: { soft: 1024n, hard: 524288n },
	capabilities: (1n << 41n) - 1n,
};

/** What `corten run` without options asks for. */
export const plainRequest: RunRequest = {
	name: undefined,
	detach: false,
	remove: false,
	interactive: false,
	tty: false,
	init: false,
	pull: "missing",
	quiet: false,
	platform: undefined,
	rootfs: undefined,
	cidFile: undefined,
	pidFile: undefined,
	labels: {},
	annotations: {},
	stopSignal: undefined,
	stopTimeoutSeconds: undefined,
	entrypoint: undefined,
	env: [],
	workdir: undefined,
	user: undefined,
	groups: [],
	capAdd: [],
	capDrop: [],
	privileged: false,
	noNewPrivileges: false,
	seccomp: "default",
	protectSystemPaths: true,
	writableCgroups: false,
	oomScoreAdj: undefined,
	rlimits: [],
	network: "none",
	ipc: "private",
	pid: "private",
	uts: "private",
	cgroupns: "private",
	hostname: undefined,
	domainname: undefined,
	extraHosts: [],
	dns: { servers: [], search: [], options: [] },
	sysctls: {},
	readOnly: false,
	mounts: [],
	devices: [],
	deviceRules: [],
	shmSizeBytes: 64n << 20n,
	resources: {},
	cgroupParent: undefined,
};

/** An image like busybox. */
export function busyboxImage(config: Partial<ImageRecord["config"]["config"]> = {}): ImageRecord {
	return {
		digest: `sha256:${"1".repeat(64)}`,
		configDigest: `sha256:${"2".repeat(64)}`,
		config: {
			architecture: "amd64",
			os: "linux",
			config: {
				user: "",
				exposedPorts: [],
				env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
				entrypoint: [],
				cmd: ["sh"],
				volumes: [],
				workingDir: "",
				labels: {},
				stopSignal: "",
				...config,
			},
			diffIDs: [`sha256:${"3".repeat(64)}`],
			history: [],
		},
		layers: [{ kind: "erofs", path: "/layers/sha256-3.erofs" }],
		size: 1,
		passwd: "root:x:0:0:root:/root:/bin/sh\nwww:x:33:33:www:/var/www:/bin/false\n",
		group: "root:x:0:\nwheel:x:10:root\nwww:x:33:\n",
	};
}
