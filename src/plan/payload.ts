// The last steps of every new process, of a start and of an exec alike: where it stands, what it may use, who it is, what it becomes.
// One list for both, because the order is what keeps the container's limits (see credentials.ts).

import type { HostFacts } from "../linux/host.ts";
import type { Process, Seccomp } from "../spec/runtime.ts";
import { addAttributes, type SharedAttributes } from "./attributes.ts";
import { addCredentials } from "./credentials.ts";
import { type Labels, writeLabels } from "./labels.ts";
import { addExecve, addLimits, programCandidates } from "./process.ts";
import { add, type Steps } from "./steps.ts";
import type { UserNamespace } from "./userns.ts";

/** What files are made with unless config.json says otherwise. */
const defaultUmask = 0o022;

/** What a payload is made from. */
export type Payload = {
	readonly process: Process;
	readonly seccomp: Seccomp | undefined;
	readonly host: HostFacts;
	/** Whether process.cwd is made when it is missing: at a start, not in a container that is in use. */
	readonly makeFolder: boolean;
	/** So many descriptors from 3 up are the payload's. */
	readonly preserveFds: number | undefined;
	/** Whether it ends with the parent for as long as it lives, or only until the word to start. */
	readonly tied: boolean;
	/** In a user namespace: limits are set by the parent, which may raise them, and groups perhaps not at all. */
	readonly user?: Pick<UserNamespace, "deny"> | undefined;
	/** Who waits for the start cannot be told later that there is nothing to run: that is found out before the word to start. */
	readonly checked?: boolean;
	/** The slot of the socket at which it waits once more. */
	readonly gate?: number | undefined;
	/** What the container gives all its processes. */
	readonly shared: SharedAttributes;
	readonly labels: Labels | undefined;
	/** What is still to be done when it is started. */
	readonly addStarted?: () => void;
};

/** From the finished root filesystem to execve. */
export function addPayload(steps: Steps, payload: Payload): void {
	const { process, seccomp, host, gate } = payload;
	const cwd = process.cwd;
	add(steps, "chdir", { path: cwd, create: payload.makeFolder ? 1 : 0 }, `enter "${cwd}"`, "/process/cwd");
	add(steps, "umask", { mask: process.user.umask ?? defaultUmask }, "set the umask", "/process/user/umask");
	add(steps, "close_range", { first: 3 + (payload.preserveFds ?? 0) }, "mark open files to close");
	if (payload.user === undefined) addLimits(steps, process, host);
	addAttributes(steps, process, payload.shared);
	writeLabels(steps, payload.labels);
	const addReady = (): void => {
		// A start that comes later fails now, not then, when there is nothing to run.
		if (gate !== undefined || payload.checked === true) {
			add(steps, "access", { candidates: programCandidates(process) }, `execute "${process.args[0]}"`, "/process/args");
		}
		add(steps, "sync", { tied: payload.tied ? 1 : 0 }, "wait for the word to start");
	};
	const addGate = (): void => {
		if (gate !== undefined) add(steps, "gate", { socket: gate }, "wait at the gate");
		payload.addStarted?.();
	};
	addCredentials(steps, process, seccomp, host, { addReady, addGate }, payload.user);
	addExecve(steps, process);
}
