// launch beside corten instead of in its place: for plans that end, or that become another program, while corten has more to do.

import type { Fd } from "../linux/file.ts";
import { readLaunch, sealedMemory } from "./spawn.ts";

const MFD_CLOEXEC = 1;
const MFD_EXEC = 0x10;

/** A started launch. */
export type LaunchChild = {
	readonly pid: number;
	/** Its exit status, or 128 and the signal that ended it. */
	readonly exited: Promise<number>;
};

/**
 * Starts launch with a plan. It has this process's standard descriptors.
 * @param descriptors what it gets as 3, 4 and so on; undefined: nothing is there
 * @throws as becomeLaunch
 */
export function spawnLaunch(plan: Uint8Array, descriptors: readonly (Fd | undefined)[]): LaunchChild {
	using launch = sealedMemory("corten-launch", readLaunch(), MFD_CLOEXEC | MFD_EXEC);
	using planFd = sealedMemory("corten-plan", plan, MFD_CLOEXEC);
	const passed = [...descriptors, planFd].map((fd) => fd?.number ?? ("ignore" as const));
	// By this process's own number: the child's descriptors are arranged before it executes.
	const started = Bun.spawn([`/proc/${process.pid}/fd/${launch.number}`, String(2 + passed.length)], {
		argv0: "corten-launch",
		stdio: ["inherit", "inherit", "inherit", ...passed],
		env: {},
	});
	return { pid: started.pid, exited: started.exited };
}
