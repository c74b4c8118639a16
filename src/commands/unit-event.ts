// corten unit-event: not for people. The transient unit of a container runs it as ExecStopPost=, and, of a registered one, as
// ExecStartPost=: what nobody of corten's stays to see is noted then. @see systemd.service(5) ExecStopPost=, $EXIT_CODE

import { CortenError, isError } from "../base/errors.ts";
import { exists, O_APPEND, O_WRONLY, openFd, replaceFile, writeFd } from "../linux/file.ts";
import { writeOutput } from "../linux/output.ts";
import { parseSignal } from "../linux/signals.ts";
import { releaseUnit } from "../supervise/reclaim.ts";
import { readStartFile } from "../supervise/start-file.ts";
import { type Container, findContainer, readPidFile } from "../supervise/state.ts";
import { finishContainer } from "../supervise/sweep.ts";
import { type Context, defineCommand } from "./command.ts";
import { formatDiagnostic } from "./global.ts";

export const command = defineCommand({
	summary: "note that a container's unit has started it, or that it has ended (for ExecStopPost=)",
	usage: "started|ended CONTAINER",
	options: {},
	operands: { min: 2, max: 2 },
	description: [
		"The transient units that corten run -d and corten start make call this themselves, at the start of a registered container and at every end. It writes down how the container ended ($EXIT_CODE and $EXIT_STATUS), and removes one that was started with --rm.",
		"In a unit that a person has written, ExecStopPost=corten unit-event ended NAME does the same at once. Without it corten asks the manager when it is asked itself, which knows as long as the unit is loaded: after a clean end that is not for long, and the status is shown as 255 then.",
	],
	examples: [
		["ExecStopPost=/usr/bin/corten unit-event ended web", "in a unit whose ExecStart= is corten run --name web or corten start web"],
	],
	run: async (context, _options, [event = "", target = ""]) => {
		if (event !== "started" && event !== "ended")
			throw new CortenError("invalid-argument", `cannot note "${event}": it is started or ended`);
		const container = findOrNone(context.root, target);
		if (container === undefined) return 0; // it is gone: nothing is left to note
		const registered = readStartFile(container.folder)?.register === true;
		if (event === "started") return registered ? register(context, container) : 0;
		noteEnd(context, container);
		if (registered) await unregister(context, container);
		return 0;
	},
});

function findOrNone(root: string, target: string): Container | undefined {
	try {
		return findContainer(root, target);
	} catch (error) {
		if (isError(error, "not-found")) return undefined;
		throw error;
	}
}

/** A failure is that of the start: it was asked for. */
async function register(context: Context, { record, folder, state }: Container): Promise<number> {
	if (state.process === null) return 0; // it has ended meanwhile
	const { registerMachine } = await import("../systemd/machine.ts");
	try {
		registerMachine(record, state.process.pid);
		return 0;
	} catch (error) {
		if (!isError(error)) throw error;
		const msg = `cannot register machine "${record.name}": ${error.message}`;
		note(folder, { level: "error", msg });
		note(folder, { status: 125 });
		writeOutput(2, new TextEncoder().encode(formatDiagnostic("error", msg, context.logFormat)));
		return 125;
	}
}

async function unregister(context: Context, { record }: Container): Promise<void> {
	const { unregisterMachine } = await import("../systemd/machine.ts");
	try {
		unregisterMachine(record);
	} catch (error) {
		if (!isError(error)) throw error;
		context.log("info", error.message); // it was not there, or nobody is there who knew it
	}
}

function noteEnd(context: Context, { record, folder, state }: Container): void {
	if (state.process !== null) throw new CortenError("wrong-state", `cannot note the end of container "${record.name}": it runs`);
	const { EXIT_CODE: code, EXIT_STATUS: word = "" } = process.env;
	const signal = code === "killed" || code === "dumped" ? parseSignal(word) : 0;
	// Without these variables there was no process: systemd could not start one.
	const status = code === undefined ? 125 : signal > 0 ? 128 + signal : Number(word);
	const nowMs = Date.now();
	if (readPidFile(folder) === undefined) note(folder, { status });
	const text = `${status} ${signal} ${Math.floor(nowMs / 1000)} ${(nowMs % 1000) * 1_000_000}\n`;
	replaceFile(`${folder}/exit`, text, 0o600, false);
	finishContainer(context.root, record.id);
	if (!exists(folder)) releaseUnit(context.root, record);
}

/** For whoever asked for the start, if somebody still waits for it. */
function note(folder: string, line: Readonly<Record<string, unknown>>): void {
	try {
		using fd = openFd(`${folder}/errors`, O_WRONLY | O_APPEND);
		writeFd(fd, new TextEncoder().encode(`${JSON.stringify(line)}\n`), "errors");
	} catch (error) {
		if (!isError(error, "not-found")) throw error;
	}
}
