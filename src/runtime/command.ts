// What a command of the OCI runtime is: a table entry, as src/commands/command.ts has it for corten's own. The spelling of the options
// is runc's, because its clients (containerd, Docker, podman, CRI-O) write them.

import type { OptionTable, Parsed } from "../base/options.ts";
import type { RuntimeLog } from "./log.ts";

/** The global options and the surroundings of one invocation. */
export type RuntimeContext = {
	/** Folder of the containers' folders; absolute, made by create. */
	readonly root: string;
	/** Whether a cgroup that cannot be made or written is no error: --rootless, and by itself without root's rights. */
	readonly rootless: boolean;
	/** Whether linux.cgroupsPath is `slice:prefix:name` and systemd makes the cgroup. */
	readonly systemdCgroup: boolean;
	/** The program that checkpoint and restore call. */
	readonly criu: string;
	readonly log: RuntimeLog;
	/** Writes to stdout at once, all of it. */
	readonly print: (text: string) => void;
	/** Writes a warning to the log, or to stderr when there is none. */
	readonly warn: (message: string) => void;
};

/** One command of the runtime. */
export type RuntimeCommand<T extends OptionTable = OptionTable> = {
	/** One line, lower case, no period. */
	readonly summary: string;
	/** What follows the name: `[OPTIONS] CONTAINER`. */
	readonly usage: string;
	readonly options: T;
	/** How many operands are allowed. */
	readonly operands: { readonly min: number; readonly max: number };
	/** true: the first operand ends the options, as for exec. */
	readonly optionsFirst?: true;
	/** What the runtime's own failure exits with, when it is not 1: exec's 255 keeps apart from the payload's statuses. */
	readonly failureStatus?: 255;
	/** Paragraphs for the man page, plain text. */
	readonly description: readonly string[];
	/** @returns the exit status; or does not return, when the process becomes launch */
	readonly run: (context: RuntimeContext, options: Parsed<T>, operands: readonly string[]) => number | Promise<number>;
};

/** Ties the options' types to `run`. */
export function defineRuntimeCommand<const T extends OptionTable>(command: RuntimeCommand<T>): RuntimeCommand<T> {
	return command;
}
