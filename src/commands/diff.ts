// corten diff: what a container has changed of its image's files.

import { CortenError } from "../base/errors.ts";
import { formatBytes as formatName } from "../image/layer/bytes.ts";
import { changesOf } from "../image/layer/changes-of.ts";
import { openFolderLayer } from "../image/layer/folder-read.ts";
import { openMerged } from "../image/layer/merged.ts";
import { exists } from "../linux/file.ts";
import { findContainer } from "../supervise/state.ts";
import { defineCommand } from "./command.ts";
import { imageLayers } from "./container-layers.ts";

/** `corten diff` */
export const command = defineCommand({
	summary: "what a container has changed of its image's files",
	usage: "[OPTIONS] CONTAINER",
	options: { format: { kind: "value", choices: ["json"], help: "json: one document" } },
	operands: { min: 1, max: 1 },
	description: ["A line a path: A added, C changed, D removed. A folder counts as changed when something in it has."],
	examples: [["corten diff web", "what commit would keep"]],
	seeAlso: ["corten-commit(1)"],
	run: (context, options, [target = ""]) => {
		const container = findContainer(context.root, target);
		if (container.record.rootfs !== null)
			throw new CortenError("unsupported", `cannot compare container "${target}": it works in the folder it was made from`);
		const upper = `${container.folder}/upper`;
		const lines: { readonly kind: "A" | "C" | "D"; readonly path: string }[] = [];
		if (exists(upper)) {
			using below = openMerged(imageLayers(container.record.layers));
			using layer = openFolderLayer(upper);
			if (layer.root.kind === "directory") lines.push(...changesOf(layer.root, below.root));
		}
		if (options.format === "json") {
			const paths = (kind: string) => lines.filter((line) => line.kind === kind).map(({ path }) => text(path));
			const all = { added: paths("A"), changed: paths("C"), deleted: paths("D") };
			context.print(`${JSON.stringify(Object.fromEntries(Object.entries(all).filter(([, list]) => list.length > 0)), undefined, 4)}\n`);
		} else for (const { kind, path } of lines) context.print(`${kind} ${text(path)}\n`);
		return 0;
	},
});

/** A path as a person reads it: bytes that are no text, and control characters, are escaped. */
function text(path: string): string {
	return JSON.parse(formatName(path).replace(/\.\.\.$/, "")) as string;
}
