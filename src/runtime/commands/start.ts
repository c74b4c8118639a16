// `start`: the created process passes its gate. @see runtime-spec runtime.md#start

import { CortenError } from "../../base/errors.ts";
import { openProcess, sendSignal } from "../../supervise/process.ts";
import { defineRuntimeCommand } from "../command.ts";
import { mentionsHooks, readContainerConfig } from "../config.ts";
import { unstartable } from "../errors.ts";
import { lockContainerFolder } from "../folder.ts";
import { hookState } from "../hook-state.ts";
import { passGate } from "../starting.ts";
import { findRuntimeContainer, folderOf } from "../state.ts";

const SIGKILL = 9;

export const command = defineRuntimeCommand({
	summary: "start a created container",
	usage: "CONTAINER",
	options: {},
	operands: { min: 1, max: 1 },
	description: [
		"Starts the program of a created container and runs the startContainer and poststart hooks. It fails with what the kernel said when the program cannot be executed; the container is stopped then.",
	],
	run: async (context, _options, [id = ""]) => {
		findRuntimeContainer(context.root, id);
		using lock = lockContainerFolder(folderOf(context.root, id));
		const { folder, status, record, process } = findRuntimeContainer(context.root, id);
		if (lock === undefined || status !== "created" || process === null) throw unstartable(id, status === "created" ? "stopped" : status);
		passGate(folder, id);
		if (!mentionsHooks(folder)) return 0;
		const { runHooks } = await import("../run-hooks.ts");
		const state = hookState(record, "running").join(`${process.pid}`);
		const failures = await runHooks(context, "poststart", readContainerConfig(folder).hooks?.poststart, state);
		if (failures === 0) return 0;
		// The specification stops the container then; delete takes it away and runs its poststop hooks.
		using running = openProcess(process.pid, process.startTime);
		if (running !== undefined) sendSignal(running, SIGKILL);
		throw new CortenError("system", `cannot start container "${id}": a poststart hook failed`);
	},
});
