// The freezer of a container's cgroups. On v1 it is a controller of its own, on v2 a file of every cgroup.
// @see Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst, cgroup-v2.rst cgroup.freeze and cgroup.events

import { CortenError } from "../base/errors.ts";
import { exists, writeFile } from "../linux/file.ts";
import { sleep } from "../linux/sleep.ts";
import { readCgroupFile } from "./members.ts";

/** Where the freezer is, and how it is spoken to. */
type Freezer = { readonly folder: string; readonly version: 1 | 2 };

/** v1's where there is one: the same processes are in it, and it also stops those of a v2 cgroup beside it. */
function freezerOf(cgroups: readonly string[]): Freezer | undefined {
	for (const folder of cgroups) if (/\/freezer[,/]/.test(folder)) return { folder, version: 1 };
	for (const folder of cgroups) if (exists(`${folder}/cgroup.freeze`)) return { folder, version: 2 };
	return undefined;
}

/** The folder of the freezer, for others that stop a container; undefined: it has none. */
export function freezerFolder(cgroups: readonly string[]): string | undefined {
	return freezerOf(cgroups)?.folder;
}

/** Whether a container is frozen. @param cgroups its folders; those without a freezer say nothing */
export function isFrozen(cgroups: readonly string[]): boolean {
	const freezer = freezerOf(cgroups);
	return freezer !== undefined && isFrozenNow(freezer);
}

function isFrozenNow({ folder, version }: Freezer): boolean {
	if (version === 1) return readCgroupFile(`${folder}/freezer.state`)?.startsWith("FROZEN") === true;
	return readCgroupFile(`${folder}/cgroup.events`)?.includes("frozen 1") === true;
}

/**
 * Stops every process of a container until {@link thaw}, and waits until all are. One that is made meanwhile is stopped as well.
 * @throws `unsupported` when there is no freezer; `busy` when not all could be stopped in time: they go on then
 */
export function freeze(cgroups: readonly string[], timeoutMs = 10_000): void {
	const freezer = freezerOf(cgroups);
	if (freezer === undefined) throw new CortenError("unsupported", "cannot freeze: the container has no cgroup with a freezer");
	const deadline = performance.now() + timeoutMs;
	for (let round = 0; ; round++) {
		// v1 forgets those that join while it freezes: it is told again.
		if (round === 0 || freezer.version === 1) set(freezer, true);
		if (isFrozenNow(freezer)) return;
		if (performance.now() > deadline) {
			set(freezer, false);
			throw new CortenError("busy", `cannot freeze cgroup "${freezer.folder}": not all of its processes could be stopped`);
		}
		// Some wait for one that is stopped already (vfork): a moment of freedom every now and then lets them through.
		if (freezer.version === 1 && round % 50 === 49) set(freezer, false);
		sleep(round < 10 ? 1 : 10);
	}
}

/** Lets frozen processes go on; nothing to do when there is no freezer. */
export function thaw(cgroups: readonly string[]): void {
	const freezer = freezerOf(cgroups);
	if (freezer !== undefined && exists(freezer.folder)) set(freezer, false);
}

function set({ folder, version }: Freezer, frozen: boolean): void {
	const [file, word] = version === 1 ? ["freezer.state", frozen ? "FROZEN" : "THAWED"] : ["cgroup.freeze", frozen ? "1" : "0"];
	writeFile(`${folder}/${file}`, word, 0, 0);
}
