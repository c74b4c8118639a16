// corten restart: stop, then start. A unit that a person has written is restarted as a whole: what it starts is its own affair.

import { type CortenError, isError } from "../base/errors.ts";
import { type Container, findContainer } from "../supervise/state.ts";
import { connectSystemd } from "../systemd/scope.ts";
import { restartUnit } from "../systemd/transient.ts";
import { type Context, defineCommand } from "./command.ts";
import { printed, startOne } from "./start.ts";
import { readStartable } from "./start-launch.ts";
import { command as stop } from "./stop.ts";
import { throwAll } from "./targets.ts";

/** `corten restart` */
export const command = defineCommand({
	summary: "stop containers and start them again",
	usage: "[OPTIONS] CONTAINER [CONTAINER...]",
	options: {
		signal: stop.options.signal,
		timeout: stop.options.timeout,
		time: stop.options.time,
	},
	operands: { min: 1, max: Infinity },
	description: [
		"Stops each container as corten stop does, and starts it as corten start does: the same id, name and writable layer. One that does not run is started.",
		"A unit that a person has written, in which the container runs, is restarted as a whole.",
	],
	examples: [["corten restart -t 30 web", "give it half a minute to end"]],
	run: async (context, options, operands) => {
		const errors: CortenError[] = [];
		let worst = 0;
		for (const target of operands) {
			try {
				const status = await restartOne(context, options, target, operands.length === 1);
				if (status === 0) context.print(`${target}\n`);
				else if (status !== printed) worst = 1;
			} catch (error) {
				if (!isError(error)) throw error;
				errors.push(error);
			}
		}
		throwAll(errors);
		return worst;
	},
});

async function restartOne(context: Context, options: Parameters<typeof stop.run>[1], target: string, alone: boolean): Promise<number> {
	const container = findContainer(context.root, target);
	const { unit } = container.record;
	if (container.state.process !== null && unit !== null && !unit.own) {
		using systemd = connectSystemd(unit.user);
		restartUnit(systemd, unit.name);
		return 0;
	}
	readStartable(container); // or there would be nothing to start after it was stopped
	await stop.run({ ...context, print: () => undefined }, options, [target]);
	const ended: Container = findContainer(context.root, target);
	return startOne(context, ended, target, alone);
}
