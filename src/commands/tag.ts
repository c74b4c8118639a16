// corten tag: gives an image further names.

import { tagImage } from "../image/tag.ts";
import { defineCommand } from "./command.ts";

/** `corten tag` */
export const command = defineCommand({
	summary: "give an image further names",
	usage: "IMAGE NAME[:TAG] [NAME[:TAG]...]",
	options: {},
	operands: { min: 2, max: Number.POSITIVE_INFINITY },
	description: [
		"IMAGE is a name, a name with a digest, or the beginning of an image ID. An image that had the new name before stays in the store without it.",
	],
	examples: [["corten tag app:build registry.example.com/app:1.4", "the name under which it will be pushed"]],
	seeAlso: ["corten-untag(1)", "corten-push(1)"],
	run: (context, _options, [image = "", ...names]) => {
		tagImage(context.root, image, names);
		return 0;
	},
});
