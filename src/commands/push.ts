// corten push: an image of the store to a registry, or to any other place.

import { CortenError } from "../base/errors.ts";
import { createStore, holdBlobs, temporaryFolder } from "../image/blobs.ts";
import { copyImage } from "../image/copy.ts";
import { hasTransport, parseReference } from "../image/reference.ts";
import { openSink } from "../image/sinks/open.ts";
import { findStored, storeSource } from "../image/sources/store.ts";
import { entryName, readEntries } from "../image/store.ts";
import { writeFile } from "../linux/file.ts";
import { defineCommand } from "./command.ts";
import { createProgressDisplay } from "./pull-progress.ts";
import { parseRegistryOptions, registryOptions } from "./registry-options.ts";

/** `corten push` */
export const command = defineCommand({
	summary: "send an image to a registry",
	usage: "[OPTIONS] IMAGE [DESTINATION]",
	options: {
		"all-platforms": { kind: "flag", help: "the index with all that pull --all-platforms brought" },
		"all-tags": { kind: "flag", short: "a", help: "all tags that the store has of the repository" },
		digestfile: { kind: "value", metavar: "FILE", help: "write the digest there" },
		format: { kind: "value", choices: ["oci", "v2s2"], help: "media types to send (default: as they are)" },
		quiet: { kind: "flag", short: "q", help: "no progress" },
		"remove-signatures": { kind: "flag", help: "accepted for podman's sake: none are sent" },
		"sign-by": { kind: "value", metavar: "KEY", help: "sign with this key", unsupported: true },
		...registryOptions,
	},
	operands: { min: 1, max: 2 },
	description: [
		"DESTINATION is a reference, docker://REFERENCE, or another place as corten convert takes it; the image's own name if not given.",
		"What the registry has already is not sent; blobs of another repository of the same registry are mounted from there. What is sent has the digests it has here. " +
			"Credentials are those of corten login, podman login and docker login.",
	],
	examples: [
		["corten push registry.example.com/app:1.4", "under its own name"],
		["corten push app registry.example.com/app:1.4", "under another"],
	],
	seeAlso: ["corten-login(1)", "corten-tag(1)", "corten-convert(1)"],
	run: async (context, options, [given = "", place]) => {
		const { root } = context;
		createStore(root);
		if (options["all-tags"] && place !== undefined)
			throw new CortenError("invalid-argument", "cannot push --all-tags to another name: each tag goes under its own");
		if (options["all-tags"] && options.digestfile !== undefined)
			throw new CortenError("invalid-argument", "cannot use --all-tags and --digestfile together: there are several digests");
		for (const image of options["all-tags"] ? allTags(root, given) : [given]) {
			const destination = place ?? image;
			using display = createProgressDisplay(options.quiet);
			using _hold = holdBlobs(root);
			await using source = storeSource(root, image, { index: options["all-platforms"] });
			const [own = destination] = source.names();
			const to = hasTransport(destination) ? destination : `docker://${destination === image ? own : destination}`;
			const mountFrom = to.startsWith("docker://") ? sameImage(root, image, parseReference(to.slice(9)).domain) : [];
			await using sink = await openSink(to, { root, registry: parseRegistryOptions(options), mountFrom, names: source.names() });
			const { digest } = await copyImage(source, image, sink, {
				temporary: temporaryFolder(root),
				all: options["all-platforms"],
				...(options.format === undefined ? {} : { format: options.format === "oci" ? "oci" : "docker" }),
				onProgress: display.showCopy,
			});
			display[Symbol.dispose]();
			if (options.digestfile !== undefined) writeFile(options.digestfile, digest, 0o644);
			if (!options.quiet) context.print(`${to.replace(/^docker:\/\//, "")}: digest: ${digest}\n`);
		}
		return 0;
	},
});

/** The names the store has of a repository. @throws `not-found` if there are none */
function allTags(root: string, text: string): readonly string[] {
	if (hasTransport(text) || /@|:[^/]*$/.test(text))
		throw new CortenError("invalid-argument", `cannot push all tags of "${text}": expected a repository, without tag`);
	const { domain, repository } = parseReference(text);
	const names = readEntries(root)
		.map(entryName)
		.filter((name) => name.startsWith(`${domain}/${repository}:`));
	if (names.length === 0) throw new CortenError("not-found", `cannot push all tags of "${text}": the store has none`);
	return names.sort();
}

/** Repositories of a registry that images of the store came from: they have what they have. */
function sameImage(root: string, image: string, domain: string): readonly string[] {
	const entries = readEntries(root);
	const digest = findStored(root, entries, image)?.digest;
	const names = entries.filter((entry) => entry.digest === digest).map(entryName);
	const others = entries.map(entryName).filter((name) => !names.includes(name));
	const repositories = [...names, ...others].flatMap((name) => {
		try {
			const reference = parseReference(name);
			return reference.domain === domain ? [reference.repository] : [];
		} catch {
			return [];
		}
	});
	return [...new Set(repositories)];
}
