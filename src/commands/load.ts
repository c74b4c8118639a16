// corten load: the images of an archive into the store.

import { isatty } from "node:tty";
import { CortenError, isError } from "../base/errors.ts";
import { createStore, holdBlobs, temporaryFolder } from "../image/blobs.ts";
import { type PullResult, storeImage } from "../image/pull.ts";
import { collectGarbage } from "../image/remove.ts";
import { aciSource } from "../image/sources/aci.ts";
import { openArchive } from "../image/sources/archive.ts";
import type { ImageSource } from "../image/sources/source.ts";
import { defineCommand } from "./command.ts";
import { createProgressDisplay } from "./pull-progress.ts";

/** `corten load` */
export const command = defineCommand({
	summary: "bring the images of an archive into the store",
	usage: "[OPTIONS]",
	options: {
		input: { kind: "value", short: "i", metavar: "FILE", help: "the archive, or a folder (default: standard input)" },
		"signature-policy": { kind: "value", metavar: "FILE", help: "signature policy (default: ~/.config/containers/policy.json, or /etc's)" },
		quiet: { kind: "flag", short: "q", help: "no progress" },
	},
	operands: { min: 0, max: 0 },
	description: [
		"Reads what docker save, podman save, skopeo or corten save wrote: a docker archive or an archive of an OCI layout, compressed or not, with all its " +
			"images; also a folder, an OCI layout or what skopeo writes as dir:. A file whose name ends in .aci is an image archive of appc's. Every byte is verified. A tar of a root filesystem is no image: corten import makes one of it.",
	],
	examples: [
		["corten load -i app.tar", "from a file"],
		["docker save app | corten load", "straight from docker"],
	],
	seeAlso: ["corten-save(1)", "corten-import(1)", "corten-convert(1)"],
	run: async (context, options) => {
		const path = options.input ?? "-";
		if (path === "-" && isatty(0))
			throw new CortenError("invalid-argument", "cannot load images from a terminal", { hint: "name the archive with --input" });
		const { root } = context;
		createStore(root);
		const results: PullResult[] = [];
		{
			// What is spooled lies where garbage collection sweeps.
			using _hold = holdBlobs(root);
			const keep = async (source: ImageSource) => {
				using display = createProgressDisplay(options.quiet);
				try {
					results.push(await storeImage(source, path, { root, onProgress: display.show }));
				} catch (cause) {
					throw isError(cause) && !cause.message.includes(path) ? new CortenError(cause.code, `cannot load "${path}"`, { cause }) : cause;
				}
			};
			// appc has the ending decide, whatever the compression.
			if (path.endsWith(".aci")) {
				await using source = await aciSource(path, { temporaryFolder: temporaryFolder(root) });
				await keep(source);
			} else {
				using archive = await openArchive(path, temporaryFolder(root), options["signature-policy"]);
				for (const source of archive.images) await keep(source);
			}
		}
		collectGarbage(root);
		for (const { names, record, warning } of results) {
			if (warning !== undefined) context.log("warn", warning);
			if (names.length === 0) context.print(`Loaded image ID: ${record.configDigest}\n`);
			for (const name of names) context.print(`Loaded image: ${name}\n`);
		}
		return 0;
	},
});
