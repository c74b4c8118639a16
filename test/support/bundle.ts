// Bundles for tests of OCI runtimes: a root filesystem of busybox and a minimal config.json, which a test changes where it looks.

import { chmodSync, copyFileSync, existsSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";

/** An entry of `mounts`, as loose as a test wants it. */
export type MountEntry = { destination: string; type?: string; source?: string; options?: string[]; [key: string]: unknown };

/** An entry of a hook's array. */
export type HookEntry = { path: string; args?: string[]; env?: string[]; timeout?: number };

/** The six hooks, in the order in which they run. */
export const hookNames = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] as const;

/** Name of a hook. */
export type HookName = (typeof hookNames)[number];

/** config.json before it is written: what tests change has its type, the rest is free, so that a test can write nonsense as well. */
export type Document = {
	ociVersion: string;
	root: { path: string; readonly?: boolean; [key: string]: unknown };
	process: {
		args: string[];
		env: string[];
		cwd: string;
		user: { uid: number; gid: number; umask?: number; additionalGids?: number[] };
		terminal?: boolean;
		capabilities?: Record<string, string[]>;
		rlimits?: { type: string; soft: number; hard: number }[];
		[key: string]: unknown;
	};
	mounts: MountEntry[];
	hooks?: Partial<Record<HookName, HookEntry[]>>;
	linux: {
		namespaces: { type: string; path?: string }[];
		resources?: Record<string, unknown>;
		seccomp?: Record<string, unknown>;
		[key: string]: unknown;
	};
	[key: string]: unknown;
};

/** What a test does to the minimal document; `process` is the only part that somebody might remove. */
export type Change = (config: Document, bundle: string) => void;

const applets =
	"awk base64 cat chgrp chmod chown chroot cut date dd df echo egrep env expr false find free getopt grep head hexdump hostname id ionice " +
	"ip kill link ln ls md5sum mkdir mkfifo mknod mount mv nc nproc nsenter od ping printf ps pwd readlink realpath renice rm rmdir sed " +
	"seq sh sleep sort stat stty sync sysctl tail tee test time timeout top touch tr true truncate tty umount uname uniq unshare usleep wc " +
	"which xargs xxd yes";

/** The capabilities of `runc spec`. */
const someCapabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

/** The names in proc(5)'s order of all capabilities that this machine can give away. */
export const allCapabilities: readonly string[] = (
	"CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN " +
	"NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_TIME SYS_TTY_CONFIG " +
	"MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP"
)
	.split(" ")
	.map((word) => `CAP_${word}`);

/** A minimal document: five new namespaces, /proc, an empty /dev, root with few capabilities, `true`. */
export function minimalDocument(ociVersion: string): Document {
	const capabilities = { bounding: [...someCapabilities], effective: [...someCapabilities], permitted: [...someCapabilities] };
	return {
		ociVersion,
		root: { path: "rootfs" },
		process: { args: ["true"], env: ["PATH=/bin"], cwd: "/", user: { uid: 0, gid: 0 }, capabilities },
		mounts: [
			{ destination: "/proc", type: "proc", source: "proc" },
			{ destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
		],
		linux: { namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })) },
	};
}

/** Gives the process every capability that this machine can give away. */
export function withAllCapabilities(config: Document): void {
	const capabilities = [...allCapabilities];
	config.process.capabilities = { bounding: capabilities, effective: capabilities, permitted: capabilities };
}

/** Runs a script in place of the document's program. */
export function withScript(config: Document, script: string): void {
	config.process.args = ["sh", "-c", script];
}

/** Makes the process sleep until it is killed. */
export function withSleep(config: Document): void {
	config.process.args = ["sleep", "1000"];
}

/** Adds a namespace by path, in place of the one of its type. */
export function withNamespace(config: Document, type: string, path?: string): void {
	const others = config.linux.namespaces.filter((entry) => entry.type !== type);
	config.linux.namespaces = [...others, path === undefined ? { type } : { type, path }];
}

/** Takes a namespace away. */
export function withoutNamespace(config: Document, type: string): void {
	config.linux.namespaces = config.linux.namespaces.filter((entry) => entry.type !== type);
}

/** Fills a folder with a root filesystem: busybox and its names, a few empty folders. @param template a busybox on the same filesystem, made if absent */
export function makeRootfs(rootfs: string, template: string): void {
	if (!existsSync(template)) {
		copyFileSync("/bin/busybox", template);
		chmodSync(template, 0o755);
	}
	for (const folder of ["bin", "etc", "tmp", "proc", "sys", "dev", "mnt"]) mkdirSync(`${rootfs}/${folder}`, { recursive: true });
	chmodSync(`${rootfs}/tmp`, 0o1777);
	linkSync(template, `${rootfs}/bin/busybox`);
	for (const applet of applets.split(" ")) symlinkSync("busybox", `${rootfs}/bin/${applet}`);
	writeFileSync(`${rootfs}/etc/passwd`, "root:x:0:0:root:/root:/bin/sh\n");
	writeFileSync(`${rootfs}/etc/group`, "root:x:0:\n");
}
