// `checkpoint`: criu saves the processes of a container into files. @see runc-checkpoint(8), criu(8)

import { CortenError } from "../../base/errors.ts";
import type { Parsed } from "../../base/options.ts";
import { defineRuntimeCommand, type RuntimeContext } from "../command.ts";
import { dumpContainer } from "../criu/dump.ts";
import { dumpOptions } from "../criu/options.ts";
import { lockContainerFolder } from "../folder.ts";
import { findRuntimeContainer, folderOf } from "../state.ts";
import { command as deletion } from "./delete.ts";

export const command = defineRuntimeCommand({
	summary: "save the processes of a container",
	usage: "[OPTIONS] CONTAINER",
	options: dumpOptions,
	operands: { min: 1, max: 1 },
	description: [
		"Saves the processes of a container into a folder, by the program criu, from which restore continues them. The container is removed then, as by delete, unless it is to run on. What the root filesystem and bind mounts hold is not saved, nor what is in a network namespace.",
		"Where criu is not installed or cannot work, and for a container with mounts whose ids are mapped, it is refused as unsupported.",
	],
	run: async (context, options, [id = ""]) => {
		findRuntimeContainer(context.root, id); // a wrong id is refused before anything waits
		await dumpLocked(context, id, options);
		if (options["leave-running"] || options["pre-dump"]) return 0;
		return deletion.run(context, { force: true }, [id]);
	},
});

async function dumpLocked(context: RuntimeContext, id: string, options: Parsed<typeof dumpOptions>): Promise<void> {
	using _lock = lockContainerFolder(folderOf(context.root, id));
	const container = findRuntimeContainer(context.root, id);
	if (container.status !== "running" && container.status !== "paused") {
		throw new CortenError("wrong-state", `cannot checkpoint container "${id}" that is ${container.status}: container not running`);
	}
	await dumpContainer(context, container, options);
}
