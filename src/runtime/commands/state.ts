// `state`: the document of runtime-spec, with runc's further members. @see runtime-spec runtime.md#state

import { defineRuntimeCommand } from "../command.ts";
import { findRuntimeContainer } from "../state.ts";

export const command = defineRuntimeCommand({
	summary: "print the state of a container",
	usage: "CONTAINER",
	options: {},
	operands: { min: 1, max: 1 },
	description: [
		"Prints the state document of the runtime specification as JSON, with the root filesystem, the time of creation and the owner as runc adds them. status is creating, created, running, paused or stopped.",
	],
	run: (context, _options, [id = ""]) => {
		const { record, status, process } = findRuntimeContainer(context.root, id);
		const { ociVersion, bundle, rootfs, created, annotations } = record;
		const pid = process?.pid ?? 0;
		context.print(`${JSON.stringify({ ociVersion, id, pid, status, bundle, rootfs, created, annotations, owner: "" }, undefined, 2)}\n`);
		return 0;
	},
});
