// `kill`: a signal to the first process, or with --all to every process of the container. @see runtime-spec runtime.md#kill

import { parseSignal } from "../../linux/signals.ts";
import { signalCgroups } from "../../supervise/cgroup.ts";
import { openProcess, sendSignal } from "../../supervise/process.ts";
import { defineRuntimeCommand } from "../command.ts";
import { finishedProcess } from "../errors.ts";
import { findRuntimeContainer, runningProcess } from "../state.ts";

export const command = defineRuntimeCommand({
	summary: "send a signal to a container",
	usage: "[OPTIONS] CONTAINER [SIGNAL]",
	options: { all: { kind: "flag", short: "a", help: "send it to all processes of the container" } },
	operands: { min: 1, max: 2 },
	description: [
		"Sends SIGNAL, by name or number, SIGTERM by default, to the first process of a container. With --all it goes to every process in the container's cgroups, also when the first one has ended.",
	],
	run: (context, options, [id = "", word = "SIGTERM"]) => {
		const signal = word === "0" ? 0 : parseSignal(word); // 0 asks whether it lives
		const container = findRuntimeContainer(context.root, id);
		// Without a pid namespace of its own a container's processes outlive the first one.
		if (options.all) {
			signalCgroups(container.record.cgroups, signal);
			return 0;
		}
		const { pid, startTime } = runningProcess(container, "kill");
		using process = openProcess(pid, startTime);
		if (process === undefined || !sendSignal(process, signal)) throw finishedProcess(id);
		return 0;
	},
});
