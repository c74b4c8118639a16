// corten untag: takes names from an image, which stays.

import { untagImage } from "../image/tag.ts";
import { defineCommand } from "./command.ts";

/** `corten untag` */
export const command = defineCommand({
	summary: "take names from an image",
	usage: "IMAGE [NAME[:TAG]...]",
	options: {},
	operands: { min: 1, max: Number.POSITIVE_INFINITY },
	description: ["Takes the names that are given, or all, from an image. The image stays in the store; corten rmi removes one."],
	examples: [["corten untag app:1.4 app:latest", "app:latest is a name no more"]],
	seeAlso: ["corten-tag(1)", "corten-rmi(1)"],
	run: (context, _options, [image = "", ...names]) => {
		untagImage(context.root, image, names);
		return 0;
	},
});
