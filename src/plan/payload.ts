// The last steps of every new process, of a start and of an exec alike: where it stands, what it may use, who it is, what it becomes.
// One list for both, because the order is what keeps the container's limits (see credentials.ts).

import type { HostFacts } from "../linux/host.ts";
import type { Process, Seccomp } from "../spec/runtime.ts";
import { addCredentials } from "./credentials.ts";
import { addExecve, addLimits } from "./process.ts";
import { add, type Steps } from "./steps.ts";

/** What files are made with unless config.json says otherwise. */
const defaultUmask = 0o022;

/**
 * From the finished root filesystem to execve.
 * @param makeFolder whether process.cwd is made when it is missing: at a start, not in a container that is in use
 */
export function addPayload(steps: Steps, process: Process, seccomp: Seccomp | undefined, host: HostFacts, makeFolder: boolean): void {
	add(steps, "chdir", { path: process.cwd, create: makeFolder ? 1 : 0 }, `enter "${process.cwd}"`, "/process/cwd");
	add(steps, "umask", { mask: process.user.umask ?? defaultUmask }, "set the umask", "/process/user/umask");
	add(steps, "close_range", { first: 3 }, "mark open files to close");
	addLimits(steps, process, host);
	addCredentials(steps, process, seccomp, host);
	addExecve(steps, process);
}
