// The plan stage: config.json, rootfs recipe, frame and host facts become one list of ops. Pure and deterministic: the same input gives
// the same plan, byte for byte. This file is the order of things; each section of config.json has its own file.

import type { HostFacts } from "../linux/host.ts";
import * as flag from "../linux/mount-flags.ts";
import type { RootfsRecipe } from "../spec/rootfs.ts";
import type { Config } from "../spec/runtime.ts";
import { closeMappedBinds, openMappedBinds, openSharedBinds } from "./binds.ts";
import { bindDevices } from "./bound-devices.ts";
import { addCgroupDevices, addCgroups, addScope, joinCgroups, removable } from "./cgroups.ts";
import { addDevices } from "./devices.ts";
import { addConnect, addDetach, addEnd, addGo, addHealth, addListen, addWait } from "./ends.ts";
import type { Frame } from "./frame.ts";
import { enterGathered, gather, makesDevices } from "./gathering.ts";
import { addContainerHooks, addHooks, addRuntimeHooks, enterBundle } from "./hooks.ts";
import { addRdtGroups, joinRdtGroups, rdtGroups, removeRdtGroups } from "./intel-rdt.ts";
import { openLabels } from "./labels.ts";
import { parseMounts } from "./mount-parse.ts";
import { addMounts, finishMounts } from "./mounts.ts";
import {
	addTimeNamespace,
	CLONE_NEWCGROUP,
	CLONE_PARENT,
	joinInPassing,
	joinNamespaces,
	openNamespaces,
	setUpNamespaces,
} from "./namespaces.ts";
import { addNetDevices, awaitNetDevices } from "./net-devices.ts";
import type { Plan } from "./ops.ts";
import { addPaths, addSysctls } from "./paths.ts";
import { addPayload } from "./payload.ts";
import { addFchown, addLimits, addOomScore, connect, openOutput } from "./process.ts";
import { propagationOf } from "./propagation.ts";
import { addRootfs, type Root } from "./rootfs.ts";
import { openCallersRoot } from "./rootfs-callers.ts";
import { addChangeRoot } from "./rootfs-folder.ts";
import { addNotify } from "./seccomp-load.ts";
import { add, startSteps } from "./steps.ts";
import { addMappings, becomeRoot, handOver, userNamespace } from "./userns.ts";
import { adaptMounts } from "./userns-mounts.ts";

/** All that a container's start depends on. */
export type CompileInput = { readonly config: Config; readonly rootfs: RootfsRecipe; readonly frame: Frame; readonly host: HostFacts };

/**
 * Compiles the start of a container.
 * @throws `invalid-spec` or `unsupported` with the JSON pointer of what cannot be
 */
export function compile({ config: given, rootfs, frame, host }: CompileInput): Plan {
	const user = userNamespace(given, host);
	const config = adaptMounts(given, user, host);
	const steps = startSteps();
	const { linux, process } = config;
	const mounts = parseMounts(config);

	// The host's side.
	addDetach(steps, frame);
	const cgroups = addCgroups(steps, linux, host, frame);
	const cgroup = cgroups.slot;
	const rdt = rdtGroups(linux, host, frame.folder.slice(frame.folder.lastIndexOf("/") + 1));
	addRdtGroups(steps, rdt);
	const labels = openLabels(steps, process, host);
	const gate = frame.watch === "gate" ? addListen(steps, frame.folder) : undefined;
	enterBundle(steps, config, frame);
	const output = openOutput(steps, frame, `${frame.folder}/log`, process.terminal);
	const mapped = openMappedBinds(steps, mounts, config, frame);
	const manager = addConnect(steps, frame);
	const { clone: isolate, late, joins, timeOffsets, mount } = openNamespaces(steps, config);
	const clone = isolate | (frame.handOver === undefined ? 0 : CLONE_PARENT);
	// A hook of the runtime's side must not find itself in the container's pid namespace.
	const passing = user?.passing === true || (config.hooks !== undefined && joins.some(({ type }) => type === "pid"));
	if (passing) {
		add(steps, "fork", { flags: 0, cgroup }, "make a process with the caller's privilege", "/linux/namespaces");
		addOomScore(steps, process);
		if (cgroups.later === undefined) joinCgroups(steps, cgroups);
		if (user !== undefined) handOver(steps, user, process);
		if (user?.gathered === true) gather(steps, { config, rootfs, frame, host, mounts, user, mapped });
		addTimeNamespace(steps, timeOffsets, false);
		joinInPassing(steps, joins);
	} else joinNamespaces(steps, joins, (type) => type === "pid"); // holds for children, not for the caller itself
	const fork = steps.ops.length;
	add(steps, "clone3", { flags: clone, cgroup, parent: 0 }, "make the new process", "/linux/namespaces");

	// The new process, still on the host's root filesystem.
	add(steps, "setsid", {}, "make a session");
	if (!passing) addOomScore(steps, process);
	if (!passing || cgroups.later !== undefined) joinCgroups(steps, cgroups);
	becomeRoot(steps, user);
	// After the cgroups are joined, or a cgroup namespace's root would be the caller's cgroup.
	if (late !== 0)
		add(steps, "unshare", { flags: late }, late === CLONE_NEWCGROUP ? "make a cgroup namespace" : "make namespaces", "/linux/namespaces");
	if (!passing) {
		addTimeNamespace(steps, timeOffsets, true);
		joinNamespaces(steps, joins, (type) => type !== "pid");
	}
	setUpNamespaces(steps, config);
	awaitNetDevices(steps, config);
	if (frame.callersKeyring !== true) add(steps, "keyctl", {}, "make a session keyring");

	// The root filesystem. First no mount made here may reach the host.
	const gathered = user?.gathered === true;
	const opened = gathered ? mapped : openSharedBinds(steps, mounts, config, frame, mapped);
	const inward = { source: "", target: "/", type: "", flags: flag.MS_REC | flag.MS_SLAVE, data: "" };
	if (mount !== "none") add(steps, "mount", inward, "keep mounts from the host", "/linux/rootfsPropagation");
	let made: Root;
	if (gathered) made = enterGathered(steps);
	else if (mount === "none") made = openCallersRoot(steps, rootfs, config);
	else made = addRootfs(steps, rootfs, { frame, host, config, mounts, place: mount });
	const { root, late: unfinished } = addMounts(steps, { ...made, mounts, config, host, frame, opened, gathered });
	const { stage } = made;
	if (user === undefined && host.initialUserNamespace) addDevices(steps, config, mounts, root);
	else bindDevices(steps, config, mounts, { root, stage }, gathered && makesDevices(host));
	connect(steps, process, frame, output, root, true);
	finishMounts(steps, unfinished);
	addSysctls(steps, config, frame);
	addPaths(steps, config, { root, stage });
	addContainerHooks(steps, config, frame);
	if (mount === "none") add(steps, "chroot", { slot: root }, "change the root", "/root");
	else addChangeRoot(steps, rootfs, { root, stage }, frame);
	const propagation = propagationOf(linux.rootfsPropagation);
	if (propagation !== undefined) {
		// Only now: the kernel does not pivot to a shared root.
		const args = { slot: root, flags: propagation.recursive ? flag.AT_RECURSIVE : 0, set: 0, clear: 0, propagation: propagation.bit };
		add(steps, "mount_setattr", args, `make the root filesystem "${linux.rootfsPropagation}"`, "/linux/rootfsPropagation");
	}

	addFchown(steps, process, frame, user !== undefined);

	// The payload.
	addPayload(steps, {
		process,
		seccomp: linux.seccomp,
		host,
		shared: linux,
		labels,
		makeFolder: true,
		preserveFds: frame.preserveFds,
		user,
		tied: (frame.watch === undefined || frame.watch === "supervise") && frame.health?.manager === undefined,
		gate,
		checked: frame.handOver !== undefined,
		addStarted: () => {
			addHooks(steps, config, frame, "startContainer");
			if (manager !== undefined && frame.handOver?.ready === true)
				add(steps, "send", { slot: manager, message: ["READY=1"], barrier: 0 }, "tell that the unit is ready");
		},
	});

	// The parent's side.
	steps.ops[fork] = {
		op: "clone3",
		args: { flags: clone, cgroup, parent: steps.ops.length },
		flags: 0,
		what: "make the new process",
		at: "/linux/namespaces",
	};
	addScope(steps, cgroups, frame);
	addMappings(steps, user);
	joinRdtGroups(steps, rdt);
	addNetDevices(steps, config);
	addRuntimeHooks(steps, config, frame);
	addWait(steps, output);
	closeMappedBinds(steps, mapped);
	addCgroupDevices(steps, linux, host, frame, cgroups);
	if (user !== undefined) addLimits(steps, process, host);
	const sendListener = (): void => addNotify(steps, linux.seccomp, frame, config.ociVersion);
	const told = frame.handOver === undefined ? undefined : manager;
	addGo(steps, { frame, output, terminal: process.terminal, addNotify: sendListener, manager: told }, () => {
		addHooks(steps, config, frame, "poststart");
		addHealth(steps, frame, manager);
	});
	addEnd(steps, frame, removable(cgroups));
	if (frame.atEnd.kind === "remove") removeRdtGroups(steps, rdt);
	addHooks(steps, config, frame, "poststop");
	return { ops: steps.ops };
}
