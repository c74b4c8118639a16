// corten kill: a signal to the first process of containers.

import { parseSignal } from "../linux/signals.ts";
import { signalContainer, waitForEnd } from "../supervise/end.ts";
import { type Container, findContainer } from "../supervise/state.ts";
import { defineCommand } from "./command.ts";
import { forEachTarget } from "./targets.ts";
import { mayHaveUnit, noteStop, stopUnitOf, waitForUnitEnd } from "./unit-control.ts";

const SIGKILL = 9;
/** How long its end may take. */
const finishMs = 10_000;

/** `corten kill` */
export const command = defineCommand({
	summary: "send a signal to running containers",
	usage: "[OPTIONS] CONTAINER [CONTAINER...]",
	options: {
		signal: { kind: "value", short: "s", metavar: "SIGNAL", help: "name or number of the signal (default KILL)" },
	},
	operands: { min: 1, max: Infinity },
	description: [
		"Sends the signal to the first process of each container, and to nobody else: the process is addressed by a pidfd whose start time " +
			"was checked, so a pid that has changed hands is never hit. After SIGKILL the command waits until the container has ended.",
	],
	examples: [
		["corten kill web", "end a container at once"],
		["corten kill -s HUP web", "have it read its configuration again"],
	],
	run: (context, options, operands) => {
		const signal = options.signal === undefined ? SIGKILL : parseSignal(options.signal);
		forEachTarget(context, operands, (target) => {
			const container = findContainer(context.root, target);
			signalContainer(container, signal, "kill");
			if (signal === SIGKILL) endKilled(context.root, container);
			return true;
		});
		return 0;
	},
});

/** As docker's: who is killed by a person stays dead, whatever the policy of a unit that is corten's own. A unit of a person's goes by its Restart=. */
function endKilled(root: string, container: Container): void {
	if (container.record.unit === null) {
		waitForEnd(root, container, finishMs);
		return;
	}
	if (container.record.unit.own && mayHaveUnit(container)) {
		using unit = stopUnitOf(root, container);
		unit?.wait(finishMs);
		noteStop(container);
	}
	waitForUnitEnd(root, container, finishMs);
}
