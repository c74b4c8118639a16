// corten save: images of the store into an archive.

import { isatty } from "node:tty";
import { CortenError } from "../base/errors.ts";
import { createStore, holdBlobs, temporaryFolder } from "../image/blobs.ts";
import { copyImage } from "../image/copy.ts";
import { type ArchiveKind, createArchive } from "../image/sinks/archive.ts";
import { writeOutputFile } from "../image/sinks/blob-file.ts";
import { openSink } from "../image/sinks/open.ts";
import { storeSource } from "../image/sources/store.ts";
import { writeOutput } from "../linux/output.ts";
import { defineCommand } from "./command.ts";

const folders = { "oci-dir": "oci", "docker-dir": "dir" } as const;

/** `corten save` */
export const command = defineCommand({
	summary: "write images to an archive",
	usage: "[OPTIONS] IMAGE [IMAGE...]",
	options: {
		output: { kind: "value", short: "o", metavar: "FILE", help: "the archive or folder (default: standard output)" },
		format: {
			kind: "value",
			choices: ["docker-archive", "oci-archive", "oci-dir", "docker-dir"],
			help: "what to write (default docker-archive)",
		},
		"all-platforms": { kind: "flag", help: "with all that was pulled by --all-platforms; not into docker-archive" },
		quiet: { kind: "flag", short: "q", help: "accepted for podman's sake: nothing is shown" },
		compress: { kind: "flag", help: "compress the layers of docker-dir", unsupported: true },
	},
	operands: { min: 1, max: Number.POSITIVE_INFINITY },
	description: [
		"A docker archive is a tar that docker, podman and skopeo load, whatever their age; with docker 25 and later, and with corten, the images come back with the " +
			"digests they have here. The same images give the same bytes.",
		"oci-dir is an OCI image layout, to which images are added; docker-dir is the folder form of skopeo (dir:), for one image.",
	],
	examples: [
		["corten save -o app.tar app:1.4", "for docker load"],
		["corten save --format oci-archive app | zstd > app.tar.zst", "through a pipe"],
	],
	seeAlso: ["corten-load(1)", "corten-convert(1)", "corten-export(1)"],
	run: async (context, options, images) => {
		const { root } = context;
		const format = options.format ?? "docker-archive";
		const { output } = options;
		createStore(root);
		using _hold = holdBlobs(root);
		const temporary = temporaryFolder(root);
		const copying = { temporary, all: options["all-platforms"] };
		if (format === "oci-dir" || format === "docker-dir") {
			if (output === undefined)
				throw new CortenError("invalid-argument", `cannot save as ${format} to standard output`, { hint: "name a folder with --output" });
			if (format === "docker-dir" && images.length > 1)
				throw new CortenError("invalid-argument", "cannot save several images as docker-dir");
			for (const image of images) {
				await using source = storeSource(root, image, { index: copying.all });
				const [name] = source.names();
				const place = `${folders[format]}:${output}`;
				await using sink = await openSink(format === "oci-dir" && name !== undefined ? `${place}:${name}` : place, { root });
				await copyImage(source, image, sink, copying);
			}
			return 0;
		}
		if (output === undefined && isatty(1))
			throw new CortenError("invalid-argument", "cannot save an archive to a terminal", { hint: "name a file with --output" });
		using archive = createArchive(format as ArchiveKind, temporary);
		for (const image of images) {
			await using source = storeSource(root, image, { index: copying.all });
			await copyImage(source, image, archive.sink(source.names()), copying);
		}
		if (output !== undefined && output !== "-") await writeOutputFile(output, archive.content());
		else for await (const chunk of archive.content()) writeOutput(1, chunk);
		return 0;
	},
});
