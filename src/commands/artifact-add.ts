// corten artifact add: files become an artifact of the store.

import { CortenError } from "../base/errors.ts";
import { createArtifact, findArtifact, parseArtifactName } from "../image/artifact.ts";
import { createStore, holdBlobs } from "../image/blobs.ts";
import { decodeManifest } from "../image/manifest.ts";
import { isMediaType } from "../image/media-types.ts";
import { isShortName, parseReference } from "../image/reference.ts";
import { collectGarbage } from "../image/remove.ts";
import { fetchManifest } from "../image/sources/registry.ts";
import { createSession, type RegistryOptions } from "../image/sources/registry-session.ts";
import { entrySource, findStored } from "../image/sources/store.ts";
import { readEntries } from "../image/store.ts";
import type { Descriptor } from "../spec/image.ts";
import { defineCommand } from "./command.ts";
import { parseRegistryOptions, registryOptions } from "./registry-options.ts";

/** `corten artifact add` */
export const command = defineCommand({
	summary: "make an artifact of files",
	usage: "[OPTIONS] NAME FILE [FILE...]",
	options: {
		annotation: { kind: "list", metavar: "KEY=VALUE", help: "of each file that is added" },
		append: { kind: "flag", short: "a", help: "to the artifact that has the name" },
		"artifact-annotation": { kind: "list", metavar: "KEY=VALUE", help: "of the artifact itself, which lists of referrers show" },
		"file-type": { kind: "value", metavar: "TYPE", help: "media type of the files (default: application/octet-stream)" },
		replace: { kind: "flag", help: "what has the name loses it" },
		subject: { kind: "value", metavar: "IMAGE", help: "what the artifact is said of: an image of the store, or of the registry it names" },
		type: { kind: "value", metavar: "TYPE", help: "what it is (default: application/vnd.unknown.artifact.v1)" },
		...registryOptions,
	},
	operands: { min: 2, max: Number.POSITIVE_INFINITY },
	description: [
		"The name of each FILE, without its folders, is its title in the artifact. The digest of the new manifest is printed. The same files and options make the same artifact: unlike podman's it holds no time, " +
			"unless --artifact-annotation org.opencontainers.image.created=TIME says so.",
		"Artifacts lie in the store beside images, and can be tagged like them. They are not run; --subject ties one to an image, so that registries list it with corten search --referrers.",
	],
	examples: [
		[
			"corten artifact add registry.example.com/app:sbom --type application/spdx+json --subject registry.example.com/app:1.4 sbom.json",
			"an SBOM of an image",
		],
		["corten artifact add registry.example.com/models:7 weights.bin config.json", "two files"],
	],
	seeAlso: ["corten-artifact-push(1)", "corten-search(1)", "podman-artifact-add(1)"],
	run: async (context, options, [text = "", ...files]) => {
		const { root } = context;
		const { append, subject, type } = options;
		if (append && (options.replace || type !== undefined))
			throw new CortenError("invalid-argument", "cannot use --append with --replace or --type: the artifact stays what it is");
		const mediaType = parseMediaType("--file-type", options["file-type"] ?? "application/octet-stream");
		const name = parseArtifactName(text);
		createStore(root);
		const base = append ? (await findArtifact(root, name)).artifact : undefined;
		{
			using _hold = holdBlobs(root);
			const { digest } = await createArtifact(root, {
				name,
				artifactType: parseMediaType("--type", type ?? "application/vnd.unknown.artifact.v1"),
				files: files.map((path) => ({ path, title: path.slice(path.lastIndexOf("/") + 1), mediaType })),
				fileAnnotations: parseAnnotations("--annotation", options.annotation),
				annotations: parseAnnotations("--artifact-annotation", options["artifact-annotation"]),
				...(subject === undefined ? {} : { subject: await findSubject(root, subject, parseRegistryOptions(options)) }),
				...(base === undefined ? {} : { base }),
				replace: options.replace,
			});
			context.print(`${digest}\n`);
		}
		collectGarbage(root);
		return 0;
	},
});

/** What a name means, as its registry knows it (an index, if there is one): of the store, else of the registry as it is now. */
async function findSubject(root: string, text: string, registry: RegistryOptions): Promise<Descriptor> {
	const entry = findStored(root, readEntries(root), text);
	if (entry !== undefined) {
		await using source = entrySource(root, entry, { index: true });
		const { bytes, digest, mediaType } = await source.root();
		return { mediaType: mediaType ?? decodeManifest(bytes, undefined, `index of "${text}"`).mediaType, digest, size: bytes.length };
	}
	if (isShortName(text)) throw new CortenError("not-found", `cannot find subject "${text}" in the store`);
	const reference = parseReference(text);
	const session = createSession(reference, registry);
	const { bytes, digest, mediaType } = await fetchManifest(session, reference.digest ?? reference.tag ?? "latest", reference.digest);
	if (mediaType === undefined)
		throw new CortenError("invalid-spec", `cannot use "${text}" as a subject: its registry does not say what it is`);
	return { mediaType, digest, size: bytes.length };
}

function parseMediaType(option: string, text: string): string {
	if (isMediaType(text)) return text;
	throw new CortenError("invalid-argument", `cannot parse ${option} ${JSON.stringify(text.slice(0, 300))}: it is no media type`);
}

function parseAnnotations(option: string, words: readonly string[]): Readonly<Record<string, string>> {
	return Object.fromEntries(
		words.map((word) => {
			const at = word.indexOf("=");
			if (at > 0) return [word.slice(0, at), word.slice(at + 1)];
			throw new CortenError("invalid-argument", `cannot parse ${option} ${JSON.stringify(word.slice(0, 300))}: expected KEY=VALUE`);
		}),
	);
}
