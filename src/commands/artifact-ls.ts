// corten artifact ls: the artifacts of the store.

import { listArtifacts } from "../image/artifact.ts";
import { digestHex } from "../image/digest.ts";
import { familiarName, parseReference } from "../image/reference.ts";
import { defineCommand } from "./command.ts";
import { formatBytes, formatRows, shortDigest } from "./format.ts";
import { printable } from "./printable.ts";

const headings = {
	Repository: "REPOSITORY",
	Tag: "TAG",
	Digest: "DIGEST",
	ArtifactType: "TYPE",
	Size: "SIZE",
	Subject: "SUBJECT",
} as const;

/** `corten artifact ls` */
export const command = defineCommand({
	summary: "list artifacts",
	usage: "[OPTIONS]",
	options: {
		format: { kind: "value", metavar: "FORMAT", help: 'table, json, a Go template, or "table" and a template' },
		"no-trunc": { kind: "flag", help: "whole digests" },
		quiet: { kind: "flag", short: "q", help: "only digests" },
	},
	operands: { min: 0, max: 0 },
	description: ["Lists the artifacts of the store, by name. SIZE is that of their files."],
	examples: [["corten artifact ls --format '{{.Repository}}:{{.Tag}} {{.Subject}}'", "what is said of what"]],
	seeAlso: ["corten-artifact-inspect(1)", "corten-images(1)"],
	run: async (context, options) => {
		const short = (digest: string) => (options["no-trunc"] || digest === "" ? digest : shortDigest(digest));
		const rows = (await listArtifacts(context.root)).map(({ name, entry, artifact }) => ({
			...splitName(name),
			Digest: short(entry.digest),
			ArtifactType: printable(artifact.artifactType),
			Size: formatBytes(artifact.layers.reduce((sum, { size }) => sum + size, 0)),
			Subject: short(artifact.subject?.digest ?? ""),
		}));
		if (options.quiet) context.print([...new Set(rows.map(({ Digest }) => `${Digest}\n`))].join(""));
		else context.print(formatRows(options.format, ["Repository", "Tag", "Digest", "ArtifactType", "Size"], headings, rows));
		return 0;
	},
});

function splitName(name: string): { readonly Repository: string; readonly Tag: string } {
	try {
		const reference = parseReference(name);
		return { Repository: familiarName(reference), Tag: reference.tag ?? digestHex(reference.digest ?? "sha256:") };
	} catch {
		return { Repository: name === "" ? "<none>" : printable(name), Tag: "<none>" };
	}
}
