// Which facts of the host a configuration depends on, beyond those that every start needs: each costs a file or two to read.

import type { HostNeeds } from "../linux/host.ts";
import type { Linux, Process } from "../spec/runtime.ts";

/** For readHostFacts. */
export function hostNeeds(process: Process, linux: Linux): HostNeeds {
	const labelled = process.apparmorProfile || process.selinuxLabel || linux.mountLabel;
	return {
		securityModules: Boolean(labelled),
		...(linux.intelRdt !== undefined && { resctrlGroup: linux.intelRdt.closID ?? "" }),
	};
}
