// What a start or an exec leaves out of config.json, told in the log. @see runtime-spec runtime.md#warnings

import type { HostFacts } from "../linux/host.ts";
import { refusedCapabilities } from "../plan/capability-sets.ts";
import type { Linux, Process } from "../spec/runtime.ts";
import { type RuntimeLog, writeLog } from "./log.ts";

/** Warns of capabilities that the process asks for and does not get. */
export function warnOfCapabilities(log: RuntimeLog, process: Process, { namespaces }: Linux, host: HostFacts): void {
	const own = namespaces.some(({ type }) => type === "user");
	const refused = refusedCapabilities(process, host, own);
	if (refused.length > 0) writeLog(log, "warning", `ignoring unknown or unavailable capabilities: [${refused.join(" ")}]`);
}
