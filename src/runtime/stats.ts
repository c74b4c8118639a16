// What a container uses, as one document, whichever version of cgroups it is in.

import type { HostFacts } from "../linux/host.ts";
import { formatStats, type Json } from "./stats-json.ts";
import { readStats1 } from "./stats1.ts";
import { readStats2 } from "./stats2.ts";

/** The `data` of runc's stats event. @param folders of the container's cgroups; what none of them counts is zero */
export function readStats(folders: readonly string[], cgroup: HostFacts["cgroup"]): Json {
	return formatStats(cgroup.version === 1 ? readStats1(folders) : readStats2(folders[0] ?? "/nowhere"));
}
