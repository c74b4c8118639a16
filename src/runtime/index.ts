// The table of the runtime's commands; each is loaded when it is chosen.

import type { OptionTable } from "../base/options.ts";
import type { RuntimeCommand } from "./command.ts";

/** The one cast that forgets which options a command has: only its own parser result ever reaches its `run`. */
function entry<T extends OptionTable>(load: () => Promise<{ readonly command: RuntimeCommand<T> }>): () => Promise<RuntimeCommand> {
	return async () => (await load()).command as unknown as RuntimeCommand;
}

/** name -> loads the command. */
export const runtimeCommands: Readonly<Record<string, () => Promise<RuntimeCommand>>> = {
	create: entry(() => import("./commands/create.ts")),
	start: entry(() => import("./commands/start.ts")),
	state: entry(() => import("./commands/state.ts")),
	kill: entry(() => import("./commands/kill.ts")),
	delete: entry(() => import("./commands/delete.ts")),
	run: entry(() => import("./commands/run.ts")),
	exec: entry(() => import("./commands/exec.ts")),
	ps: entry(() => import("./commands/ps.ts")),
	pause: entry(() => import("./commands/pause.ts")),
	resume: entry(async () => ({ command: (await import("./commands/pause.ts")).resume })),
	update: entry(() => import("./commands/update.ts")),
	events: entry(() => import("./commands/events.ts")),
	list: entry(() => import("./commands/list.ts")),
	spec: entry(() => import("./commands/spec.ts")),
	features: entry(() => import("./commands/features.ts")),
	"systemd-scope": entry(() => import("./commands/systemd-scope.ts")),
	checkpoint: entry(() => import("./commands/checkpoint.ts")),
	restore: entry(() => import("./commands/restore.ts")),
	help: entry(() => import("./commands/help.ts")),
	version: entry(() => import("./commands/version.ts")),
};

/** The rows that are for people: all but the one that create and run start themselves. */
export function listedCommands(): readonly (readonly [name: string, load: () => Promise<RuntimeCommand>])[] {
	return Object.entries(runtimeCommands).filter(([name]) => name !== "systemd-scope");
}
