// corten convert: an image from any form into any other.

import { createStore, holdBlobs, temporaryFolder } from "../image/blobs.ts";
import type { Compression } from "../image/convert.ts";
import { type CopyOptions, copyImage } from "../image/copy.ts";
import { parsePlatform } from "../image/platform.ts";
import { storeImage } from "../image/pull.ts";
import { formatReference, hasTransport, parseReference } from "../image/reference.ts";
import { collectGarbage } from "../image/remove.ts";
import { openSink } from "../image/sinks/open.ts";
import { openSource } from "../image/sources/open.ts";
import type { ImageSource } from "../image/sources/source.ts";
import { storeSource } from "../image/sources/store.ts";
import { defineCommand } from "./command.ts";
import { createProgressDisplay } from "./pull-progress.ts";
import { parseRegistryOptions, registryOptions } from "./registry-options.ts";

/** `corten convert` */
export const command = defineCommand({
	summary: "copy an image from one form into another",
	usage: "[OPTIONS] SOURCE DESTINATION",
	options: {
		format: {
			kind: "value",
			choices: ["oci", "v2s2"],
			help: "media types to write (default: as they are, where the destination takes them)",
		},
		compression: { kind: "value", choices: ["gzip", "zstd", "none"], help: "compress layers anew" },
		platform: { kind: "value", metavar: "OS/ARCH[/VARIANT]", help: "of an index take this platform (default: this machine's)" },
		"all-platforms": { kind: "flag", help: "the index with all it leads to" },
		"no-squash": { kind: "flag", help: "to an ACI: layers stay apart, as archives beside it that it depends on" },
		"signature-policy": { kind: "value", metavar: "FILE", help: "signature policy (default: ~/.config/containers/policy.json, or /etc's)" },
		quiet: { kind: "flag", short: "q", help: "no progress, and not the digest" },
		...registryOptions,
	},
	operands: { min: 2, max: 2 },
	description: [
		"SOURCE and DESTINATION are docker://REFERENCE (a registry), oci:FOLDER[:NAME], oci-archive:FILE[:NAME], docker-archive:FILE[:NAME], dir:FOLDER, aci:FILE, or the " +
			"name of an image in the store. appc:NAME can be a source.",
		"What the destination can keep goes over byte for byte, and so does the digest. Layers that are compressed anew, and media types of another format, make " +
			"another digest; the image ID stays.",
		"What a source outside of the store must be signed by says containers-policy.json(5), as for corten pull.",
		"An image of one layer becomes an ACI that gives the same image back, and an ACI an image that gives the same ACI back. Several layers become one tree, " +
			"which does not come back as layers, unless --no-squash keeps them apart. Dependencies of an ACI are looked for beside it.",
	],
	examples: [
		["corten convert docker-archive:app.tar oci:images:app", "into a layout that other tools read"],
		["corten convert docker://registry.example.com/app:1 aci:app.aci", "from a registry to an image of appc's"],
	],
	seeAlso: ["corten-save(1)", "corten-load(1)", "corten-push(1)", "containers-transports(5)"],
	run: async (context, options, [from = "", to = ""]) => {
		const { root } = context;
		createStore(root);
		const registry = parseRegistryOptions(options);
		const platform = options.platform === undefined ? {} : { platform: parsePlatform(options.platform) };
		using display = createProgressDisplay(options.quiet);
		const copying: CopyOptions = {
			temporary: temporaryFolder(root),
			all: options["all-platforms"],
			...platform,
			...(options.format === undefined ? {} : { format: options.format === "oci" ? "oci" : "docker" }),
			...(options.compression === undefined ? {} : { compression: options.compression as Compression }),
			onProgress: display.showCopy,
		};
		let digest: string;
		{
			using _hold = holdBlobs(root);
			await using source = hasTransport(from)
				? await openSource(from, { root, registry, signaturePolicy: options["signature-policy"], onProgress: display.show })
				: storeSource(root, from, { index: copying.all === true });
			digest = hasTransport(to)
				? await copyOut(source, from, to, { root, registry, keepLayers: options["no-squash"] }, copying)
				: await copyIn(source, from, to, { root, allPlatforms: copying.all === true, ...platform, onProgress: display.show });
		}
		if (!hasTransport(to)) collectGarbage(root);
		display[Symbol.dispose]();
		if (!options.quiet) context.print(`${digest}\n`);
		return 0;
	},
});

async function copyOut(
	source: ImageSource,
	from: string,
	to: string,
	options: Parameters<typeof openSink>[1],
	copying: CopyOptions,
): Promise<string> {
	await using sink = await openSink(to, { ...options, names: source.names() });
	return (await copyImage(source, from, sink, copying)).digest;
}

// What the source calls it does not matter: the destination is its name.
async function copyIn(source: ImageSource, from: string, to: string, options: Parameters<typeof storeImage>[2]): Promise<string> {
	const name = formatReference(parseReference(to));
	return (await storeImage({ ...source, names: () => [name] }, from, options)).digest;
}
