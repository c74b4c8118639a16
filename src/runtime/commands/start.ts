// `start`: the created process passes its gate. @see runtime-spec runtime.md#start

import { CortenError } from "../../base/errors.ts";
import { defineRuntimeCommand } from "../command.ts";
import { mentionsHooks, readContainerConfig } from "../config.ts";
import { lockContainerFolder } from "../folder.ts";
import { passGate } from "../starting.ts";
import { findRuntimeContainer, folderOf, type RuntimeStatus } from "../state.ts";

export const command = defineRuntimeCommand({
	summary: "start a created container",
	usage: "CONTAINER",
	options: {},
	operands: { min: 1, max: 1 },
	run: async (context, _options, [id = ""]) => {
		findRuntimeContainer(context.root, id);
		using lock = lockContainerFolder(folderOf(context.root, id));
		const { folder, status, record, process } = findRuntimeContainer(context.root, id);
		if (lock === undefined || status !== "created" || process === null) throw cannotStart(id, status);
		passGate(folder, id);
		if (!mentionsHooks(folder)) return 0;
		const { runHooks } = await import("../run-hooks.ts");
		const { ociVersion, bundle, annotations } = record;
		const state = JSON.stringify({ ociVersion, id, status: "running", pid: process.pid, bundle, annotations });
		await runHooks(context, "poststart", readContainerConfig(folder).hooks?.poststart, state);
		return 0;
	},
});

function cannotStart(id: string, status: RuntimeStatus): CortenError {
	const why = status === "stopped" ? "cannot start a container that has stopped" : "cannot start an already running container";
	return new CortenError("wrong-state", `cannot start container "${id}": ${why} (it is ${status})`);
}
