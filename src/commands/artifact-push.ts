// corten artifact push: an artifact of the store to a registry, or to any other place that keeps one.

import { findArtifact } from "../image/artifact.ts";
import { holdBlobs, temporaryFolder } from "../image/blobs.ts";
import { copyImage } from "../image/copy.ts";
import { hasTransport } from "../image/reference.ts";
import { openSink } from "../image/sinks/open.ts";
import { entrySource } from "../image/sources/store.ts";
import { writeFile } from "../linux/file.ts";
import { defineCommand } from "./command.ts";
import { createProgressDisplay } from "./pull-progress.ts";
import { parseRegistryOptions, registryOptions } from "./registry-options.ts";

/** `corten artifact push` */
export const command = defineCommand({
	summary: "send an artifact to a registry",
	usage: "[OPTIONS] ARTIFACT [DESTINATION]",
	options: {
		digestfile: { kind: "value", metavar: "FILE", help: "write the digest there" },
		quiet: { kind: "flag", short: "q", help: "no progress" },
		...registryOptions,
	},
	operands: { min: 1, max: 2 },
	description: [
		"DESTINATION is a reference, docker://REFERENCE, or oci:, oci-archive: and dir: as corten convert takes them; the artifact's own name if not given. With the artifact's digest in place of a tag it gets no tag there.",
		"An artifact with a subject is found by the registry's list of that one's referrers; where the registry keeps no such lists the index under the tag that stands in for it is brought up to date.",
	],
	examples: [["corten artifact push registry.example.com/app:sbom", "under its own name"]],
	seeAlso: ["corten-artifact-add(1)", "corten-search(1)", "corten-login(1)"],
	run: async (context, options, [text = "", place]) => {
		const { root } = context;
		const { name, entry } = await findArtifact(root, text);
		const to = place ?? name;
		const destination = hasTransport(to) ? to : `docker://${to}`;
		using display = createProgressDisplay(options.quiet);
		using _hold = holdBlobs(root);
		await using source = entrySource(root, entry, { index: false });
		await using sink = await openSink(destination, { root, registry: parseRegistryOptions(options), names: source.names() });
		const { digest } = await copyImage(source, text, sink, {
			temporary: temporaryFolder(root),
			all: true,
			onProgress: display.showCopy,
		});
		display[Symbol.dispose]();
		if (options.digestfile !== undefined) writeFile(options.digestfile, digest, 0o644);
		if (!options.quiet) context.print(`${destination.replace(/^docker:\/\//, "")}: digest: ${digest}\n`);
		return 0;
	},
});
