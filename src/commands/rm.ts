// corten rm: removes containers that have ended, and with -f running ones too.

import { isError } from "../base/errors.ts";
import { signalContainer, waitForEnd } from "../supervise/end.ts";
import { releaseUnit } from "../supervise/reclaim.ts";
import { removeContainer } from "../supervise/remove.ts";
import { type Container, findContainer } from "../supervise/state.ts";
import { sweep } from "../supervise/sweep.ts";
import { defineCommand } from "./command.ts";
import { forEachTarget, warn } from "./targets.ts";
import { mayHaveUnit, stopUnitOf } from "./unit-control.ts";

const SIGKILL = 9;
/** How long its end may take. */
const finishMs = 10_000;

/** `corten rm` */
export const command = defineCommand({
	summary: "remove containers",
	usage: "[OPTIONS] CONTAINER [CONTAINER...]",
	options: {
		force: { kind: "flag", short: "f", help: "end running ones first (SIGKILL), and pass over those that do not exist" },
		volumes: { kind: "flag", short: "v", help: "accepted for docker's sake: there are no anonymous volumes to remove" },
	},
	operands: { min: 1, max: Infinity },
	description: [
		"Removes the container's folder with its writable layer and log, and frees its name. The name goes first and the folder is renamed " +
			"before anything in it is removed, so a kill in between leaves only what the next ps or rm finishes.",
	],
	examples: [
		["corten rm web", "remove a container that has ended"],
		["corten rm -f $(corten ps -aq)", "remove all containers, running or not"],
	],
	run: (context, options, operands) => {
		sweep(context.root, warn(context));
		forEachTarget(context, operands, (target) => {
			let container: Container;
			try {
				container = findContainer(context.root, target);
			} catch (error) {
				if (!options.force || !isError(error, "not-found")) throw error;
				context.log("info", error.message);
				return false;
			}
			if (options.force || container.state.process === null) end(context.root, container);
			removeContainer(context.root, container.record.id, container.record.name);
			releaseUnit(context.root, container.record);
			return true;
		});
		return 0;
	},
});

/** Its payload, and its unit with it: one that is about to be started again too. */
function end(root: string, container: Container): void {
	if (mayHaveUnit(container)) {
		killIfRunning(container);
		using unit = stopUnitOf(root, container);
		unit?.wait(finishMs);
		return;
	}
	if (container.state.process === null) return;
	killIfRunning(container);
	waitForEnd(root, container, finishMs);
}

function killIfRunning(container: Container): void {
	try {
		signalContainer(container, SIGKILL, "remove");
	} catch (error) {
		if (!isError(error, "wrong-state")) throw error;
	}
}
