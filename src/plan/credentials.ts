// From root to the payload's user: groups, ids, capabilities, no_new_privs, seccomp, and the last word with the parent before execve.
// @see runtime-spec config.md#process, capabilities(7), credentials(7)

import { CortenError } from "../base/errors.ts";
import { type CapabilityName, capabilityNames } from "../linux/capabilities.ts";
import type { HostFacts } from "../linux/host.ts";
import type { CapabilitySets, Process, Seccomp } from "../spec/runtime.ts";
import { seccompFlags } from "./seccomp.ts";
import { seccompFilter } from "./seccomp-filter.ts";
import { add, type Steps } from "./steps.ts";

const PR_SET_KEEPCAPS = 8;
const PR_SET_NO_NEW_PRIVS = 38;
const CAP_SYS_ADMIN = 1n << 21n;
/** The largest id: the next number means "leave it as it is" and would keep root. */
const maxId = 0xffff_fffe;

/**
 * The bits of capability names; those that this kernel is too old for are left out, as it has nothing they would allow.
 * @throws `invalid-spec` for a name that is none
 */
function capabilityBits(names: readonly string[], host: HostFacts, at: string): bigint {
	let bits = 0n;
	for (const [index, name] of names.entries()) {
		const bit = capabilityNames.indexOf(name as CapabilityName);
		if (bit < 0) throw new CortenError("invalid-spec", `cannot use capability "${name}"`, { at: `${at}/${index}` });
		if (bit <= host.lastCapability) bits |= 1n << BigInt(bit);
	}
	return bits;
}

const none: CapabilitySets = { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] };

function id(value: number, at: string): number {
	if (Number.isInteger(value) && value >= 0 && value <= maxId) return value;
	throw new CortenError("invalid-spec", `cannot use id ${value}: it is not between 0 and ${maxId}`, { at });
}

/**
 * Everything between the finished root and execve. Order: the bounding set first, as dropping from it takes CAP_SETPCAP; groups before
 * ids, as both need root; `addReady` (the last sync) after the ids, as changing them clears the parent-death signal; seccomp last of all, so that a profile
 * need allow nothing but what comes after it: execve, and capset where the filter itself needs CAP_SYS_ADMIN to be loaded because
 * no_new_privs is not set.
 * @param setsGroups false where the kernel forbids it (userns.ts)
 */
export function addCredentials(
	steps: Steps,
	process: Process,
	seccomp: Seccomp | undefined,
	host: HostFacts,
	addReady: () => void,
	setsGroups = true,
): void {
	const at = "/process/capabilities";
	const sets = process.capabilities ?? none;
	const bits = (key: keyof CapabilitySets): bigint => capabilityBits(sets[key], host, `${at}/${key}`);
	const keep = bits("bounding");
	const [permitted, inheritable] = [bits("permitted"), bits("inheritable")];
	// The kernel raises only what is in both other sets. `runc spec` writes more than that, and runc and crun pass over it.
	const final = { effective: bits("effective"), permitted, inheritable, ambient: bits("ambient") & permitted & inheritable };
	add(steps, "capbset", { keep }, "drop capabilities from the bounding set", `${at}/bounding`);
	addIds(steps, process, setsGroups);
	const filter = seccomp === undefined ? undefined : { filter: seccompFilter(seccomp), flags: seccompFlags(seccomp) };
	const setCapabilities = (): void => add(steps, "capset", final, "set capabilities", at);
	const loadFilter = (): void => {
		if (filter !== undefined) add(steps, "seccomp", filter, "load the seccomp filter", "/linux/seccomp");
	};
	if (process.noNewPrivileges || filter === undefined) {
		setCapabilities();
		if (process.noNewPrivileges)
			add(steps, "prctl", { option: PR_SET_NO_NEW_PRIVS, arg2: 1, arg3: 0 }, "set no_new_privs", "/process/noNewPrivileges");
		addReady();
		loadFilter();
		return;
	}
	if (process.user.uid !== 0) {
		// Leaving uid 0 emptied the effective set; the filter needs this one back for a moment.
		const interim = { ...final, effective: CAP_SYS_ADMIN, permitted: final.permitted | CAP_SYS_ADMIN, ambient: 0n };
		add(steps, "capset", interim, "keep CAP_SYS_ADMIN to load the seccomp filter", "/linux/seccomp");
	}
	addReady();
	loadFilter();
	setCapabilities();
}

function addIds(steps: Steps, { user }: Process, setsGroups: boolean): void {
	const uid = id(user.uid, "/process/user/uid");
	const gid = id(user.gid, "/process/user/gid");
	if (uid !== 0)
		add(steps, "prctl", { option: PR_SET_KEEPCAPS, arg2: 1, arg3: 0 }, "keep capabilities over the change of user", "/process/user/uid");
	// Always, or the caller's groups would stay; and with the primary group, or a file that refuses that group could be read after
	// a setgid program dropped it (CVE-2022-36109).
	const groups = [gid];
	for (const [index, group] of user.additionalGids.entries()) {
		if (group !== gid) groups.push(id(group, `/process/user/additionalGids/${index}`));
	}
	const list = new Uint8Array(groups.length * 4);
	const view = new DataView(list.buffer);
	for (const [index, group] of groups.entries()) view.setUint32(index * 4, group, true);
	if (setsGroups) add(steps, "setgroups", { groups: list }, "set supplementary groups", "/process/user/additionalGids");
	add(steps, "setresgid", { gid }, `become group ${gid}`, "/process/user/gid");
	add(steps, "setresuid", { uid }, `become user ${uid}`, "/process/user/uid");
}
