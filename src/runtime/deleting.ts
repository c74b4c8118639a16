// The end of a container: its processes, its cgroups, its folder. Every step is idempotent, so that delete can be called again after any
// kill. @see runtime-spec runtime.md#delete

import { removeCgroups } from "../supervise/cgroup.ts";
import { thaw } from "../supervise/freezer.ts";
import { openProcess, sendSignal, waitReadable } from "../supervise/process.ts";
import { removeEmptyFolder, removeTree } from "../supervise/tree.ts";
import type { RuntimeContainer } from "./state.ts";

const SIGKILL = 9;

/** Ends the container's first process and waits for it, `timeoutMs` at most; all others of its pid namespace go with it. */
export function endProcess({ record, process }: RuntimeContainer, timeoutMs = 10_000): void {
	if (process === null) return;
	using opened = openProcess(process.pid, process.startTime);
	if (opened === undefined) return;
	sendSignal(opened, SIGKILL);
	thaw(record.cgroups); // a process that v1's freezer holds does not even die
	waitReadable([opened], timeoutMs);
}

/** Removes what is left of an ended container; whoever still lives in its cgroups is killed. @throws `busy` */
export function removeContainer({ record, folder }: RuntimeContainer): void {
	removeCgroups(record.cgroups);
	for (const group of record.rdtGroups ?? []) removeEmptyFolder(group);
	removeTree(folder);
}
