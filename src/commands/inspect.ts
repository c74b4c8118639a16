// corten inspect: everything known about containers and images, in docker's JSON.

import { CortenError, isError } from "../base/errors.ts";
import { findContainer } from "../supervise/state.ts";
import { type Context, defineCommand } from "./command.ts";
import { formatOne } from "./format.ts";
import { inspectContainer } from "./inspect-container.ts";
import { throwAll } from "./targets.ts";
import { toJson } from "./template-functions.ts";
import { settleEnds } from "./unit-control.ts";

/** `corten inspect` */
export const command = defineCommand({
	summary: "show everything known about containers or images",
	usage: "[OPTIONS] NAME|ID [NAME|ID...]",
	options: {
		format: { kind: "value", short: "f", metavar: "FORMAT", help: "json, or a Go template" },
		type: { kind: "value", metavar: "TYPE", help: "look only among these", choices: ["container", "image"] },
		size: { kind: "flag", short: "s", help: "show sizes", unsupported: true },
	},
	operands: { min: 1, max: Infinity },
	description: [
		"Prints one JSON list of what was found, a container before an image of the same name. Fields are named as docker names them.",
	],
	examples: [
		["corten inspect web", "everything about a container"],
		["corten inspect -f '{{.State.Pid}}' web", "the pid of its first process"],
		["corten inspect -f '{{json .Config.Env}}' alpine", "an image's environment"],
	],
	run: async (context, options, operands) => {
		const errors: CortenError[] = [];
		const found: unknown[] = [];
		for (const target of operands) {
			try {
				found.push(await inspect(context, options.type, target));
			} catch (error) {
				if (!isError(error)) throw error;
				errors.push(error);
			}
		}
		const { format } = options;
		if (format === undefined) context.print(`${toJson(found, 4)}\n`);
		else context.print(found.map((value) => formatOne(format, value)).join(""));
		throwAll(errors);
		return 0;
	},
});

async function inspect(context: Context, type: string | undefined, target: string): Promise<unknown> {
	if (type !== "image") {
		try {
			const [container] = settleEnds(context.root, [findContainer(context.root, target)]);
			if (container !== undefined) return inspectContainer(container);
		} catch (error) {
			if (type === "container" || !isError(error, "not-found")) throw error;
		}
	}
	try {
		const { inspectImage } = await import("./inspect-image.ts");
		return await inspectImage(context.root, target);
	} catch (error) {
		if (type === "image" || !isError(error, "not-found")) throw error;
		throw new CortenError("not-found", `cannot find container or image "${target}"`, { hint: "see: corten ps -a, corten images" });
	}
}
