// corten wait: until containers have ended, and how.

import { CortenError } from "../base/errors.ts";
import { waitForEnd } from "../supervise/end.ts";
import { type Container, findContainer, readContainer, readExitFile } from "../supervise/state.ts";
import { defineCommand } from "./command.ts";
import { forEachTarget } from "./targets.ts";
import { hasRestarted, settleEnds, waitForUnitEnd } from "./unit-control.ts";

/** `corten wait` */
export const command = defineCommand({
	summary: "wait until containers have ended, and print their exit statuses",
	usage: "CONTAINER [CONTAINER...]",
	options: {},
	operands: { min: 1, max: Infinity },
	description: [
		"Waits for the end of each container and prints its exit status, 128+n when signal n ended it, one a line in the order of the operands. One that does not run is not waited for. Of a container that is restarted the end of the run that goes on now is meant.",
	],
	examples: [["corten wait job && corten logs job", "what a job has said when it is done"]],
	run: (context, _options, operands) => {
		forEachTarget(context, operands, (target) => {
			const container = findContainer(context.root, target);
			context.print(`${waitFor(context.root, container)}\n`);
			return false;
		});
		return 0;
	},
});

function waitFor(root: string, container: Container): number {
	(container.record.unit === null ? waitForEnd : waitForUnitEnd)(root, container, Infinity);
	const { id, name } = container.record;
	if (hasRestarted(container.folder, container.state)) return readExitFile(container.folder, "last-exit")?.exitCode ?? 0;
	const now = readContainer(root, id);
	const [ended] = settleEnds(root, now === undefined ? [] : [now]);
	if (ended !== undefined) return ended.state.exitCode;
	throw new CortenError("not-found", `cannot tell how container "${name}" ended: it was removed with its end`);
}
