// Which capabilities the payload has: docker's default set, --cap-add, --cap-drop and --privileged.
// @see capabilities(7)

import { CortenError } from "../base/errors.ts";
import { type CapabilityName, capabilityNames, namesOfCapabilities } from "../linux/capabilities.ts";
import type { HostFacts } from "../linux/host.ts";
import type { CapabilitySets } from "../spec/runtime.ts";

/** docker's default set. */
export const defaultCapabilities = [
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_FSETID",
	"CAP_FOWNER",
	"CAP_MKNOD",
	"CAP_NET_RAW",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETFCAP",
	"CAP_SETPCAP",
	"CAP_NET_BIND_SERVICE",
	"CAP_SYS_CHROOT",
	"CAP_KILL",
	"CAP_AUDIT_WRITE",
] as const satisfies readonly CapabilityName[];

/** Parses `NET_ADMIN`, `CAP_NET_ADMIN` or `all`, in any case. @returns the CAP_ name, or ALL. @throws `invalid-argument` */
export function parseCapability(text: string, at: string): CapabilityName | "ALL" {
	const word = text.toUpperCase();
	if (word === "ALL" || word === "CAP_ALL") return "ALL";
	const name = capabilityNames.find((known) => known === word || known === `CAP_${word}`);
	if (name !== undefined) return name;
	throw new CortenError("invalid-argument", `cannot find capability "${text}"`, { at, hint: "capabilities(7) lists them" });
}

/**
 * Composes the sets. An added capability wins over a dropped one; ALL means all that the caller has, and the default ones that the
 * caller lacks are left out. Inheritable and ambient stay empty (CVE-2022-24769).
 * @throws `permission-denied` when a capability is added by name that the caller lacks; `unsupported` when this kernel has none such
 */
export function composeCapabilities(
	asked: { readonly capAdd: readonly string[]; readonly capDrop: readonly string[]; readonly privileged: boolean },
	host: Pick<HostFacts, "capabilities" | "lastCapability">,
): CapabilitySets {
	const held = namesOfCapabilities(host.capabilities & ((1n << BigInt(host.lastCapability + 1)) - 1n));
	for (const name of asked.capAdd) checkHeld(name, held, host.lastCapability);
	const { capAdd, capDrop } = asked;
	let wanted: readonly string[];
	if (asked.privileged) wanted = held;
	else if (capAdd.includes("ALL")) wanted = held.filter((name) => !capDrop.includes(name));
	else if (capDrop.includes("ALL")) wanted = capAdd;
	else wanted = [...defaultCapabilities.filter((name) => !capDrop.includes(name)), ...capAdd];
	const set = new Set(wanted);
	// In the order of the bits, so that the same set gives the same document.
	const names = held.filter((name) => set.has(name));
	return { bounding: names, effective: names, permitted: names, inheritable: [], ambient: [] };
}

function checkHeld(name: string, held: readonly string[], last: number): void {
	if (name === "ALL" || held.includes(name)) return;
	const at = "--cap-add";
	if (capabilityNames.indexOf(name as CapabilityName) > last) {
		throw new CortenError("unsupported", `cannot add capability "${name}": this kernel does not have it`, { at });
	}
	throw new CortenError("permission-denied", `cannot add capability "${name}": the caller does not have it`, { at });
}
