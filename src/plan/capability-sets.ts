// process.capabilities as bits. What is no capability here, or not the caller's to give, is left out and told: the specification wants a
// warning and no failure, so that one document runs on old kernels and in restricted places.
// @see runtime-spec config.md#linux-process, capabilities(7)

import { type CapabilityName, capabilityNames } from "../linux/capabilities.ts";
import type { HostFacts } from "../linux/host.ts";
import type { CapabilitySets, Process } from "../spec/runtime.ts";

/** The five sets as the kernel takes them. */
export type CapabilityBits = { readonly [set in keyof CapabilitySets]: bigint };

const allBits = (1n << 64n) - 1n;

function bitOf(name: string, host: HostFacts): bigint {
	const bit = capabilityNames.indexOf(name as CapabilityName);
	return bit < 0 || bit > host.lastCapability ? 0n : 1n << BigInt(bit);
}

/** What the caller can give: all it has, and everything in a user namespace of the container's own. */
const grantable = (host: HostFacts, ownUserNamespace: boolean): bigint => (ownUserNamespace ? allBits : host.capabilities);

/** The sets without what cannot be granted. */
export function capabilityBits({ capabilities }: Process, host: HostFacts, ownUserNamespace: boolean): CapabilityBits {
	const granted = grantable(host, ownUserNamespace);
	const bits = (key: keyof CapabilitySets): bigint => {
		let set = 0n;
		for (const name of capabilities?.[key] ?? []) set |= bitOf(name, host);
		return set & granted;
	};
	const permitted = bits("permitted");
	const inheritable = bits("inheritable");
	// The kernel takes only what is in the sets these depend on. `runc spec` writes more than that, and runc and crun pass over it.
	const ambient = bits("ambient") & permitted & inheritable;
	return { bounding: bits("bounding"), effective: bits("effective") & permitted, permitted, inheritable, ambient };
}

/** The names that {@link capabilityBits} leaves out because they are unknown or not to be granted, for a warning; each once. */
export function refusedCapabilities({ capabilities }: Process, host: HostFacts, ownUserNamespace: boolean): string[] {
	if (capabilities === undefined) return [];
	const granted = grantable(host, ownUserNamespace);
	const refused: string[] = [];
	for (const names of Object.values(capabilities)) {
		for (const name of names) if ((bitOf(name, host) & granted) === 0n && !refused.includes(name)) refused.push(name);
	}
	return refused.sort();
}
