// Containers in units of systemd's, for the commands that end them and look at them: a unit is stopped, not its payload, or a policy would
// start it again; and how the payload ended is known to the unit's manager.

import { CortenError, isError } from "../base/errors.ts";
import { exists, replaceFile } from "../linux/file.ts";
import { sleep } from "../linux/sleep.ts";
import { signalContainer, waitForEnd } from "../supervise/end.ts";
import { containerFolder } from "../supervise/layout.ts";
import { readStartFile } from "../supervise/start-file.ts";
import { type Container, readContainer, readExitFile, readPidFile } from "../supervise/state.ts";
import { finishContainer } from "../supervise/sweep.ts";
import { connectSystemd, type Systemd, waitForJob } from "../systemd/scope.ts";
import { activeState, askToStop, mainExit } from "../systemd/transient.ts";

const SIGKILL = 9;
/** How long the manager may take after the payload's end. */
const finishMs = 10_000;

/** A unit that has been asked to stop. */
export type StoppingUnit = Disposable & {
	/**
	 * Waits until the unit has stopped and the container is in its final state; after the time its payload is killed.
	 * @throws `busy` when it does not end then
	 */
	readonly wait: (timeoutMs: number) => void;
};

/** Whether a container's unit may be there, running it or about to start it again. */
export function mayHaveUnit({ record, state, folder }: Container): boolean {
	if (record.unit === null) return false;
	return state.process !== null || (record.unit.own && (readStartFile(folder)?.restart.name ?? "no") !== "no");
}

/**
 * Asks the manager to stop a container's unit. Its own settings say by which signal, and when it kills.
 * @returns undefined when there is no such unit any more
 */
export function stopUnitOf(root: string, container: Container): StoppingUnit | undefined {
	const { unit } = container.record;
	if (unit === null) return undefined;
	const systemd = connectSystemd(unit.user);
	let job: unknown;
	try {
		job = askToStop(systemd, unit.name);
	} catch (error) {
		systemd[Symbol.dispose]();
		throw error;
	}
	if (job === undefined) {
		systemd[Symbol.dispose]();
		return undefined;
	}
	return {
		wait: (timeoutMs) => {
			if (!jobEnds(systemd, job, timeoutMs)) {
				signalIfRunning(container, SIGKILL);
				if (!jobEnds(systemd, job, finishMs)) {
					throw new CortenError(
						"busy",
						`cannot stop unit "${unit.name}" of container "${container.record.name}": it does not end after SIGKILL`,
					);
				}
			}
			settleEnd(root, container, systemd);
		},
		[Symbol.dispose]: () => systemd[Symbol.dispose](),
	};
}

function jobEnds(systemd: Systemd, job: unknown, timeoutMs: number): boolean {
	try {
		waitForJob(systemd, job, timeoutMs === Infinity ? 2 ** 40 : timeoutMs);
		return true;
	} catch (error) {
		if (isError(error, "unavailable")) return false;
		throw error;
	}
}

function signalIfRunning(container: Container, signal: number): void {
	try {
		signalContainer(container, signal, "stop");
	} catch (error) {
		if (!isError(error, "wrong-state")) throw error;
	}
}

/**
 * Ends a container in a unit that nobody starts again, as one outside of units: with a signal and a time of the caller's own.
 * @throws `busy` when it does not end after SIGKILL
 */
export function waitForUnitEnd(root: string, container: Container, timeoutMs: number): boolean {
	if (!waitForEnd(root, container, timeoutMs)) return false;
	awaitNote(root, container);
	return true;
}

/** Whether another payload than that of `state` has been started in a container since. */
export function hasRestarted(folder: string, { process }: Container["state"]): boolean {
	const now = readPidFile(folder);
	return process !== null && now !== undefined && (now.pid !== process.pid || now.startTime !== process.startTime);
}

/** The payload has ended; the unit's last command writes that down and, with --rm, removes the folder. */
function awaitNote(root: string, { record, folder, state }: Container): void {
	if (record.unit?.own === true) {
		for (const deadline = performance.now() + finishMs; performance.now() < deadline; sleep(2)) {
			if (!exists(folder) || readExitFile(folder) !== undefined || hasRestarted(folder, state)) break;
		}
		if (record.removeAtEnd) for (const deadline = performance.now() + finishMs; exists(folder) && performance.now() < deadline; sleep(2));
	}
	const now = readContainer(root, record.id);
	if (now !== undefined) settleEnd(root, now);
}

/**
 * Writes down how a payload in a unit has ended, as its manager tells, where nobody has yet; and does what is done at a container's end.
 * @returns the container as it is now; undefined when it went with its end
 */
export function settleEnd(root: string, container: Container, open?: Systemd): Container | undefined {
	const { record, folder } = container;
	const pid = readPidFile(folder)?.pid;
	if (
		record.unit !== null &&
		pid !== undefined &&
		readExitFile(folder) === undefined &&
		readContainer(root, record.id)?.state.process === null
	) {
		const known = askManager(record.unit, pid, open);
		if (known !== undefined) {
			const { exitCode, signal, finishedAt } = known;
			const text = `${exitCode} ${signal} ${finishedAt / 1_000_000_000n} ${finishedAt % 1_000_000_000n}\n`;
			replaceFile(`${folder}/exit`, text, 0o600, false);
		}
		finishContainer(root, record.id);
	}
	return exists(containerFolder(root, record.id)) ? readContainer(root, record.id) : undefined;
}

function askManager(unit: NonNullable<Container["record"]["unit"]>, pid: number, open: Systemd | undefined): ReturnType<typeof mainExit> {
	if (open !== undefined) return mainExit(open, unit.name, pid);
	try {
		using systemd = connectSystemd(unit.user);
		return mainExit(systemd, unit.name, pid);
	} catch (error) {
		if (isError(error)) return undefined; // nobody to ask
		throw error;
	}
}

/** As {@link settleEnd} of each that has ended without anybody noting how. */
export function settleEnds(root: string, containers: readonly Container[]): Container[] {
	return containers.flatMap((container) => {
		const { record, state } = container;
		if (record.unit === null || state.status !== "exited" || state.finishedAt !== null) return [container];
		return settleEnd(root, container) ?? [];
	});
}

/** Whether a container's unit is active or is about to be; false where nobody can be asked. */
export function unitIsUp({ record }: Container): boolean {
	if (record.unit === null) return false;
	try {
		using systemd = connectSystemd(record.unit.user);
		return !["inactive", "failed"].includes(activeState(systemd, record.unit.name));
	} catch (error) {
		if (isError(error)) return false;
		throw error;
	}
}

/** A person has ended it: `unless-stopped` does not begin again at the next boot. */
export function noteStop({ record, folder }: Container): void {
	if (record.unit?.own === true && exists(folder)) replaceFile(`${folder}/stopped`, "", 0o600, false);
}
