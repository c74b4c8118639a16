// Hooks of the runtime's side that run when launch is not there: poststart after start, poststop after delete. @see runtime-spec config.md#poststart, #poststop

import { runProgram } from "../linux/native.ts";
import type { Hook } from "../spec/runtime.ts";
import type { RuntimeContext } from "./command.ts";

/**
 * Runs the hooks in their order, each with the state on its stdin. A failure is told and passed over.
 * @returns how many failed
 */
export async function runHooks(context: RuntimeContext, kind: string, hooks: readonly Hook[] | undefined, state: string): Promise<number> {
	let failures = 0;
	const failed = (path: string, why: string): void => {
		failures++;
		context.warn(`cannot run ${kind} hook "${path}": ${why}`);
	};
	for (const { path, args, env, timeout } of hooks ?? []) {
		try {
			const end = runProgram(path, args ?? [path], { env, input: new TextEncoder().encode(state), timeoutMs: (timeout ?? 0) * 1000 });
			if (end !== 0) failed(path, `it ended with ${end}`);
		} catch (error) {
			failed(path, error instanceof Error ? error.message : String(error));
		}
	}
	return failures;
}
