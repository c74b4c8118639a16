// `run`: create and start in one. In the foreground launch stays, passes signals on and removes the container at its end.

import { defineRuntimeCommand } from "../command.ts";
import { launchContainer } from "../launching.ts";
import { launchOptions, launchRequest } from "./launch-options.ts";

export const command = defineRuntimeCommand({
	summary: "create and start a container",
	usage: "[OPTIONS] CONTAINER",
	options: {
		...launchOptions,
		detach: { kind: "flag", short: "d", help: "do not wait for the container's end" },
		keep: { kind: "flag", help: "do not remove the container at its end" },
		"no-subreaper": { kind: "flag", help: "accepted; nothing is reaped that is not ours" },
	},
	operands: { min: 1, max: 1 },
	description: [
		"Does what create and start do. In the foreground it stays until the container ends, passes signals on, serves the terminal, ends as the program ended and removes the container. With --detach it ends as soon as the program runs.",
	],
	run: (context, options, [id = ""]) =>
		launchContainer(context, { ...launchRequest(options), id, watch: options.detach ? "leave" : "supervise", keep: options.keep }),
});
