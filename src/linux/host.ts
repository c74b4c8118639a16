// Facts of this machine that a plan depends on, read once by the command (readHostFacts below) and passed in, so that compile stays pure:
// the same config, recipe, frame and facts give the same plan, byte for byte.

import { CortenError } from "../base/errors.ts";
import { AT_FDCWD, readLink, readText, readTextIfPresent } from "./file.ts";
import { check, cString, syscall } from "./libc.ts";
import { engine } from "./native.ts";
import { type Resctrl, readResctrl } from "./resctrl.ts";
import { readSecurityModules, type SecurityModules } from "./security-modules.ts";
import { nr } from "./syscalls.ts";

/** Read by readHostFacts */
export type HostFacts = {
	/** Kernel release as [major, minor]. */
	readonly kernel: readonly [major: number, minor: number];
	/** The highest capability number the kernel knows (/proc/sys/kernel/cap_last_cap). */
	readonly lastCapability: number;
	/** Where cgroups are: v2 alone, or v1 hierarchies, each with its mount point and controllers. */
	readonly cgroup:
		| {
				readonly version: 2;
				readonly mountPoint: string;
				/** Which cgroup is mounted there, when it is not the top one: inside a container. */
				readonly root?: string;
				/** The controllers of this machine (cgroup.controllers), when they have been read. */
				readonly controllers?: readonly string[];
		  }
		| {
				readonly version: 1;
				readonly hierarchies: readonly Hierarchy[];
				/** The mount point of the v2 hierarchy beside them. */
				readonly unified?: string;
		  };
	/** Number of CPUs, for the per-CPU masked paths. */
	readonly cpus: number;
	/** Whether EROFS images mount straight from a file (Linux 6.12 and newer); otherwise through loop devices. */
	readonly erofsFromFile: boolean;
	/** RLIMIT_NOFILE of the caller: Bun raises its own soft limit at start, the payload gets the caller's back. */
	readonly openFiles: { readonly soft: bigint; readonly hard: bigint };
	/** The effective capabilities of the caller, as bits, in its user namespace. */
	readonly capabilities: bigint;
	/** Whether that is the machine's first one: only there can devices be made, and any limit be raised. */
	readonly initialUserNamespace: boolean;
	/** Given where the caller's user namespace forbids setgroups. */
	readonly groupsDenied?: true;
	/** The effective ids of the caller. */
	readonly uid: number;
	readonly gid: number;
	/** newuidmap and newgidmap; looked for only where the caller may not map ids itself. */
	readonly idmapHelpers?: { readonly uid: string; readonly gid: string };
	/** Looked for only when asked. */
	readonly securityModules?: SecurityModules;
	/** Looked for only when asked; undefined where it is not mounted. */
	readonly resctrl?: Resctrl;
};

/** What {@link readHostFacts} reads only for those that need it. */
export type HostNeeds = {
	readonly securityModules?: boolean;
	/** The name of a group of resctrl, "" for none in particular. */
	readonly resctrlGroup?: string;
	/** Where layer files are: not every filesystem lets EROFS read them by itself. */
	readonly layersFolder?: string;
};

const PR_CAPBSET_READ = 23;
/** X_OK */
const mayExecute = 1;
/** CAP_SETGID and CAP_SETUID. */
const mapIds = 3n << 6n;
/** PROC_USER_INIT_INO: the number never changes. */
const firstUserNamespace = "user:[4026531837]";
const RLIMIT_NOFILE = 7;
/** CAP_CHECKPOINT_RESTORE, the last one since Linux 5.9; counting starts here. */
const recentCapability = 40;

/**
 * Reads the facts of this machine. Costs about 0.1 ms: three files and five system calls. Nothing is kept.
 * @throws `unsupported` when no cgroup filesystem is mounted; else see {@link check}
 */
export function readHostFacts(needs: HostNeeds = {}): HostFacts {
	const kernel = readKernelVersion();
	const capabilities = readCapabilities();
	const initialUserNamespace = isFirstUserNamespace();
	const idmapHelpers = (capabilities & mapIds) === mapIds ? undefined : findIdmapHelpers();
	const mountinfo = readText("/proc/self/mountinfo");
	const cgroup = parseCgroupMounts(mountinfo);
	const resctrl = needs.resctrlGroup === undefined ? undefined : readResctrl(mountinfo, needs.resctrlGroup);
	return {
		kernel,
		lastCapability: findLastCapability(),
		cgroup: cgroup.version === 1 ? cgroup : { ...cgroup, controllers: readControllers(cgroup.mountPoint) },
		cpus: countCpus(readText("/sys/devices/system/cpu/possible")),
		erofsFromFile:
			(kernel[0] > 6 || (kernel[0] === 6 && kernel[1] >= 12)) && !(needs.layersFolder !== undefined && isDeviceOnly(needs.layersFolder)),
		openFiles: readOpenFiles(),
		capabilities,
		initialUserNamespace,
		...(!initialUserNamespace && readText("/proc/self/setgroups").trim() === "deny" && { groupsDenied: true as const }),
		uid: syscall(nr.geteuid),
		gid: syscall(nr.getegid),
		...(idmapHelpers !== undefined && { idmapHelpers }),
		...(needs.securityModules === true && { securityModules: readSecurityModules(mountinfo) }),
		...(resctrl !== undefined && { resctrl }),
	};
}

/** Filesystems whose files have no pages of their own to read (no read_folio): EROFS answers ENOTBLK, and wants a loop device. @see statfs(2) */
const TMPFS_MAGIC = 0x01021994;
const OVERLAYFS_SUPER_MAGIC = 0x794c7630;

function isDeviceOnly(folder: string): boolean {
	const view = new DataView(new ArrayBuffer(120));
	if (syscall(nr.statfs, cString(folder), new Uint8Array(view.buffer)) < 0) return false;
	const type = view.getUint32(0, true);
	return type === TMPFS_MAGIC || type === OVERLAYFS_SUPER_MAGIC;
}

function readKernelVersion(): readonly [major: number, minor: number] {
	const names = new Uint8Array(6 * 65);
	check(syscall(nr.uname, names), "cannot read the kernel's version");
	const numbers = new TextDecoder().decode(names.subarray(2 * 65, 3 * 65)).split(".");
	return [Number.parseInt(numbers[0] ?? "", 10), Number.parseInt(numbers[1] ?? "", 10)];
}

/** The machine's name, as the caller's UTS namespace has it; /proc/sys is not there for everybody (ProcSubset=). @see uname(2) */
export function readHostname(): string {
	const names = new Uint8Array(6 * 65);
	check(syscall(nr.uname, names), "cannot read the machine's name");
	const name = names.subarray(65, 2 * 65);
	return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}

/** On the caller's PATH, and where administrators' programs are. */
/** Whether this process is in the machine's first user namespace. */
export function isFirstUserNamespace(): boolean {
	return readLink("/proc/self/ns/user") === firstUserNamespace;
}

/** newuidmap and newgidmap, when both are installed. */
export function findIdmapHelpers(): HostFacts["idmapHelpers"] {
	const find = (name: string): string | undefined =>
		`${process.env.PATH ?? ""}:/usr/bin:/bin:/usr/sbin:/sbin`
			.split(":")
			.map((folder) => `${folder}/${name}`)
			.find((path) => path.startsWith("/") && syscall(nr.faccessat, AT_FDCWD, cString(path), mayExecute) >= 0);
	const uid = find("newuidmap");
	const gid = find("newgidmap");
	return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

function findLastCapability(): number {
	const known = (capability: number): boolean => syscall(nr.prctl, PR_CAPBSET_READ, capability) >= 0;
	let last = recentCapability;
	while (last > 0 && !known(last)) last--;
	while (last < 63 && known(last + 1)) last++;
	return last;
}

/** The highest number of `0-3,8` and one. */
function countCpus(list: string): number {
	const after = Math.max(list.lastIndexOf("-"), list.lastIndexOf(","));
	return Number(list.slice(after + 1)) + 1;
}

/**
 * The caller's limit, which is this process's own but under Bun, which raises it before the first line runs. QuickJS leaves it, and writes
 * it down when it becomes Bun; else the parent's stands for it.
 */
function readOpenFiles(): { readonly soft: bigint; readonly hard: bigint } {
	const written = /^(\d+):(\d+)$/.exec(process.env.CORTEN_OPEN_FILES ?? "");
	if (written !== null) return { soft: BigInt(written[1] ?? 0), hard: BigInt(written[2] ?? 0) };
	const limit = new BigUint64Array(2);
	if (engine.startsWith("quickjs") && syscall(nr.prlimit64, 0, RLIMIT_NOFILE, 0, limit) >= 0)
		return { soft: limit[0] ?? 0n, hard: limit[1] ?? 0n };
	const parent = syscall(nr.getppid);
	// The parent may belong to somebody else (sudo), or be outside this pid namespace (0 would be this process).
	const read = parent > 0 ? syscall(nr.prlimit64, parent, RLIMIT_NOFILE, 0, limit) : -1;
	if (read < 0) check(syscall(nr.prlimit64, 0, RLIMIT_NOFILE, 0, limit), "cannot read the limit of open files");
	return { soft: limit[0] ?? 0n, hard: limit[1] ?? 0n };
}

function readCapabilities(): bigint {
	const header = new Uint32Array([0x2008_0522, 0]);
	const sets = new Uint32Array(6); // effective, permitted, inheritable; the low bits, then the high ones
	check(syscall(nr.capget, header, sets), "cannot read capabilities");
	return BigInt(sets[0] ?? 0) | (BigInt(sets[3] ?? 0) << 32n);
}

/** A v1 hierarchy; root: which cgroup is mounted there, when it is not the top one. */
export type Hierarchy = { readonly mountPoint: string; readonly controllers: readonly string[]; readonly root?: string };

/** Words of a cgroup v1 superblock that are no controller. */
const cgroupFlags = ["rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode", "favordynmods", "nosymfollow"];

/**
 * Finds the cgroup hierarchies in the text of a mountinfo file: the first mount of each. Hybrid machines (v1 hierarchies, and a v2
 * one without controllers) count as v1, as limits and device rules are there.
 * @throws `unsupported` when there is none
 * @see proc_pid_mountinfo(5)
 */
export function parseCgroupMounts(mountinfo: string): HostFacts["cgroup"] {
	const hierarchies: Hierarchy[] = [];
	const seen: string[] = [];
	let unified: { readonly mountPoint: string; readonly root?: string } | undefined;
	// Plain loops and indices: this runs once in a process's life, so what counts is how little code the engine has to warm up.
	for (let at = mountinfo.indexOf(" - cgroup"); at >= 0; at = mountinfo.indexOf(" - cgroup", at + 1)) {
		const before = mountinfo.slice(mountinfo.lastIndexOf("\n", at) + 1, at).split(" ");
		const end = mountinfo.indexOf("\n", at);
		const after = mountinfo.slice(at + 3, end < 0 ? mountinfo.length : end).split(" ");
		const root = unescapeMount(before[3] ?? "/");
		const place = { mountPoint: unescapeMount(before[4] ?? ""), ...(root !== "/" && { root }) };
		if (after[0] === "cgroup2") unified ??= place;
		if (after[0] !== "cgroup") continue;
		const controllers: string[] = [];
		for (const word of (after[2] ?? "").split(",")) {
			if (!cgroupFlags.includes(word) && !word.startsWith("release_agent=") && !seen.includes(word)) controllers.push(word);
		}
		if (controllers.length === 0) continue;
		seen.push(...controllers);
		hierarchies.push({ ...place, controllers });
	}
	if (hierarchies.length > 0) return { version: 1, hierarchies, ...(unified !== undefined && { unified: unified.mountPoint }) };
	if (unified !== undefined) return { version: 2, ...unified };
	throw new CortenError("unsupported", "cannot find cgroups: no cgroup filesystem is mounted", { hint: "mount cgroup2 at /sys/fs/cgroup" });
}

/** Space, tab, newline and backslash are octal in mountinfo. */
function unescapeMount(path: string): string {
	return path.includes("\\") ? path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))) : path;
}

function readControllers(mountPoint: string): readonly string[] {
	return (readTextIfPresent(`${mountPoint}/cgroup.controllers`) ?? "").split(/\s/).filter(Boolean);
}

/**
 * The cgroups a process is in, by controller; v2's is "". Paths are those of the caller's cgroup namespace.
 * @throws `not-found` when there is no such process
 * @see proc_pid_cgroup(5)
 */
export function readOwnCgroups(pid: number | "self" = "self"): Readonly<Record<string, string>> {
	const own: Record<string, string> = {};
	for (const line of readText(`/proc/${pid}/cgroup`).split("\n")) {
		const [, controllers, ...path] = line.split(":");
		if (controllers === undefined) continue;
		for (const controller of controllers.split(",")) own[controller] = path.join(":");
	}
	return own;
}
