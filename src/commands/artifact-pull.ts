// corten artifact pull: an artifact into the store.

import { pullArtifact } from "../image/artifact.ts";
import { createStore, holdBlobs } from "../image/blobs.ts";
import { collectGarbage } from "../image/remove.ts";
import { openSource } from "../image/sources/open.ts";
import { defineCommand } from "./command.ts";
import { createProgressDisplay } from "./pull-progress.ts";
import { parseRegistryOptions, registryOptions } from "./registry-options.ts";

/** `corten artifact pull` */
export const command = defineCommand({
	summary: "bring an artifact into the store",
	usage: "[OPTIONS] [TRANSPORT:]NAME",
	options: {
		quiet: { kind: "flag", short: "q", help: "no progress, only the digest" },
		"signature-policy": { kind: "value", metavar: "FILE", help: "signature policy (default: ~/.config/containers/policy.json, or /etc's)" },
		...registryOptions,
	},
	operands: { min: 1, max: 1 },
	description: [
		"From a registry, or by transport from an OCI layout, its archive or a dir:, as corten pull does with images. Of an index or a container image it says that it is none. Registries and signature policies are as for corten-pull(1).",
	],
	examples: [["corten artifact pull registry.example.com/app@sha256:...", "what corten search --referrers has shown"]],
	seeAlso: ["corten-search(1)", "corten-artifact-extract(1)", "corten-pull(1)"],
	run: async (context, options, [text = ""]) => {
		const { root } = context;
		createStore(root);
		{
			using _hold = holdBlobs(root);
			const signaturePolicy = options["signature-policy"];
			await using source = await openSource(text, { root, registry: parseRegistryOptions(options), signaturePolicy });
			using display = createProgressDisplay(options.quiet);
			const { names, digest } = await pullArtifact(root, source, text, display.showCopy);
			display[Symbol.dispose]();
			context.print(options.quiet ? `${digest}\n` : [`Digest: ${digest}\n`, ...names.map((name) => `${name}\n`)].join(""));
		}
		collectGarbage(root);
		return 0;
	},
});
