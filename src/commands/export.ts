// corten export: a container's root as a tar.

import { isatty } from "node:tty";
import { CortenError } from "../base/errors.ts";
import { openMerged } from "../image/layer/merged.ts";
import { tarOfMerged } from "../image/layer/tar-of.ts";
import { writeOutputFile } from "../image/sinks/blob-file.ts";
import { writeOutput } from "../linux/output.ts";
import { findContainer } from "../supervise/state.ts";
import { defineCommand } from "./command.ts";
import { containerLayers } from "./container-layers.ts";

/** `corten export` */
export const command = defineCommand({
	summary: "write a container's root as a tar",
	usage: "[OPTIONS] CONTAINER",
	options: { output: { kind: "value", short: "o", metavar: "FILE", help: "the tar (default: standard output)" } },
	operands: { min: 1, max: 1 },
	description: [
		"The image's layers with what the container has changed, as one tree. What is mounted into it is left out. Reads the layers themselves: nothing is mounted, and a container that runs goes on.",
	],
	examples: [["corten export web | corten import - web:flat", "an image of one layer"]],
	seeAlso: ["corten-import(1)", "corten-commit(1)", "corten-save(1)"],
	run: async (context, options, [target = ""]) => {
		const { output } = options;
		if (output === undefined && isatty(1))
			throw new CortenError("invalid-argument", "cannot export a container to a terminal", { hint: "name a file with --output" });
		using merged = openMerged(containerLayers(findContainer(context.root, target)));
		if (output !== undefined && output !== "-") await writeOutputFile(output, inTurns(tarOfMerged(merged.root)));
		else for (const chunk of tarOfMerged(merged.root)) writeOutput(1, chunk);
		return 0;
	},
});

async function* inTurns(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
	yield* chunks;
}
