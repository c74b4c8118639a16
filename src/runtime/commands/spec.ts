// `spec`: a config.json to begin from. It runs under every runtime of runtime-spec 1.0 and newer, so that is the version it says.

import { absolutePath } from "../../base/absolute-path.ts";
import { CortenError, isError } from "../../base/errors.ts";
import { maskedPaths, readonlyPaths } from "../../bundle/protected-paths.ts";
import { O_CREAT, O_EXCL, writeFile } from "../../linux/file.ts";
import { defineRuntimeCommand } from "../command.ts";

export const command = defineRuntimeCommand({
	summary: "write a new config.json",
	usage: "[OPTIONS]",
	options: {
		bundle: { kind: "value", short: "b", metavar: "PATH", help: "the bundle's folder (default .)" },
		rootless: { kind: "flag", help: "one that the caller can run without root's rights" },
	},
	operands: { min: 0, max: 0 },
	description: [
		"Writes config.json into the bundle's folder: a shell in the root filesystem rootfs, read-only, on a terminal, with few capabilities, its own namespaces and no network. A file that is there already is left alone. With --rootless the container is in a user namespace in which the caller is root, and has the host's network.",
	],
	run: (_context, { bundle, rootless }) => {
		const path = `${absolutePath("--bundle", bundle || process.cwd())}/config.json`;
		const config = rootless ? rootlessConfig(process.geteuid?.() ?? 0, process.getegid?.() ?? 0) : rootConfig();
		try {
			writeFile(path, `${JSON.stringify(config, undefined, "\t")}\n`, 0o666, O_CREAT | O_EXCL);
		} catch (error) {
			if (!isError(error, "already-exists")) throw error;
			throw new CortenError("already-exists", `cannot write "${path}": the file exists`, { hint: "remove it first", cause: error });
		}
		return 0;
	},
});

type Mount = { readonly destination: string; readonly type: string; readonly source: string; readonly options?: readonly string[] };

const capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

/** The terminal's group, which is 5 in every distribution. */
const ttyGroup = "gid=5";

const mounts: readonly Mount[] = [
	{ destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
	{ destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
	{
		destination: "/dev/pts",
		type: "devpts",
		source: "devpts",
		options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", ttyGroup],
	},
	{ destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"] },
	{ destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
	{ destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
	{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "relatime", "ro"] },
];

/** What every container of the machine's root should have. Exported for its test. */
export function rootConfig() {
	return {
		ociVersion: "1.0.2",
		process: {
			terminal: true,
			user: { uid: 0, gid: 0 },
			args: ["sh"],
			env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
			cwd: "/",
			capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
			rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
			noNewPrivileges: true,
		},
		root: { path: "rootfs", readonly: true },
		hostname: "corten",
		mounts,
		linux: {
			resources: { devices: [{ allow: false, access: "rwm" }] },
			namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })),
			maskedPaths: maskedPaths(0),
			readonlyPaths: readonlyPaths(),
		},
	};
}

/** The same for somebody who is root nowhere: one id, no group of terminals, and the host's /sys, since its network is shared. */
export function rootlessConfig(uid: number, gid: number) {
	const config = rootConfig();
	const { resources: _none, namespaces, ...linux } = config.linux;
	return {
		...config,
		mounts: mounts.map(unprivilegedMount),
		linux: {
			...linux,
			uidMappings: [{ containerID: 0, hostID: uid, size: 1 }],
			gidMappings: [{ containerID: 0, hostID: gid, size: 1 }],
			namespaces: [...namespaces.filter(({ type }) => type !== "network"), { type: "user" }],
		},
	};
}

function unprivilegedMount(mount: Mount): Mount {
	if (mount.destination !== "/sys") return { ...mount, options: mount.options?.filter((word) => word !== ttyGroup) ?? [] };
	return { destination: "/sys", type: "none", source: "/sys", options: ["rbind", "nosuid", "noexec", "nodev", "ro"] };
}
