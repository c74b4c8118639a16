// `delete`: nothing of a container is left. @see runtime-spec runtime.md#delete

import { isError } from "../../base/errors.ts";
import type { Hook } from "../../spec/runtime.ts";
import { signalCgroups } from "../../supervise/cgroup.ts";
import { removeTree } from "../../supervise/tree.ts";
import { defineRuntimeCommand, type RuntimeContext } from "../command.ts";
import { mentionsHooks, readContainerConfig } from "../config.ts";
import { endProcess, removeContainer } from "../deleting.ts";
import { absentContainer, undeletable } from "../errors.ts";
import { lockContainerFolder } from "../folder.ts";
import { hookState } from "../hook-state.ts";
import { checkId, folderOf, type RuntimeContainer, readRuntimeContainer } from "../state.ts";

const SIGKILL = 9;

export const command = defineRuntimeCommand({
	summary: "remove what a container holds",
	usage: "[OPTIONS] CONTAINER",
	options: { force: { kind: "flag", short: "f", help: "kill it first when it runs; it is no error when there is none" } },
	operands: { min: 1, max: 1 },
	description: [
		"Removes a container that has ended: processes that outlived the first one, cgroups, and its folder; then the poststop hooks run. A created container is ended first, a running one only with --force. After any interruption it can be called again.",
	],
	run: async (context, { force }, [id = ""]) => {
		checkId(id);
		const folder = folderOf(context.root, id);
		using lock = lockContainerFolder(folder);
		const container = lock === undefined ? undefined : readRuntimeContainer(context.root, id);
		if (container === undefined) {
			if (!force) throw absentContainer(id);
			removeTree(folder); // what a create that was killed left behind
			return 0;
		}
		checkDeletable(container, force);
		const hooks = mentionsHooks(folder) ? poststopHooks(container) : undefined;
		endProcess(container);
		if (container.record.scope !== undefined) await endScope(context, container);
		removeContainer(container);
		if (hooks === undefined) return 0;
		const { runHooks } = await import("../run-hooks.ts");
		await runHooks(context, "poststop", hooks, hookState(container.record, "stopped").join("0"));
		return 0;
	},
});

/** A systemd that cannot be reached does not keep a container from being deleted: the cgroups are removed all the same. */
async function endScope({ rootless, warn }: RuntimeContext, { record }: RuntimeContainer): Promise<void> {
	const { removeScope } = await import("../scope.ts");
	signalCgroups(record.cgroups, SIGKILL); // systemd would ask those that are left first, and wait
	try {
		removeScope(record.scope ?? "", rootless);
	} catch (error) {
		if (!isError(error)) throw error;
		warn(error.message);
	}
}

/** A created container is ended without being asked twice, as by runc: its program never ran. */
function checkDeletable({ record, status }: RuntimeContainer, force: boolean): void {
	if (force || status === "stopped" || status === "created") return;
	throw undeletable(record.id, status);
}

function poststopHooks({ folder }: RuntimeContainer): readonly Hook[] | undefined {
	return readContainerConfig(folder).hooks?.poststop;
}
