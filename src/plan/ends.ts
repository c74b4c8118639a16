// What surrounds the new process: detaching before it, and the parent's side after it, up to what is removed at the end.

import { O_DIRECTORY, O_NOFOLLOW, O_PATH } from "../linux/file.ts";
import type { Frame } from "./frame.ts";
import { cwd, opFlags } from "./ops.ts";
import { closeEnds, type Output } from "./process.ts";
import { add, freeSlot, type Steps, takeSlot } from "./steps.ts";

/** What the parent does while the container lives. */
export type Watch = {
	readonly frame: Pick<Frame, "input" | "pidFile" | "detachMessage" | "output" | "watch" | "consoleSocket" | "pidfdSocket"> & {
		readonly folder?: string;
	};
	readonly output: Output;
	readonly terminal: boolean;
	/** What is still to be done while the new process waits for its last word. */
	readonly addNotify?: () => void;
	/** The socket of the unit's manager. */
	readonly manager?: number | undefined;
	/** The process runs already: nothing waits for a word. */
	readonly adopted?: true;
};

/** First of all, so that whatever is opened belongs to the process that stays. */
export function addDetach(steps: Steps, frame: Pick<Frame, "detachMessage">): void {
	if (frame.detachMessage !== undefined) add(steps, "detach", { message: frame.detachMessage }, "detach");
}

/** The socket at which a new process waits until it is started: `start` in its folder. @returns its slot */
export function addListen(steps: Steps, folder: string): number {
	const above = takeSlot(steps);
	const socket = takeSlot(steps);
	add(steps, "openat", { out: above, dir: cwd, path: folder, flags: O_PATH | O_DIRECTORY | O_NOFOLLOW, mode: 0 }, `open "${folder}"`);
	// By its name alone: a socket's path may have 107 bytes.
	add(steps, "fchdir", { slot: above }, `enter "${folder}"`);
	add(steps, "listen", { out: socket, path: "start" }, `listen on "${folder}/start"`);
	freeSlot(steps, above);
	return socket;
}

/** The socket of the unit's manager, when it is to be told. @returns its slot */
export function addConnect(steps: Steps, { handOver, health }: Pick<Frame, "handOver" | "health">): number | undefined {
	const path = handOver?.socket ?? health?.manager;
	if (path === undefined) return undefined;
	const out = takeSlot(steps);
	add(steps, "connect", { out, path }, `connect to "${path}"`);
	return out;
}

/** Before launch waits: how it has the health probed meanwhile. */
export function addHealth(steps: Steps, { folder, health }: Pick<Frame, "folder" | "health">, manager: number | undefined): void {
	if (health === undefined) return;
	const { command, intervalMs, startMs, startIntervalMs } = health;
	add(steps, "health", { folder, command, intervalMs, startMs, startIntervalMs, manager: manager ?? cwd }, "have the health checked");
}

/** Until the new process is prepared. */
export function addWait(steps: Steps, output: Output): void {
	closeEnds(steps, output);
	add(steps, "wait", {}, "wait for the new process");
}

/** From the prepared process to its end. */
export function addGo(steps: Steps, watched: Watch, addStarted?: () => void): void {
	const { frame, output, terminal } = watched;
	if (frame.folder !== undefined) {
		const folder = takeSlot(steps);
		add(
			steps,
			"openat",
			{ out: folder, dir: cwd, path: frame.folder, flags: O_PATH | O_DIRECTORY | O_NOFOLLOW, mode: 0 },
			`open "${frame.folder}"`,
		);
		add(steps, "pidfile", { dir: folder, path: "pid", plain: 0 }, `write "${frame.folder}/pid"`);
	}
	if (frame.pidFile !== undefined)
		add(steps, "pidfile", { dir: cwd, path: frame.pidFile, plain: 1 }, `write "${frame.pidFile}"`, "--pidfile");
	const { consoleSocket, pidfdSocket, watch } = frame;
	if (terminal && consoleSocket !== undefined)
		add(steps, "sendfd", { path: consoleSocket, what: 0 }, `send the terminal to "${consoleSocket}"`, "--console-socket");
	if (pidfdSocket !== undefined)
		add(steps, "sendfd", { path: pidfdSocket, what: 1 }, `send the pidfd to "${pidfdSocket}"`, "--pidfd-socket");
	watched.addNotify?.();
	if (watch === "gate") {
		add(steps, "release", {}, "leave the new process at its gate");
		return;
	}
	// Only when the manager knows whom it is to wait for may the payload run, and end.
	if (watched.manager !== undefined)
		add(steps, "send", { slot: watched.manager, message: ["MAINPID=", ""], barrier: 1 }, "name the unit's main process");
	if (watched.adopted !== true) add(steps, "go", {}, "start the new process");
	addStarted?.();
	if (watch === "leave") return;
	const served = terminal && frame.detachMessage === undefined && frame.output === "inherit";
	const { log, stdout, stderr } = output;
	add(
		steps,
		"supervise",
		{ log, stdout, stderr, terminal: served ? 1 : 0, input: frame.input === "inherit" ? 1 : 0 },
		"wait for the container's end",
	);
}

/** The exit file and what is removed. The exit file is written first: from then on everybody sees that the container ended. */
export function addEnd(steps: Steps, frame: Frame, cgroups: readonly string[]): void {
	if (frame.watch === "leave" || frame.watch === "gate") {
		takeBack(steps, frame, cgroups);
		return;
	}
	const keep = frame.atEnd.kind === "keep";
	if (keep) add(steps, "exitfile", { dir: cwd, path: `${frame.folder}/exit` }, `write "${frame.folder}/exit"`);
	for (const path of cgroups) add(steps, "rmcgroup", { dir: cwd, path }, `remove cgroup "${path}"`);
	if (frame.atEnd.kind === "keep") return;
	const { nameLink } = frame.atEnd;
	// The link before the folder: a link without a folder is anybody's to take over, and then it would be another's that is removed here.
	if (nameLink !== undefined) add(steps, "unlinkat", { dir: cwd, path: nameLink, flags: 0 }, `remove "${nameLink}"`, "", opFlags.absentOk);
	add(steps, "rmtree", { dir: cwd, path: frame.folder }, `remove "${frame.folder}"`);
}

/** What is undone when the start fails: nobody stays who could do it later. */
function takeBack(steps: Steps, { folder, atEnd, again }: Frame, cgroups: readonly string[]): void {
	for (const path of cgroups) add(steps, "rmcgroup", { dir: cwd, path }, `remove cgroup "${path}"`, "", opFlags.onFailure);
	if (again === true) return;
	if (atEnd.kind === "remove" && atEnd.nameLink !== undefined)
		add(
			steps,
			"unlinkat",
			{ dir: cwd, path: atEnd.nameLink, flags: 0 },
			`remove "${atEnd.nameLink}"`,
			"",
			opFlags.onFailure | opFlags.absentOk,
		);
	add(steps, "rmtree", { dir: cwd, path: folder }, `remove "${folder}"`, "", opFlags.onFailure);
}
