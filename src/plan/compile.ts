// The plan stage: config.json, rootfs recipe, frame and host facts become one list of ops. Pure and deterministic: the same input gives
// the same plan, byte for byte. This file is the order of things; each section of config.json has its own file.

import type { HostFacts } from "../linux/host.ts";
import * as flag from "../linux/mount-flags.ts";
import type { RootfsRecipe } from "../spec/rootfs.ts";
import type { Config } from "../spec/runtime.ts";
import { addCgroupDevices, addCgroups, addScope, joinCgroups } from "./cgroups.ts";
import { addDevices } from "./devices.ts";
import { addDetach, addEnd, addGo, addListen, addWait } from "./ends.ts";
import type { Frame } from "./frame.ts";
import { addContainerHooks, addHooks, addRuntimeHooks } from "./hooks.ts";
import { addMounts, openSharedBinds, parseMounts } from "./mounts.ts";
import { CLONE_NEWCGROUP, CLONE_NEWPID, joinNamespaces, openNamespaces, setUpNamespaces } from "./namespaces.ts";
import type { Plan } from "./ops.ts";
import { addPaths, addSysctls } from "./paths.ts";
import { addPayload } from "./payload.ts";
import { addOomScore, connect, openOutput } from "./process.ts";
import { propagationOf } from "./propagation.ts";
import { addRootfs } from "./rootfs.ts";
import { add, startSteps } from "./steps.ts";
import { refuseUnsupported } from "./unsupported.ts";

/** All that a container's start depends on. */
export type CompileInput = { readonly config: Config; readonly rootfs: RootfsRecipe; readonly frame: Frame; readonly host: HostFacts };

/**
 * Compiles the start of a container.
 * @throws `invalid-spec` or `unsupported` with the JSON pointer of what cannot be
 */
export function compile({ config, rootfs, frame, host }: CompileInput): Plan {
	refuseUnsupported(config);
	const steps = startSteps();
	const { linux, process } = config;
	const mounts = parseMounts(config);

	// The host's side.
	addDetach(steps, frame);
	const cgroups = addCgroups(steps, linux, host, frame);
	const cgroup = cgroups.slot;
	const gate = frame.watch === "gate" ? addListen(steps, frame.folder) : undefined;
	const output = openOutput(steps, frame, `${frame.folder}/log`, process.terminal);
	const { clone, joins, newCgroup } = openNamespaces(steps, config);
	joinNamespaces(steps, joins, CLONE_NEWPID); // holds for children, not for the caller itself
	const fork = steps.ops.length;
	add(steps, "clone3", { flags: clone, cgroup, parent: 0 }, "make the new process", "/linux/namespaces");

	// The new process, still on the host's root filesystem.
	add(steps, "setsid", {}, "make a session");
	addOomScore(steps, process);
	joinCgroups(steps, cgroups);
	// After the cgroups are joined, or the namespace's root would be the caller's cgroup.
	if (newCgroup) add(steps, "unshare", { flags: CLONE_NEWCGROUP }, "make a cgroup namespace", "/linux/namespaces");
	joinNamespaces(steps, joins, ~CLONE_NEWPID);
	setUpNamespaces(steps, config);
	if (frame.callersKeyring !== true) add(steps, "keyctl", {}, "make a session keyring");

	// The root filesystem. First no mount made here may reach the host.
	const opened = openSharedBinds(steps, mounts, frame);
	const inward = { source: "", target: "/", type: "", flags: flag.MS_REC | flag.MS_SLAVE, data: "" };
	add(steps, "mount", inward, "keep mounts from the host", "/linux/rootfsPropagation");
	const root = addRootfs(steps, rootfs, frame, host, mounts);
	addMounts(steps, { ...root, mounts, config, host, frame, opened });
	addDevices(steps, config, mounts, root.root);
	connect(steps, process, frame, output, root.root, true);
	addSysctls(steps, config);
	addPaths(steps, config, root);
	addContainerHooks(steps, config, frame);
	add(steps, "pivot_root", { slot: root.root }, "change the root", "/root");
	const propagation = propagationOf(linux.rootfsPropagation);
	if (propagation !== undefined) {
		// Only now: the kernel does not pivot to a shared root.
		const args = { slot: root.root, flags: propagation.recursive ? flag.AT_RECURSIVE : 0, set: 0, clear: 0, propagation: propagation.bit };
		add(steps, "mount_setattr", args, `make the root filesystem "${linux.rootfsPropagation}"`, "/linux/rootfsPropagation");
	}

	// The payload.
	addPayload(steps, {
		process,
		seccomp: linux.seccomp,
		host,
		makeFolder: true,
		preserveFds: frame.preserveFds,
		tied: frame.watch === undefined || frame.watch === "supervise",
		gate,
		addStarted: () => addHooks(steps, config, frame, "startContainer"),
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
	addRuntimeHooks(steps, config, frame);
	addWait(steps, output);
	addCgroupDevices(steps, linux, host, frame, cgroups);
	addGo(steps, { frame, output, terminal: process.terminal }, () => addHooks(steps, config, frame, "poststart"));
	addEnd(
		steps,
		frame,
		cgroups.folders.map(({ path }) => path),
	);
	addHooks(steps, config, frame, "poststop");
	return { ops: steps.ops };
}
