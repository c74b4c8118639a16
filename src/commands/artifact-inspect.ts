// corten artifact inspect: the manifest of an artifact.

import { findArtifact } from "../image/artifact.ts";
import { readBlob } from "../image/blobs.ts";
import { maxManifestBytes } from "../image/manifest.ts";
import { defineCommand } from "./command.ts";
import { formatOne } from "./format.ts";
import { toJson } from "./template-functions.ts";

/** `corten artifact inspect` */
export const command = defineCommand({
	summary: "show the manifest of an artifact",
	usage: "[OPTIONS] ARTIFACT",
	options: { format: { kind: "value", short: "f", metavar: "FORMAT", help: "json, or a Go template" } },
	operands: { min: 1, max: 1 },
	description: ["Prints Name, Digest and Manifest, which is the document as it is in the store, in podman's form."],
	examples: [["corten artifact inspect -f '{{.Manifest.artifactType}}' registry.example.com/app:sbom", "what it is"]],
	seeAlso: ["corten-artifact-ls(1)", "corten-artifact-extract(1)"],
	run: async (context, { format }, [text = ""]) => {
		const { name, entry } = await findArtifact(context.root, text);
		const manifest: unknown = JSON.parse(new TextDecoder().decode(await readBlob(context.root, entry, maxManifestBytes)));
		const value = { Manifest: manifest, Name: name, Digest: entry.digest };
		context.print(format === undefined ? `${toJson(value, 4)}\n` : formatOne(format, value));
		return 0;
	},
});
