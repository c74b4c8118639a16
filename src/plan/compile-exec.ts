// A further process in a running container: it joins the container's namespaces and cgroups and then becomes what a container's first
// process becomes, by the same ops.

import { O_DIRECTORY, O_PATH, O_RDONLY } from "../linux/file.ts";
import type { HostFacts } from "../linux/host.ts";
import type { Linux, NamespaceType, Process, Seccomp } from "../spec/runtime.ts";
import { addAffinity, type SharedAttributes } from "./attributes.ts";
import { joinCgroups1 } from "./cgroup1.ts";
import { addDetach, addGo, addWait } from "./ends.ts";
import type { Frame } from "./frame.ts";
import { joinRdtGroups, rdtGroups } from "./intel-rdt.ts";
import { openLabels } from "./labels.ts";
import { CLONE_NEWPID, namespaceFlag } from "./namespaces.ts";
import { cwd, type Plan } from "./ops.ts";
import { addPayload } from "./payload.ts";
import { addFchown, addLimits, addOomScore, connect, openOutput } from "./process.ts";
import { addNotify } from "./seccomp-load.ts";
import { add, type Steps, startSteps, takeSlot } from "./steps.ts";
import { becomeRoot, handOver, type UserNamespace } from "./userns.ts";

/** All that an exec depends on. */
export type CompileExecInput = {
	/** The container's first process, as its pid file says; 0 for a probe, which reads that file itself. */
	readonly pid: number;
	readonly startTime: bigint;
	/** A probe of the container's health: what it says and how it ends go into a file of the container's folder. */
	readonly probe?: { readonly folder: string; readonly timeoutMs: number };
	readonly process: Process;
	readonly seccomp?: Seccomp;
	/** What the container gives all its processes. */
	readonly shared: SharedAttributes & Pick<Linux, "intelRdt">;
	/** The container's id, for its groups of Intel RDT. */
	readonly id: string;
	/** Of the container's config.json, for whoever is notified of system calls. */
	readonly ociVersion?: string;
	/** The container's own namespaces: those that its config.json names. */
	readonly namespaces: readonly NamespaceType[];
	/** Given when a user namespace is among them and it is not the caller's; deny: setgroups is forbidden there; uids: none where they are not known. */
	readonly user?: Pick<UserNamespace, "deny" | "uids"> | undefined;
	/** The folders of the container's cgroups, see `resolveCgroups`. */
	readonly cgroups: readonly string[];
	readonly frame: Pick<
		Frame,
		| "output"
		| "input"
		| "detachMessage"
		| "terminalSize"
		| "pidFile"
		| "watch"
		| "consoleSocket"
		| "pidfdSocket"
		| "preserveFds"
		| "hookState"
	> & { readonly logFile?: string };
	readonly host: HostFacts;
};

const PR_SET_DUMPABLE = 4;

/**
 * Compiles an exec.
 * @throws `invalid-spec` or `unsupported` with the JSON pointer of what cannot be
 */
export function compileExec(input: CompileExecInput): Plan {
	const { process, frame, host, cgroups, probe } = input;
	const steps = startSteps();

	// The host's side.
	if (probe !== undefined) add(steps, "capture", {}, "take the output");
	addDetach(steps, frame);
	const rdt = rdtGroups(input.shared, host, input.id);
	addAffinity(steps, process, "initial");
	const labels = openLabels(steps, process, host);
	const { container, home } = openContainer(steps, input);
	const output = openOutput(steps, frame, frame.logFile ?? "/dev/null", process.terminal);
	let cgroup = cwd;
	const beside = host.cgroup.version === 1 ? host.cgroup.unified : host.cgroup.mountPoint;
	const unified = beside === undefined ? undefined : cgroups.find((path) => path.startsWith(`${beside}/`));
	if (unified !== undefined) {
		cgroup = takeSlot(steps);
		add(steps, "openat", { out: cgroup, dir: cwd, path: unified, flags: O_RDONLY | O_DIRECTORY, mode: 0 }, `open cgroup "${unified}"`);
	}
	let flags = 0;
	for (const type of input.namespaces) flags |= namespaceFlag(type);
	const hide = (): void => add(steps, "prctl", { option: PR_SET_DUMPABLE, arg2: 0, arg3: 0 }, "hide the new process's memory");
	const joinCgroups = (): void => {
		addOomScore(steps, process);
		joinCgroups1(
			steps,
			cgroups.filter((path) => path !== unified),
		);
		addAffinity(steps, process, "final");
	};
	// All at once: setns of a pidfd joins every namespace or none.
	const join = (bits: number): void => {
		if (bits !== 0) add(steps, "setns", { slot: container, flags: bits }, "join the container's namespaces");
	};
	if (input.user !== undefined) {
		// Into the pid namespace too only a process may go that has joined the user namespace; it does not appear there itself.
		add(steps, "fork", { flags: 0, cgroup }, "make a process with the caller's privilege");
		joinCgroups();
		handOver(steps, input.user, process);
		join(flags);
		hide();
	} else if ((flags & CLONE_NEWPID) !== 0)
		add(steps, "setns", { slot: container, flags: CLONE_NEWPID }, "join the container's pid namespace");
	const fork = steps.ops.length;
	add(steps, "clone3", { flags: 0, cgroup, parent: 0 }, "make the new process");

	// The new process. From here the container's processes can see it; they must not read what it holds (CVE-2016-9962).
	hide();
	add(steps, "setsid", {}, "make a session");
	if (input.user === undefined) {
		joinCgroups();
		join(flags & ~CLONE_NEWPID);
	} else becomeRoot(steps, { kind: "joined", deny: input.user.deny });
	// setns leads to the root of the mount namespace. Where the container was started in a chroot that is the host's root, not the container's.
	add(steps, "chroot", { slot: home }, "enter the container's root filesystem");
	add(steps, "keyctl", {}, "make a session keyring");
	const root = takeSlot(steps);
	add(steps, "openat", { out: root, dir: cwd, path: "/", flags: O_PATH | O_DIRECTORY, mode: 0 }, "open the root filesystem");
	connect(steps, process, frame, output, root, false);
	const tied = frame.watch !== "leave";
	const { user, seccomp, shared } = input;
	addFchown(steps, process, frame, user !== undefined);
	addPayload(steps, { process, seccomp, host, shared, labels, makeFolder: false, preserveFds: frame.preserveFds, tied, user });

	// The parent's side. Nothing is removed at the end: all of it is the container's.
	steps.ops[fork] = { op: "clone3", args: { flags: 0, cgroup, parent: steps.ops.length }, flags: 0, what: "make the new process", at: "" };
	joinRdtGroups(steps, rdt);
	addWait(steps, output);
	if (user !== undefined) addLimits(steps, process, host);
	const sendListener = (): void => addNotify(steps, input.seccomp, frame, input.ociVersion ?? "", input.pid);
	addGo(steps, {
		frame: probe === undefined ? frame : { ...frame, watch: "leave" },
		output,
		terminal: process.terminal,
		addNotify: sendListener,
	});
	if (probe !== undefined) add(steps, "probe", probe, "record the health");
	return { ops: steps.ops };
}

/** The container as it is when the plan is executed: its first process, and its root. */
function openContainer(steps: Steps, { pid, startTime, probe }: CompileExecInput): { readonly container: number; readonly home: number } {
	const container = takeSlot(steps);
	const home = takeSlot(steps);
	if (probe !== undefined) {
		add(steps, "pidfile_open", { out: container, root: home, path: `${probe.folder}/pid` }, "find the container's process");
		return { container, home };
	}
	add(steps, "pidfd_open", { out: container, pid, startTime }, `find the container's process ${pid}`);
	const path = `/proc/${pid}/root`;
	add(steps, "openat", { out: home, dir: cwd, path, flags: O_PATH | O_DIRECTORY, mode: 0 }, "open the container's root filesystem");
	return { container, home };
}
