// corten stop: asks containers to end, and ends those that do not. All are asked before any is waited for, so ten containers take as
// long as the slowest and not as all together.

import { CortenError, isError } from "../base/errors.ts";
import { parseSignal } from "../linux/signals.ts";
import { signalContainer, waitForEnd } from "../supervise/end.ts";
import { type Container, findContainer } from "../supervise/state.ts";
import { defineCommand } from "./command.ts";
import { throwAll } from "./targets.ts";

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
		const asked: { target: string; container: Container; deadline: number }[] = [];
		for (const target of operands) {
			attempt(() => {
				const container = findContainer(context.root, target);
				signalIfRunning(container, signal ?? container.record.stopSignal);
				const wait = seconds ?? container.record.stopTimeoutSeconds;
				asked.push({ target, container, deadline: wait < 0 ? Infinity : performance.now() + wait * 1000 });
			});
		}
		for (const { target, container, deadline } of asked) {
			attempt(() => {
				waitOrKill(context.root, container, deadline);
				context.print(`${target}\n`);
			});
		}
		throwAll(errors);
		return 0;
	},
});

function waitOrKill(root: string, container: Container, deadline: number): void {
	if (waitForEnd(root, container, Math.max(0, deadline - performance.now()))) return;
	signalIfRunning(container, SIGKILL);
	if (waitForEnd(root, container, finishMs)) return;
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
