// What criu finds around it, whichever way it goes.

import type { HostFacts } from "../../linux/host.ts";

/**
 * Where this machine's cgroups are mounted, for criu to use them there. Only cgroup v2 as a whole: for v1 criu mounts what it needs.
 */
export function cgroupMountOf({ cgroup }: Pick<HostFacts, "cgroup">): string | undefined {
	return cgroup.version === 2 && (cgroup.root ?? "/") === "/" ? cgroup.mountPoint : undefined;
}

/** criu runs tar, iptables and ip, and reads CRIU_CONFIG_FILE: it gets the caller's environment, and a PATH. */
export function environmentOfCriu(): readonly string[] {
	const env = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", ...process.env };
	return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}
