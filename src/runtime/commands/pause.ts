// `pause` and `resume`: the freezer of a container's cgroups.

import { CortenError } from "../../base/errors.ts";
import { freeze, thaw } from "../../supervise/freezer.ts";
import { defineRuntimeCommand } from "../command.ts";
import { notRunning } from "../errors.ts";
import { findRuntimeContainer } from "../state.ts";

export const command = defineRuntimeCommand({
	summary: "stop all processes of a container until resume",
	usage: "CONTAINER",
	options: {},
	operands: { min: 1, max: 1 },
	description: ["Stops every process of a container by the freezer of its cgroup. They do not notice; resume lets them go on."],
	run: (context, _options, [id = ""]) => {
		const { record, status } = findRuntimeContainer(context.root, id);
		if (status !== "running" && status !== "created") throw notRunning("pause", id);
		freeze(record.cgroups);
		return 0;
	},
});

/** `resume`. */
export const resume = defineRuntimeCommand({
	summary: "let all processes of a paused container go on",
	usage: "CONTAINER",
	options: {},
	operands: { min: 1, max: 1 },
	description: ["Lets the processes of a container go on that pause has stopped."],
	run: (context, _options, [id = ""]) => {
		const { record, status } = findRuntimeContainer(context.root, id);
		if (status !== "paused") throw new CortenError("wrong-state", `cannot resume container "${id}": container not paused`);
		thaw(record.cgroups);
		return 0;
	},
});
