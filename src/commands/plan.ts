// `corten plan`: what `corten run` with the same words would do, printed and not done. The same input gives the same text.

import { absolutePath } from "../base/absolute-path.ts";
import { CortenError } from "../base/errors.ts";
import { createBundle } from "../bundle/bundle.ts";
import { decodeConfig } from "../bundle/config-decode.ts";
import { readText } from "../linux/file.ts";
import { readHostFacts } from "../linux/host.ts";
import { compile } from "../plan/compile.ts";
import { describePlan, describePlanData } from "../plan/describe.ts";
import { hostNeeds } from "../plan/host-needs.ts";
import type { Plan } from "../plan/ops.ts";
import { containerFolder, nameLink } from "../supervise/layout.ts";
import { type Context, defineCommand } from "./command.ts";
import { frameOf, obtainImage } from "./run.ts";
import { runOptions } from "./run-options.ts";
import { decodeRunRequest } from "./run-request.ts";

export const command = defineCommand({
	summary: "print every step that a container's start takes",
	usage: "[OPTIONS] IMAGE [COMMAND [ARG...]]",
	options: {
		...runOptions,
		bundle: { kind: "value", metavar: "DIR", help: "plan this OCI bundle (config.json and a root filesystem) and no image" },
		format: { kind: "value", metavar: "FORMAT", help: "table or json", choices: ["table", "json"] },
	},
	operands: { min: 0, max: Infinity },
	optionsFirst: true,
	description: [
		"Prints the list of steps that corten run with the same options would execute, in order, each with the field of config.json that asked for it. Nothing is made or changed, but an image that is missing is pulled. The id of the container is shown as zeros.",
		"The steps are named after the manual pages of the system calls they make, in section 2. Those of the host run before and after the container lives, those of the container in its first process, up to execve.",
	],
	examples: [
		["corten plan busybox true", "the whole start of a small container"],
		["corten plan --read-only --memory 64m busybox", "what two options add"],
		["corten plan --bundle ./bundle --format json", "of an OCI bundle, for programs"],
	],
	run: async (context, options, operands) => {
		const { bundle, format, ...rest } = options;
		const plan = bundle === undefined ? await planImage(context, rest, operands) : planBundle(context, absolutePath("--bundle", bundle));
		context.print(format === "json" ? `${JSON.stringify(describePlanData(plan), undefined, 2)}\n` : describePlan(plan));
		return 0;
	},
});

async function planImage(context: Context, options: Parameters<typeof decodeRunRequest>[0], operands: readonly string[]): Promise<Plan> {
	const request = decodeRunRequest(options);
	const reference = request.rootfs === undefined ? operands[0] : undefined;
	if (request.rootfs === undefined && reference === undefined) {
		throw new CortenError("invalid-argument", "cannot plan without an image", { hint: "name an image, --rootfs or --bundle" });
	}
	using held = reference === undefined ? undefined : await obtainImage(context, reference, request);
	const host = readHostFacts();
	const container = placeholder(context, request.name);
	const bundle = createBundle({
		id: container.id,
		image: held?.image,
		rootfsPath: request.rootfs,
		operands: request.rootfs === undefined ? operands.slice(1) : operands,
		options: request,
		folder: container.folder,
		host,
	});
	return compile({ ...bundle, host, frame: frameOf(context, request, container, bundle) });
}

function planBundle(context: Context, folder: string): Plan {
	const path = `${folder}/config.json`;
	const config = decodeConfig(readText(path), path);
	const root = config.root.path;
	return compile({
		config,
		rootfs: { kind: "folder", path: root.startsWith("/") ? root : `${folder}/${root}` },
		host: readHostFacts(hostNeeds(config.process, config.linux)),
		frame: {
			folder: placeholder(context, undefined).folder,
			stage: `${context.runroot}/stage`,
			output: "inherit",
			input: "inherit",
			atEnd: { kind: "keep" },
		},
	});
}

/** Stands for the container that a real start would make; its id is made up there. */
function placeholder(context: Context, name = "name"): { readonly id: string; readonly folder: string; readonly nameLink: string } {
	const id = "0".repeat(64);
	return { id, folder: containerFolder(context.root, id), nameLink: nameLink(context.root, name) };
}
