// corten artifact extract: the files of an artifact.

import { statSync } from "node:fs";
import { findArtifact } from "../image/artifact.ts";
import { extractArtifact } from "../image/artifact-extract.ts";
import { defineCommand } from "./command.ts";

/** `corten artifact extract` */
export const command = defineCommand({
	summary: "write the files of an artifact",
	usage: "[OPTIONS] ARTIFACT PATH",
	options: {
		digest: { kind: "value", metavar: "DIGEST", help: "the file with this digest" },
		overwrite: { kind: "flag", help: "files in the folder may be replaced" },
		title: { kind: "value", metavar: "TITLE", help: "the file with this title" },
	},
	operands: { min: 2, max: 2 },
	description: [
		"Into a folder PATH go all files, each under its title, or its digest if it has none; a title that is no plain file name is refused. Any other PATH takes one file; - is the standard output. Every byte is verified.",
	],
	examples: [
		["corten artifact extract registry.example.com/models:7 .", "all files, here"],
		["corten artifact extract --title sbom.json registry.example.com/app:sbom -", "one, to be read"],
	],
	seeAlso: ["corten-artifact-inspect(1)", "corten-artifact-pull(1)"],
	run: async (context, options, [text = "", path = ""]) => {
		const { artifact } = await findArtifact(context.root, text);
		const { title, digest, overwrite } = options;
		const chosen = { ...(title === undefined ? {} : { title }), ...(digest === undefined ? {} : { digest }), overwrite };
		const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
		await extractArtifact(context.root, artifact, path, isFolder, chosen);
		return 0;
	},
});
