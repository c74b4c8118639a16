// `create`: everything but the program. launch ends when the new process waits at its gate. @see runtime-spec runtime.md#create

import { defineRuntimeCommand } from "../command.ts";
import { launchContainer } from "../launching.ts";
import { launchOptions, launchRequest } from "./launch-options.ts";

export const command = defineRuntimeCommand({
	summary: "create a container",
	usage: "[OPTIONS] CONTAINER",
	options: launchOptions,
	operands: { min: 1, max: 1 },
	description: [
		"Makes everything of a container but its program: namespaces, mounts, cgroups, the process, which waits in a few kilobytes of memory until start says go. The prestart, createRuntime and createContainer hooks have run then. No other process of the runtime stays.",
	],
	run: (context, options, [id = ""]) => launchContainer(context, { ...launchRequest(options), id, watch: "gate" }),
});
