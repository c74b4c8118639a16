// corten stop: asks containers to end, and ends those that do not. All are asked before any is waited for, so ten containers take as
// long as the slowest and not as all together.

import { CortenError, isError } from "../base/errors.ts";
import { parseSignal } from "../linux/signals.ts";
import { signalContainer, waitForEnd } from "../supervise/end.ts";
import { readStartFile } from "../supervise/start-file.ts";
import { type Container, findContainer } from "../supervise/state.ts";
import { defineCommand } from "./command.ts";
import { throwAll } from "./targets.ts";
import { mayHaveUnit, noteStop, type StoppingUnit, stopUnitOf, waitForUnitEnd } from "./unit-control.ts";

const SIGKILL = 9;
/** How long launch may take to finish after the payload's end. */
const finishMs = 10_000;

/** `corten stop` */
export const command = defineCommand({
	summary: "stop running containers",
	usage: "[OPTIONS] CONTAINER [CONTAINER...]",
	options: {
		signal: { kind: "value", short: "s", metavar: "SIGNAL", help: "signal that asks (default: the container's)" },
		timeout: {
			kind: "value",
			short: "t",
			metavar: "SECONDS",
			help: "wait this long, then SIGKILL; -1 waits for ever (default: the container's)",
		},
		time: { kind: "value", metavar: "SECONDS", help: "as --timeout" },
	},
	operands: { min: 1, max: Infinity },
	description: [
		"Sends the container's stop signal to its first process and waits until the container has ended and its folder is in its final " +
			"state. After the time it sends SIGKILL. A container that has ended already is no error.",
		"A container in a unit of systemd's is ended by stopping the unit, so that no Restart= brings it back; TimeoutStopSec= of a unit that " +
			"a person has written is at most waited for.",
	],
	examples: [
		["corten stop web", "stop politely, by force after ten seconds"],
		["corten stop -t 0 web", "stop by force after asking once"],
	],
	run: (context, options, operands) => {
		const seconds = parseSeconds(options.timeout ?? options.time);
		const signal = options.signal === undefined ? undefined : parseSignal(options.signal);
		const errors: CortenError[] = [];
		const attempt = (act: () => void) => {
			try {
				act();
			} catch (error) {
				if (!isError(error)) throw error;
				errors.push(error);
			}
		};
		const asked: { target: string; container: Container; unit: StoppingUnit | undefined; deadline: number }[] = [];
		for (const target of operands) {
			attempt(() => {
				const container = findContainer(context.root, target);
				const wait = seconds ?? container.record.stopTimeoutSeconds;
				const unit = stoppingUnit(context.root, container, { signal, timed: seconds !== undefined });
				if (unit === undefined) signalIfRunning(container, signal ?? container.record.stopSignal);
				asked.push({ target, container, unit, deadline: wait < 0 ? Infinity : performance.now() + wait * 1000 });
			});
		}
		for (const { target, container, unit, deadline } of asked) {
			attempt(() => {
				if (unit === undefined) waitOrKill(context.root, container, deadline);
				else endUnit(unit, deadline, seconds !== undefined);
				noteStop(container);
				context.print(`${target}\n`);
			});
		}
		throwAll(errors);
		return 0;
	},
});

/**
 * A unit is asked to stop, and its own settings say how; but of one that corten has made and nobody starts again, the payload is, where the
 * caller has a signal or a time of their own.
 */
function stoppingUnit(root: string, container: Container, asked: { signal: number | undefined; timed: boolean }): StoppingUnit | undefined {
	if (!mayHaveUnit(container)) return undefined;
	const restarted = container.record.unit?.own !== true || (readStartFile(container.folder)?.restart.name ?? "no") !== "no";
	if (!restarted && (asked.signal !== undefined || asked.timed)) return undefined;
	if (asked.signal !== undefined) signalIfRunning(container, asked.signal);
	return stopUnitOf(root, container);
}

/** The unit's own time holds, unless the caller has one. */
function endUnit(unit: StoppingUnit, deadline: number, timed: boolean): void {
	using stopping = unit;
	stopping.wait(timed ? Math.max(0, deadline - performance.now()) : Infinity);
}

function waitOrKill(root: string, container: Container, deadline: number): void {
	const wait = container.record.unit === null ? waitForEnd : waitForUnitEnd;
	if (wait(root, container, Math.max(0, deadline - performance.now()))) return;
	signalIfRunning(container, SIGKILL);
	if (wait(root, container, finishMs)) return;
	throw new CortenError("busy", `cannot stop container "${container.record.name}": it does not end after SIGKILL`);
}

function signalIfRunning(container: Container, signal: number): void {
	try {
		signalContainer(container, signal, "stop");
	} catch (error) {
		if (!isError(error, "wrong-state")) throw error;
	}
}

function parseSeconds(text: string | undefined): number | undefined {
	if (text === undefined) return undefined;
	if (!/^(-1|\d{1,9})$/.test(text)) {
		throw new CortenError("invalid-argument", `cannot use "${text}" as --timeout: it is no number of seconds`, { at: "--timeout" });
	}
	return Number(text);
}
