// From root to the payload's user: groups, ids, capabilities, no_new_privs, seccomp, and the last word with the parent before execve.
// @see runtime-spec config.md#process, capabilities(7), credentials(7)

import { CortenError } from "../base/errors.ts";
import type { HostFacts } from "../linux/host.ts";
import type { Process, Seccomp } from "../spec/runtime.ts";
import { capabilityBits } from "./capability-sets.ts";
import { seccompFilter } from "./seccomp-filter.ts";
import { checkListener, notifies, seccompFlags } from "./seccomp-load.ts";
import { add, type Steps } from "./steps.ts";
import type { UserNamespace } from "./userns.ts";

const PR_SET_KEEPCAPS = 8;
const PR_SET_NO_NEW_PRIVS = 38;
const CAP_SYS_ADMIN = 1n << 21n;
/** The largest id: the next number means "leave it as it is" and would keep root. */
const maxId = 0xffff_fffe;

function id(value: number, at: string): number {
	if (Number.isInteger(value) && value >= 0 && value <= maxId) return value;
	throw new CortenError("invalid-spec", `cannot use id ${value}: it is not between 0 and ${maxId}`, { at });
}

/** Where the new process meets others on its way: its parent for the last time, and after that whoever starts it. */
export type Meeting = { readonly addReady: () => void; readonly addGate: () => void };

/**
 * Everything between the finished root and execve. Order: the bounding set first, as dropping from it takes CAP_SETPCAP; groups before
 * ids, as both need root; `addReady` (the last sync) after the ids, as changing them clears the parent-death signal; seccomp last of all, so that a profile
 * need allow nothing but what comes after it: execve, and capset where the filter itself needs CAP_SYS_ADMIN to be loaded because
 * no_new_privs is not set.
 * @param user the user namespace of the container's own; where it denies groups they stay as they are
 */
export function addCredentials(
	steps: Steps,
	process: Process,
	seccomp: Seccomp | undefined,
	host: HostFacts,
	{ addReady, addGate }: Meeting,
	user?: Pick<UserNamespace, "deny">,
): void {
	const at = "/process/capabilities";
	const { bounding: keep, ...final } = capabilityBits(process, host, user !== undefined);
	add(steps, "capbset", { keep }, "drop capabilities from the bounding set", `${at}/bounding`);
	// In a user namespace that forbids it nobody can have other groups; who asks for some hears so.
	const denied = user?.deny ?? (host.groupsDenied === true && process.user.additionalGids.length === 0);
	addIds(steps, process, !denied);
	if (seccomp !== undefined) checkListener(seccomp);
	const filter = seccomp === undefined ? undefined : { filter: seccompFilter(seccomp), flags: seccompFlags(seccomp) };
	const setCapabilities = (): void => add(steps, "capset", final, "set capabilities", at);
	const loadFilter = (): void => {
		if (filter !== undefined) add(steps, "seccomp", filter, "load the seccomp filter", "/linux/seccomp");
	};
	const passGate = (): void => {
		addReady();
		// The parent sends a listener to its agent, and is not there any more behind the gate.
		const early = seccomp !== undefined && notifies(seccomp);
		if (early) loadFilter();
		addGate();
		if (!early) loadFilter();
	};
	if (process.noNewPrivileges || filter === undefined) {
		setCapabilities();
		if (process.noNewPrivileges)
			add(steps, "prctl", { option: PR_SET_NO_NEW_PRIVS, arg2: 1, arg3: 0 }, "set no_new_privs", "/process/noNewPrivileges");
		passGate();
		return;
	}
	if (process.user.uid !== 0) {
		// Leaving uid 0 emptied the effective set; the filter needs this one back for a moment.
		const interim = { ...final, effective: CAP_SYS_ADMIN, permitted: final.permitted | CAP_SYS_ADMIN, ambient: 0n };
		add(steps, "capset", interim, "keep CAP_SYS_ADMIN to load the seccomp filter", "/linux/seccomp");
	}
	passGate();
	setCapabilities();
}

function addIds(steps: Steps, { user }: Process, setsGroups: boolean): void {
	const uid = id(user.uid, "/process/user/uid");
	const gid = id(user.gid, "/process/user/gid");
	if (uid !== 0)
		add(steps, "prctl", { option: PR_SET_KEEPCAPS, arg2: 1, arg3: 0 }, "keep capabilities over the change of user", "/process/user/uid");
	// Always, or the caller's groups would stay. Whether the primary group is among them is the engine's word (CVE-2022-36109).
	const groups = user.additionalGids.map((group, index) => id(group, `/process/user/additionalGids/${index}`));
	const list = new Uint8Array(groups.length * 4);
	const view = new DataView(list.buffer);
	for (const [index, group] of groups.entries()) view.setUint32(index * 4, group, true);
	if (setsGroups) add(steps, "setgroups", { groups: list }, "set supplementary groups", "/process/user/additionalGids");
	add(steps, "setresgid", { gid }, `become group ${gid}`, "/process/user/gid");
	add(steps, "setresuid", { uid }, `become user ${uid}`, "/process/user/uid");
}
