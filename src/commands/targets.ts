// Commands that take several containers do what they can: one that fails does not stop the others, and every failure is reported.

import { CortenError } from "../base/errors.ts";
import type { Context } from "./command.ts";

/**
 * Does something with each operand and prints the operand, as it was given, when that worked.
 * @param act returns whether there is something to print: false when nothing had to be done
 * @throws the one error, or an AggregateError of all; main prints each
 */
export function forEachTarget(context: Pick<Context, "print">, targets: readonly string[], act: (target: string) => boolean): void {
	const errors: CortenError[] = [];
	for (const target of targets) {
		try {
			if (!act(target)) continue;
		} catch (error) {
			if (!(error instanceof CortenError)) throw error;
			errors.push(error);
			continue;
		}
		context.print(`${target}\n`);
	}
	throwAll(errors);
}

/** Throws what was collected, if anything was. */
export function throwAll(errors: readonly CortenError[]): void {
	if (errors.length > 1) throw new AggregateError(errors, `${errors.length} errors`);
	if (errors[0] !== undefined) throw errors[0];
}

/** For what goes on in spite of an error: says it as a warning. */
export function warn(context: Pick<Context, "log">): (error: CortenError) => void {
	return (error) => {
		const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
		context.log("warn", `${error.message}${cause}`);
	};
}
