// The device cgroup's rules: config.json's, then the devices every container has. v1 takes them as lines, v2 as an eBPF program.
// @see runtime-spec config-linux.md#allowed-device-list

import { CortenError } from "../base/errors.ts";
import type { Resources } from "../spec/runtime.ts";

/** One rule; later ones win. type a: all devices; no number: any. */
export type DeviceRule = {
	readonly allow: boolean;
	readonly type: "a" | "b" | "c";
	readonly major: number | undefined;
	readonly minor: number | undefined;
	/** Letters of r (read), w (write), m (mknod). */
	readonly access: string;
};

/** null, zero, full, random, urandom, tty, console, ptmx, and the terminals of devpts. */
const always: readonly (readonly [major: number, minor: number | undefined])[] = [
	[1, 3],
	[1, 5],
	[1, 7],
	[1, 8],
	[1, 9],
	[5, 0],
	[5, 1],
	[5, 2],
	[136, undefined],
];

/**
 * The rules of a container in order, without those that an equal one before makes superfluous.
 * @throws `invalid-spec` for unknown types and access letters
 */
export function deviceRules(given: NonNullable<Resources["devices"]>): DeviceRule[] {
	const rules: DeviceRule[] = [];
	const keys: string[] = [];
	const append = (rule: DeviceRule): void => {
		const key = `${rule.allow}${rule.type}${rule.major ?? ""}:${rule.minor ?? ""}${rule.access}`;
		if (keys.includes(key) && !rules.slice(keys.indexOf(key)).some((between) => between.allow !== rule.allow)) return;
		rules.push(rule);
		keys.push(key);
	};
	// What no rule allows is denied, also when the document does not begin by saying so.
	if ((given[0]?.type ?? "a") !== "a" || given.length === 0)
		append({ allow: false, type: "a", major: undefined, minor: undefined, access: "rwm" });
	for (const [index, { allow, type, major, minor, access }] of given.entries()) {
		const at = `/linux/resources/devices/${index}`;
		const letters = access ?? "rwm";
		for (const letter of letters) {
			if (!"rwm".includes(letter)) throw new CortenError("invalid-spec", `cannot use device access "${letters}"`, { at });
		}
		const kind = type ?? "a";
		if (kind !== "a" && kind !== "b" && kind !== "c") throw new CortenError("invalid-spec", `cannot use device type "${kind}"`, { at });
		append({ allow, type: kind, major: number(major), minor: number(minor), access: letters });
	}
	// Making a node of any device opens none; tar and debootstrap do it.
	for (const type of ["c", "b"] as const) append({ allow: true, type, major: undefined, minor: undefined, access: "m" });
	for (const [major, minor] of always) append({ allow: true, type: "c", major, minor, access: "rwm" });
	return rules;
}

/** -1 is an old way to say any. */
function number(value: number | undefined): number | undefined {
	return value === undefined || value < 0 ? undefined : value;
}
