// Where a start's milliseconds go, for `--log-level debug` and `make bench`: each stage says when it is done.

import type { Context } from "./command.ts";

/** Notes that what came before is done; `end` prints the line. */
export type Laps = { readonly lap: (name: string) => void; readonly end: () => void };

const silent: Laps = { lap: () => undefined, end: () => undefined };

/** Starts counting at the program's own start (Bun's, some 2 ms before the first line). Costs nothing without the debug level. */
export function startLaps(context: Pick<Context, "logLevel" | "log">): Laps {
	if (context.logLevel !== "debug") return silent;
	const parts: string[] = [];
	let before = 0;
	const lap = (name: string): void => {
		const now = performance.now();
		parts.push(`${name} ${Math.round((now - before) * 1000)} us`);
		before = now;
	};
	lap("program");
	return { lap, end: () => context.log("debug", `corten: ${parts.join(", ")}`) };
}
