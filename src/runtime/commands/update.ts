// `update`: other limits for a container that is there. They are kept in its config.json, so that a further update knows what holds.

import { decodeResources } from "../../bundle/config-decode.ts";
import { Fd, readFd, readFile, readText, replaceFile } from "../../linux/file.ts";
import { readHostFacts } from "../../linux/host.ts";
import { parseJson } from "../../spec/decode.ts";
import type { Resources } from "../../spec/runtime.ts";
import { applyResources } from "../apply-resources.ts";
import { defineRuntimeCommand, type RuntimeContext } from "../command.ts";
import { readContainerConfig } from "../config.ts";
import { notRunning } from "../errors.ts";
import { lockContainerFolder } from "../folder.ts";
import { findRuntimeContainer } from "../state.ts";
import { encodeJson } from "../stats-json.ts";
import { mergeUpdate } from "../update-resources.ts";
import { resourcesOfOptions, updateOptions } from "./update-options.ts";

export const command = defineRuntimeCommand({
	summary: "change the limits of a container",
	usage: "[OPTIONS] CONTAINER",
	options: updateOptions,
	operands: { min: 1, max: 1 },
	description: [
		"Changes limits of a container's cgroups. What is not named stays. With --resources the other options are passed over; the file has the form of linux.resources of config.json. When the kernel refuses one of the new limits the old ones are set again.",
	],
	run: async (context, options, [id = ""]) => {
		const asked = options.resources
			? decodeResources(readResources(options.resources), `resources "${options.resources}"`)
			: resourcesOfOptions(options);
		warnOfKernelMemory(context, asked);
		using _lock = lockContainerFolder(findRuntimeContainer(context.root, id).folder);
		const { record, folder, status } = findRuntimeContainer(context.root, id);
		if (status === "stopped" || status === "creating") throw notRunning("update", id);
		const before = readContainerConfig(folder).linux.resources ?? {};
		const { now, after } = mergeUpdate(before, asked);
		const host = readHostFacts();
		if (record.scope !== undefined) {
			const { updateScope } = await import("../scope.ts");
			updateScope(record.scope, now, host.cgroup.version, context.rootless);
		}
		applyResources(now, before, record.cgroups, host);
		keep(folder, after);
		return 0;
	},
});

function readResources(path: string): Uint8Array {
	return path === "-" ? readFd(new Fd(0), "standard input", 16 << 20) : readFile(path, 16 << 20);
}

function warnOfKernelMemory({ warn }: RuntimeContext, { memory }: Resources): void {
	if (memory?.kernel !== undefined || memory?.kernelTCP !== undefined) warn("Kernel memory settings are ignored and will be removed");
}

/** Into the document as it is: what corten does not know of it stays. */
function keep(folder: string, resources: Resources): void {
	const path = `${folder}/config.json`;
	const document = parseJson(readText(path, 16 << 20), `config "${path}"`) as { readonly linux?: object };
	replaceFile(path, encodeJson({ ...document, linux: { ...document.linux, resources } }), 0o600, false);
}
