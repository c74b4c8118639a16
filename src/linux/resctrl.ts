// The resctrl filesystem: classes of service for caches and memory bandwidth.
// @see Documentation/arch/x86/resctrl.rst

import { readTextIfPresent } from "./file.ts";

/** Where it is mounted, and the schemata of the group that was asked for, if there is such a group. */
export type Resctrl = { readonly mountPoint: string; readonly schemata: string | undefined };

/**
 * Looks for it.
 * @param group a group's name, "/" for the root's own, "" for none
 * @returns undefined where it is not mounted
 */
export function readResctrl(mountinfo: string, group: string): Resctrl | undefined {
	const at = mountinfo.indexOf(" - resctrl ");
	if (at < 0) return undefined;
	const mountPoint = mountinfo.slice(mountinfo.lastIndexOf("\n", at) + 1, at).split(" ")[4] ?? "";
	const name = group === "/" ? "" : `${group}/`;
	return { mountPoint, schemata: group === "" ? undefined : readTextIfPresent(`${mountPoint}/${name}schemata`) };
}
