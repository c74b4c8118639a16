// The end of a container, brought about and waited for. Its payload's pidfd says that it has ended; the lock of its folder says that
// launch has finished after it (exit written, cgroups and, with --rm, the folder removed).

import { CortenError } from "../base/errors.ts";
import { sleep } from "../linux/sleep.ts";
import { containerFolder } from "./layout.ts";
import { openProcess, sendSignal as send, waitReadable } from "./process.ts";
import { type Container, isLocked } from "./state.ts";

/**
 * Sends a signal to a container's first process.
 * @param verb for the message: `kill`, `stop`
 * @throws `wrong-state` when it does not run; `permission-denied`
 */
export function signalContainer(container: Container, signal: number, verb: string): void {
	const process = container.state.process;
	using opened = process === null ? undefined : openProcess(process.pid, process.startTime);
	if (opened === undefined || !send(opened, signal)) {
		throw new CortenError("wrong-state", `cannot ${verb} container "${container.record.name}": it is not running`);
	}
}

/**
 * Waits until a container has ended and launch has finished with it.
 * @param timeoutMs Infinity waits for ever
 * @returns false after the time
 */
export function waitForEnd(root: string, container: Container, timeoutMs: number): boolean {
	const deadline = performance.now() + timeoutMs;
	const process = container.state.process;
	using opened = process === null ? undefined : openProcess(process.pid, process.startTime);
	if (opened !== undefined && waitReadable([opened], timeoutMs) < 0) return false;
	// What is left takes launch a moment; flock(2) has no timeout, so this asks, at growing intervals.
	for (let pauseMs = 0.2; isLocked(containerFolder(root, container.record.id)); pauseMs = Math.min(20, pauseMs * 1.5)) {
		if (performance.now() > deadline) return false;
		sleep(pauseMs);
	}
	return true;
}
