// corten image prune: removes images that nobody needs.

import { isatty } from "node:tty";
import { listImages } from "../image/list.ts";
import { pruneImages } from "../image/prune.ts";
import { formatFamiliar, parseReference } from "../image/reference.ts";
import { defineCommand } from "./command.ts";
import { formatBytes } from "./format.ts";
import { imageFilterKeys, parseImageFilters } from "./image-filter.ts";
import { readLine } from "./prompt.ts";

/** `corten image prune` */
export const command = defineCommand({
	summary: "remove images that nobody needs",
	usage: "[OPTIONS]",
	options: {
		all: { kind: "flag", short: "a", help: "all that no container uses, not only those without a name" },
		filter: { kind: "list", metavar: "KEY=VALUE", help: `only those for which it holds: ${imageFilterKeys}` },
		force: { kind: "flag", short: "f", help: "do not ask" },
	},
	operands: { min: 0, max: 0 },
	description: [
		"Removes images that have no name, with the blobs and layers only they needed. Images of containers stay, running or not, and so do those that an update has kept to go back to, but for --all. " +
			"On a terminal it asks first.",
	],
	examples: [
		["corten image prune", "what has lost its name"],
		["corten image prune -af --filter until=720h", "what is a month old and not in use"],
	],
	seeAlso: ["corten-rmi(1)", "corten-store(1)"],
	run: async (context, options) => {
		const filter = parseImageFilters(options.filter);
		if (!options.force && isatty(0)) {
			const what = options.all ? "all images without at least one container" : "all images without a name";
			if (!/^y(?:es)?$/i.test(readLine(`This will remove ${what}. Continue? [y/N] `))) return 0;
		}
		const wanted = new Set(filter(await listImages(context.root)).map(({ name, record }) => `${record.digest} ${name}`));
		const pruned = pruneImages(context.root, { all: options.all, wanted: (name, digest) => wanted.has(`${digest} ${name}`) });
		if (pruned.untagged.length + pruned.deleted.length > 0) context.print("Deleted Images:\n");
		context.print(pruned.untagged.map((name) => `untagged: ${familiar(name)}\n`).join(""));
		context.print(pruned.deleted.map((id) => `deleted: ${id}\n`).join(""));
		context.print(`${pruned.untagged.length + pruned.deleted.length > 0 ? "\n" : ""}Total reclaimed space: ${formatBytes(pruned.bytes)}\n`);
		return 0;
	},
});

function familiar(name: string): string {
	try {
		return formatFamiliar(parseReference(name));
	} catch {
		return name; // another tool's
	}
}
