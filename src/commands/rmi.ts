// corten rmi: takes names from images, and removes images that have lost their last.

import { CortenError, isError } from "../base/errors.ts";
import { formatFamiliar, parseReference } from "../image/reference.ts";
import { removeImage } from "../image/remove.ts";
import { defineCommand } from "./command.ts";

/** `corten rmi` */
export const command = defineCommand({
	summary: "remove images",
	usage: "[OPTIONS] IMAGE [IMAGE...]",
	options: {
		force: { kind: "flag", short: "f", help: "also an image that a container uses or that has several names; a missing one is no error" },
		"no-prune": { kind: "flag", help: "keep what the image was made from", unsupported: true },
	},
	operands: { min: 1, max: Number.POSITIVE_INFINITY },
	description: [
		"Takes the name from an image. An image without names is removed, with the blobs and layers that no other image and no container " +
			"uses. IMAGE may also be the beginning of an image ID.",
	],
	examples: [
		["corten rmi alpine:3.19", "remove one name"],
		["corten rmi -f 4a1c4b21597c", "remove an image with all its names"],
	],
	run: (context, options, operands) => {
		const failures: unknown[] = [];
		for (const text of operands) {
			try {
				const removal = removeImage(context.root, text, { force: options.force });
				context.print(removal.untagged.map((name) => `Untagged: ${familiar(name)}\n`).join(""));
				context.print(removal.deleted.map((id) => `Deleted: ${id}\n`).join(""));
			} catch (error) {
				if (options.force && isError(error, "not-found")) context.log("warn", error.message);
				else failures.push(error);
			}
		}
		if (failures.length === 1) throw failures[0];
		if (failures.length > 1) {
			const messages = failures.map((failure) => (isError(failure) ? failure.message : String(failure)));
			const first = failures[0];
			throw new CortenError(isError(first) ? first.code : "system", messages.join("; "));
		}
		return 0;
	},
});

function familiar(name: string): string {
	try {
		return formatFamiliar(parseReference(name));
	} catch {
		return name; // another tool's name
	}
}
