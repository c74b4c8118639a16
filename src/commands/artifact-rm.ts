// corten artifact rm: takes artifacts out of the store.

import { CortenError } from "../base/errors.ts";
import { listArtifacts, removeArtifact } from "../image/artifact.ts";
import { collectGarbage } from "../image/remove.ts";
import { defineCommand } from "./command.ts";

/** `corten artifact rm` */
export const command = defineCommand({
	summary: "remove artifacts",
	usage: "[OPTIONS] [ARTIFACT...]",
	options: { all: { kind: "flag", short: "a", help: "all of them" } },
	operands: { min: 0, max: Number.POSITIVE_INFINITY },
	description: [
		"By name, which takes the name; without another the artifact goes. By digest it goes with all its names. Images are not touched. The digests of what went are printed.",
	],
	examples: [["corten artifact rm registry.example.com/app:sbom", "one"]],
	seeAlso: ["corten-artifact-ls(1)", "corten-rmi(1)"],
	run: async (context, options, operands) => {
		const { root } = context;
		if (options.all === operands.length > 0)
			throw new CortenError(
				"invalid-argument",
				options.all ? "cannot remove some artifacts and all of them" : "cannot remove no artifact: name one, or use --all",
			);
		const targets = options.all ? new Set((await listArtifacts(root)).map(({ entry }) => entry.digest)) : operands;
		for (const target of targets) context.print(`${await removeArtifact(root, target)}\n`);
		collectGarbage(root);
		return 0;
	},
});
