// `restore`: criu continues the processes that checkpoint saved. @see runc-restore(8), criu(8)

import { defineRuntimeCommand } from "../command.ts";
import { restoreOptions } from "../criu/options.ts";
import { restoreContainer } from "../criu/restore.ts";

export const command = defineRuntimeCommand({
	summary: "continue the processes of a saved container",
	usage: "[OPTIONS] CONTAINER",
	options: restoreOptions,
	operands: { min: 1, max: 1 },
	description: [
		"Makes a container of a bundle and continues in it, by the program criu, the processes that checkpoint saved. The image decides what runs and with which rights: restore only what you trust. The prestart and createRuntime hooks run.",
		"Where criu is not installed or cannot work, and with --systemd-cgroup, it is refused as unsupported.",
	],
	run: (context, options, [id = ""]) => restoreContainer(context, id, options),
});
