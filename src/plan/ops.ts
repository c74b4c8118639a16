// The one table of ops: what launch can be told to do. A plan is a list of these, in order; launch.c is one loop with one switch
// over them. encode.ts lays a plan out by this table, describe.ts prints it, and launch/ops.h is generated from it, so the two
// languages cannot disagree. Ops are named after the section-2 man page of the call they make.
//
// Slots: launch keeps 256 file descriptors in numbered slots. An `out` argument fills a slot, a `slot` argument reads one; the
// value `cwd` (0xffffffff) means AT_FDCWD.
//
// Order of a plan: ops of the host side, then clone3, then the ops of the new process up to execve, then (from the index that
// clone3 names) the ops of the parent: pidfile, go, supervise, exitfile and what cleans up.

/** How an argument is encoded; at most six arguments an op. */
export const argKinds = {
	out: "slot to fill",
	slot: "slot to read, or cwd",
	str: "text, NUL-terminated",
	blob: "bytes with a length",
	strv: "list of texts",
	u64: "integer",
} as const;

/** One of {@link argKinds}. */
export type ArgKind = keyof typeof argKinds;

/** op -> its arguments in order. The number of an op is its place in this table. */
export const opTable = {
	// paths and files
	openat: { out: "out", dir: "slot", path: "str", flags: "u64", mode: "u64" },
	/**
	 * Resolves in `dir` as if it were /. create: 0 must exist, 1 a folder is made, 2 an empty file is made (with missing parents),
	 * 256 + N a folder or an empty file, as the thing in slot N is one. With 65536 it must not be on a proc filesystem (EPERM).
	 */
	openat2: { out: "out", dir: "slot", path: "str", flags: "u64", resolve: "u64", create: "u64" },
	mkdirat: { dir: "slot", path: "str", mode: "u64" },
	/**
	 * Makes a device, or takes one of the same type and number that is there. owner: uid | gid << 32. Where the kernel allows no devices
	 * (EPERM, as in a user namespace), the host's own at `source` is bound there.
	 */
	mknodat: { dir: "slot", path: "str", mode: "u64", dev: "u64", owner: "u64", source: "str" },
	symlinkat: { target: "str", dir: "slot", path: "str" },
	fchownat: { dir: "slot", path: "str", uid: "u64", gid: "u64", flags: "u64" },
	fchmodat: { dir: "slot", path: "str", mode: "u64" },
	unlinkat: { dir: "slot", path: "str", flags: "u64" },
	/** Opens with O_WRONLY|flags, writes the bytes in one call, closes. For cgroup files, sysctls and the like. */
	write: { dir: "slot", path: "str", data: "blob", flags: "u64" },
	close: { slot: "slot" },
	dup3: { slot: "slot", fd: "u64" },
	pipe2: { readEnd: "out", writeEnd: "out" },
	/** A SEQPACKET unix socket that listens under the name `path` in the current folder. */
	listen: { out: "out", path: "str" },
	fchdir: { slot: "slot" },
	/** Writes the text of the same place into the first of `paths` that exists. */
	write_first: { dir: "slot", paths: "strv", texts: "strv" },
	/** Fills a file of the cgroup folder `path` that holds nothing with what the same file of the folder above holds. */
	inherit: { dir: "slot", path: "str", file: "str" },
	// mounts
	/** The old call, for overlay and for kernels before fsopen of a type: paths are relative to the current folder. */
	mount: { source: "str", target: "str", type: "str", flags: "u64", data: "str" },
	/**
	 * fsopen + one fsconfig for each "key" or "key=value" + fsmount: a detached mount. attrs: MOUNT_ATTR_*. "@key=N" gives the path of
	 * slot N, "%key=N" the permission bits of what is in slot N, or nothing when it is empty.
	 */
	fsmount: { out: "out", type: "str", options: "strv", attrs: "u64" },
	/** A loop device, read-only, autoclear, over the file in `file`. */
	loop: { out: "out", file: "slot" },
	/** `path` empty: the slot itself (AT_EMPTY_PATH). flags: OPEN_TREE_CLONE, AT_RECURSIVE, AT_SYMLINK_NOFOLLOW */
	open_tree: { out: "out", dir: "slot", path: "str", flags: "u64" },
	mount_setattr: { slot: "slot", flags: "u64", set: "u64", clear: "u64", propagation: "u64" },
	/** Both sides by descriptor. beneath: 1 for MOVE_MOUNT_BENEATH */
	move_mount: { from: "slot", to: "slot" },
	/** Hides `path` (in root): a folder under a clone of the empty folder mount, anything else under the null device; absent: skipped. */
	mask: { root: "slot", path: "str", nullDevice: "slot", emptyFolder: "slot" },
	/** Makes `path` (in root) read-only, mounts below it stay as they are; absent: skipped. */
	readonly: { root: "slot", path: "str" },
	pivot_root: { slot: "slot" },
	/** The folder in the slot becomes the root and the current folder. */
	chroot: { slot: "slot" },
	/** mount(2) onto (or, with MS_REMOUNT, of) what is in the slot `target`: for filesystems with options that fsconfig does not take. */
	mount_at: { source: "str", target: "slot", type: "str", flags: "u64", data: "str" },
	/** Copies what is in the folder `from` into the folder `to`, which also gets its owner: by descriptor, no link is followed, no mount is entered. */
	copyup: { from: "slot", to: "slot" },
	/** A user namespace with these mappings (lines of uid_map and gid_map) and without processes. */
	userns: { out: "out", uids: "str", gids: "str" },
	/** MOUNT_ATTR_IDMAP. flags: AT_RECURSIVE */
	mount_idmap: { slot: "slot", userns: "slot", flags: "u64" },
	// namespaces and processes
	unshare: { flags: "u64" },
	setns: { slot: "slot", flags: "u64" },
	/** As setns, and empties the slot; an empty one has been joined before. */
	setns_once: { slot: "slot", flags: "u64" },
	/** Opens a pidfd and checks that the process is the one that started at `startTime` (clock ticks after boot; 0: unchecked). */
	pidfd_open: { out: "out", pid: "u64", startTime: "u64" },
	/** The child goes on with the next op, the parent with op `parent`. cgroup: a cgroup v2 folder to be born in, or cwd for none. */
	clone3: { flags: "u64", cgroup: "slot", parent: "u64" },
	/** What follows, up to clone3, is done by a process that passes: its clone3 makes its sibling, a child of the parent, which goes on with clone3's `parent`. flags: 0. cgroup: as clone3's, for both. */
	fork: { flags: "u64", cgroup: "slot" },
	setsid: {},
	sethostname: { name: "str" },
	setdomainname: { name: "str" },
	/** Brings a network interface up (SIOCSIFFLAGS). */
	ifup: { name: "str" },
	/** Joins a new, empty session keyring, so that the caller's keys stay outside. */
	keyctl: {},
	/** A terminal from the devpts in `root`: its master goes to the parent, its other end becomes fd 0 to 2, the controlling terminal and, if console is 1, /dev/console; it belongs to `uid`. */
	openpty: { root: "slot", console: "u64", rows: "u64", columns: "u64", uid: "u64" },
	// limits and credentials
	/** Of the new process, on whichever side. */
	prlimit: { resource: "u64", soft: "u64", hard: "u64" },
	/** Gives descriptors 0 to 2 to `uid`, where that can be, but for the null device. everything: 0 pipes alone. */
	fchown: { uid: "u64", everything: "u64" },
	umask: { mask: "u64" },
	setgroups: { groups: "blob" },
	setresgid: { gid: "u64" },
	setresuid: { uid: "u64" },
	prctl: { option: "u64", arg2: "u64", arg3: "u64" },
	/** Drops from the bounding set every capability whose bit is not in `keep`. */
	capbset: { keep: "u64" },
	/** Ambient capabilities are raised after the sets. Bits: 1 << CAP_*. */
	capset: { effective: "u64", permitted: "u64", inheritable: "u64", ambient: "u64" },
	/** With SECCOMP_FILTER_FLAG_NEW_LISTENER the process waits until the parent has done `notify`. */
	seccomp: { filter: "blob", flags: "u64" },
	/** Loads a BPF_PROG_TYPE_CGROUP_DEVICE program and attaches it to the cgroup v2 folder in `cgroup`. replace: 1 detaches those that this op has attached there before. */
	bpf: { cgroup: "slot", instructions: "blob", replace: "u64" },
	/** Changes folder and checks that the result is inside the root (CVE-2024-21626). create: 1 makes it first. */
	chdir: { path: "str", create: "u64" },
	/** Everything from `first` up closes at execve. */
	close_range: { first: "u64" },
	/** Dies with the parent (PR_SET_PDEATHSIG; with tied 0 only until its word), tells it that all is prepared, and waits for its word. */
	sync: { tied: "u64" },
	/** Checks that the first of `candidates` that exists can be executed, as the user that the process has become. */
	access: { candidates: "strv" },
	/** Tells the parent that it can end, and waits until somebody connects to the socket and says go; what fails from now on is told there. */
	gate: { socket: "slot" },
	/** A struct sched_attr, as the kernel has it. */
	sched_setattr: { attributes: "blob" },
	/** Of the caller's process group: class << 13 | priority. */
	ioprio_set: { priority: "u64" },
	/** sched_setaffinity: a mask of CPUs, 8 bytes or a multiple. */
	setaffinity: { mask: "blob" },
	personality: { persona: "u64" },
	/** nodes: a mask of memory nodes, 8 bytes or a multiple, or empty for none. */
	set_mempolicy: { mode: "u64", nodes: "blob" },
	/** The first of `candidates` that exists. Not found: status 127; not executable: 126. */
	execve: { candidates: "strv", argv: "strv", envp: "strv" },
	// the parent's side
	/** Forks; the first process waits for `go`, prints `message` and exits 0 (or reports the failure), the second goes on in its own session. */
	detach: { message: "str" },
	/** Waits until the new process has said `sync`, so that what follows happens to a prepared container. */
	wait: {},
	/** Writes the new process's /proc/PID/uid_map and gid_map; an empty text is not written. deny: 1 forbids setgroups first, as who has no privilege must. */
	idmap: { uids: "str", gids: "str", deny: "u64" },
	/** Runs newuidmap or newgidmap, setuid programs of the host, with the new process's number and these mappings. */
	newidmap: { program: "str", mappings: "strv" },
	/** Writes "PID STARTTIME SECONDS NANOSECONDS\n" (start time in ticks; the clock's time) of the new process into a new file; with plain 1 the pid alone, by temp file and rename. */
	pidfile: { dir: "slot", path: "str", plain: "u64" },
	/** Writes the number of the new process into a file, in one call. */
	writepid: { dir: "slot", path: "str" },
	/**
	 * Moves the interface `name` into the network namespace of the new process under `newName`, in which the kernel
	 * replaces a %d; with its permanent global addresses, and up.
	 */
	netdevice: { name: "str", newName: "str" },
	/** Lets the new process exec, and learns whether it could. */
	go: {},
	/** Tells the new process's pid ("PID\n") to whoever is behind `fd`, and waits for one byte: it has been put where it belongs. */
	introduce: { fd: "u64" },
	/** Lets the new process go on after a sync that is not the last one. */
	resume: {},
	/** Lets the new process go on to its gate, and waits until it no longer needs this one. */
	release: {},
	/** Closes the descriptor of the container folder's lock (the header's lockFd). */
	unlock: {},
	/** Sends the new process's terminal (what 0) or its pidfd (what 1) to whoever listens on the unix socket `path`. */
	sendfd: { path: "str", what: "u64" },
	/**
	 * Lets the new process load a filter that has a listener, and sends that listener's descriptor to the unix socket `path`, with a text:
	 * the parts of `state`, joined by the new process's pid.
	 */
	notify: { path: "str", state: "strv" },
	/**
	 * Runs a program and waits for its end, at most `timeoutMs` (0: for ever). Its stdin is `before`, a pid and `after`: of the container's
	 * first process, as this side of clone3 knows it. Any status but 0 is a failure.
	 */
	hook: { path: "str", argv: "strv", envp: "strv", timeoutMs: "u64", before: "str", after: "str" },
	/** Stays until the new process ends: forwards signals, serves the terminal, copies output to a log. log: slot of the log file, or cwd; stdout and stderr: read ends of its pipes, or cwd. terminal: 1 the caller's terminal is served raw. */
	supervise: { log: "slot", stdout: "slot", stderr: "slot", terminal: "u64", input: "u64" },
	/** Writes "CODE SIGNAL SECONDS NANOSECONDS\n" of the ended process, by temp file and rename. */
	exitfile: { dir: "slot", path: "str" },
	/** Removes a cgroup folder and the folders below it; waits until its processes are gone. */
	rmcgroup: { dir: "slot", path: "str" },
	/** Removes a tree without following links or crossing into what it does not own; absent: nothing to do. */
	rmtree: { dir: "slot", path: "str" },
	/** A datagram socket, connected to the unix socket `path` ("@..." for an abstract one), as sd_notify(3) talks to. */
	connect: { out: "out", path: "str" },
	/**
	 * Sends one datagram: the parts of `message`, joined by the new process's pid. barrier: 1 waits, at most five seconds, until the other
	 * side has read it (a second one, BARRIER=1 with a descriptor that it closes).
	 */
	send: { slot: "slot", message: "strv", barrier: "u64" },
	/** From here on descriptors 1 and 2 lead into a pipe that `probe` reads. */
	capture: {},
	/** A pidfd and the root folder of the container whose pid file (see `pidfile`) is `path`. Without a live one the rest is passed over, but for `probe`. */
	pidfile_open: { out: "out", root: "out", path: "str" },
	/**
	 * Waits for the new process, at most `timeoutMs`, and writes how it ended and what it said into the file `health` of `folder`. Then, unless
	 * it was a success and the file `healthy` is there, becomes the command that launch was started with beside the plan.
	 */
	probe: { folder: "str", timeoutMs: "u64" },
	/**
	 * While `supervise` waits, starts this program every `intervalMs` with the plan `health.plan` of `folder` and `command`; until the first
	 * success, and at most `startMs` long, every `startIntervalMs`. manager: with the first success tells it the payload's pid and READY=1, and ends.
	 */
	health: { folder: "str", command: "strv", intervalMs: "u64", startMs: "u64", startIntervalMs: "u64", manager: "slot" },
	/**
	 * This process enters a user namespace of its own and keeps its number. uids and gids: lines of its maps, written by itself with setgroups
	 * denied; or, when they are empty, the words of newuidmap and newgidmap after the number, which a child runs.
	 */
	enter_userns: { uids: "str", gids: "str", uidHelper: "strv", gidHelper: "strv" },
	/** In place of clone3: the new process is there already, a child of this one. terminal: descriptor of its terminal's master, or cwd. parent: the next op. */
	adopt: { pid: "u64", terminal: "u64", parent: "u64" },
} as const satisfies Record<string, Record<string, ArgKind>>;

/** One of {@link opTable}. */
export type OpName = keyof typeof opTable;
/** The names in the order of their numbers. */
export const opNames = Object.keys(opTable) as OpName[];

/** AT_FDCWD, as a slot. */
export const cwd = 0xffffffff;
/** launch's number of slots. */
export const slotCount = 256;

type ArgValue = {
	readonly out: number;
	readonly slot: number;
	readonly str: string;
	readonly blob: Uint8Array;
	readonly strv: readonly string[];
	readonly u64: number | bigint;
};

/** The arguments of one op, by name. */
export type OpArgs<N extends OpName> = {
	readonly [K in keyof (typeof opTable)[N]]: (typeof opTable)[N][K] extends ArgKind ? ArgValue[(typeof opTable)[N][K]] : never;
};

/** Bits that say what launch does when an op fails; without one it stops and reports. */
export const opFlags = {
	/** Any failure is passed over. */
	optional: 1,
	/** ENOENT is passed over. */
	absentOk: 2,
	/** EEXIST is passed over. */
	presentOk: 4,
	/** Only done after another op has failed: what takes back what was made. */
	onFailure: 8,
	/** A failure is told, and passed over. */
	warn: 16,
} as const;

/** One step of a plan. */
export type Op = {
	[N in OpName]: {
		readonly op: N;
		readonly args: OpArgs<N>;
		/** An or of {@link opFlags}. */
		readonly flags: number;
		/** `mount "proc" at "/proc"`: what the op does, as the words that follow "cannot" in an error. */
		readonly what: string;
		/** The field of config.json that asked for it (`/mounts/0`), or "" when the order of things did. */
		readonly at: string;
	};
}[OpName];

/** An ordered list of ops, ready to be encoded. */
export type Plan = { readonly ops: readonly Op[] };
