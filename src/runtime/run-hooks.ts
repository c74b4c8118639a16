// Hooks of the runtime's side that run when launch is not there: poststart after start, poststop after delete. @see runtime-spec config.md#poststart, #poststop

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
			const [argv0 = path, ...rest] = args ?? [];
			const ended = Bun.spawnSync([path, ...rest], {
				argv0,
				stdin: new TextEncoder().encode(state),
				stdout: "inherit",
				stderr: "inherit",
				...(env !== undefined && { env: Object.fromEntries(env.map(splitVariable)) }),
				...(timeout !== undefined && timeout > 0 && { timeout: timeout * 1000, killSignal: "SIGKILL" }),
			});
			if (ended.exitCode !== 0) failed(path, `it ended with ${ended.signalCode ?? ended.exitCode}`);
		} catch (error) {
			failed(path, error instanceof Error ? error.message : String(error));
		}
	}
	return failures;
}

function splitVariable(word: string): [string, string] {
	const equals = word.indexOf("=");
	return equals < 0 ? [word, ""] : [word.slice(0, equals), word.slice(equals + 1)];
}
