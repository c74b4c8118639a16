// `restore`: what CRIU would do with the image of a checkpoint.

import { defineRuntimeCommand } from "../command.ts";
import { checkId } from "../state.ts";
import { imageOptions, noCheckpoints } from "./checkpoint.ts";

export const command = defineRuntimeCommand({
	summary: "continue the processes of a saved container (not yet)",
	usage: "[OPTIONS] CONTAINER",
	options: {
		...imageOptions,
		bundle: { kind: "value", short: "b", metavar: "DIR", help: "the bundle's folder (default .)" },
		"console-socket": { kind: "value", metavar: "PATH", help: "who takes the terminal" },
		detach: { kind: "flag", short: "d", help: "do not wait for the container's end" },
		"pid-file": { kind: "value", metavar: "FILE", help: "write the process id to this file" },
		"no-subreaper": { kind: "flag", help: "accepted; nothing is reaped that is not ours" },
		"no-pivot": { kind: "flag", help: "move the root instead of pivoting" },
		"lazy-pages": { kind: "flag", help: "load pages when they are asked for" },
	},
	operands: { min: 1, max: 1 },
	description: ["Is refused: corten-runtime has no checkpoints yet."],
	run: (_context, _options, [id = ""]) => {
		checkId(id);
		throw noCheckpoints(`restore container "${id}"`);
	},
});
