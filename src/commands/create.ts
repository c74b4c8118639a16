// corten create: a container as corten run makes it, and nothing runs yet; corten start starts it.

import { CortenError } from "../base/errors.ts";
import type { RunRequest } from "../bundle/request.ts";
import { readHostFacts } from "../linux/host.ts";
import { isUsers, systemdRuns } from "../systemd/booted.ts";
import { defineCommand } from "./command.ts";
import { obtainImage } from "./run.ts";
import { runOptions } from "./run-options.ts";
import { decodeRunRequest } from "./run-request.ts";
import { createStopped } from "./run-transient.ts";
import { refuseUnitOptions } from "./start-unit.ts";

/** What only a unit can do is refused now, and not when it is started. */
function checkUnit(request: RunRequest): void {
	if (request.tty || request.unit === "none" || !systemdRuns(isUsers())) refuseUnitOptions(request);
}

const { detach: _, ...options } = runOptions;

export const command = defineCommand({
	summary: "create a container without starting it",
	usage: "[OPTIONS] IMAGE [COMMAND [ARG...]]",
	options,
	operands: { min: 0, max: Infinity },
	optionsFirst: true,
	description: [
		"Makes a container as corten run does, and prints its id. It runs when corten start says so: in the background, where systemd runs in a transient unit, or with corten start -a in the foreground.",
		"What options name is read now: files of variables, the caller's environment, the current folder.",
	],
	examples: [
		["corten create --name web -v /srv/www:/www:ro busybox httpd -f -h /www", "a service that is started later: corten start web"],
		["corten create -it --name shell debian bash", "for corten start -a -i shell"],
	],
	run: async (context, parsed, operands) => {
		const request = decodeRunRequest({ ...parsed, detach: true });
		const reference = request.rootfs === undefined ? operands[0] : undefined;
		if (request.rootfs === undefined && reference === undefined) {
			throw new CortenError("invalid-argument", "cannot create without an image", { hint: "see: corten help create" });
		}
		checkUnit(request);
		using held = reference === undefined ? undefined : await obtainImage(context, reference, request);
		const words = request.rootfs === undefined ? operands.slice(1) : operands;
		const host = readHostFacts({ layersFolder: `${context.root}/layers` });
		const { record } = await createStopped(context, { request, service: undefined, host, reference, image: held?.image, words });
		context.print(`${record.id}\n`);
		return 0;
	},
});
