// The progress of a pull on a terminal: one line on stderr that is rewritten, and gone at the end. stdout stays for results.

import { isatty } from "node:tty";
import type { CopyProgress } from "../image/copy.ts";
import type { PullProgress } from "../image/pull-layers.ts";
import { writeOutput } from "../linux/output.ts";
import { formatBytes } from "./format.ts";

/** Ten times a second: more is lost on the eye and costs a slow terminal time. */
const pauseMs = 100;

/** Shows progress between its making and its disposal. */
export type ProgressDisplay = Disposable & {
	readonly show: (progress: PullProgress) => void;
	/** The same of a copy, in which nothing is written but what comes. */
	readonly showCopy: (progress: CopyProgress) => void;
};

/** A display on stderr; one that shows nothing if that is no terminal, or `quiet`. */
export function createProgressDisplay(quiet: boolean): ProgressDisplay {
	if (quiet || !isatty(2)) return { show: () => undefined, showCopy: () => undefined, [Symbol.dispose]: () => undefined };
	const layers = new Map<string, PullProgress>();
	let shownMs = 0;
	const write = (text: string) => writeOutput(2, new TextEncoder().encode(text));
	const show = (progress: PullProgress) => {
		layers.set(progress.digest, progress);
		const nowMs = performance.now();
		if (nowMs - shownMs < pauseMs) return;
		shownMs = nowMs;
		write(`\r\x1b[K${formatProgress([...layers.values()])}`);
	};
	return {
		show,
		showCopy: ({ state, ...progress }) => show({ ...progress, state: state === "copying" ? "downloading" : "done" }),
		[Symbol.dispose]: () => {
			if (shownMs > 0) write("\r\x1b[K");
		},
	};
}

/** `2/5 layers, 12.3MB of 40MB, writing 1` */
export function formatProgress(layers: readonly PullProgress[]): string {
	const done = layers.filter(({ state }) => state === "done").length;
	const bytes = layers.reduce((sum, layer) => sum + layer.bytes, 0);
	const size = layers.reduce((sum, layer) => sum + layer.size, 0);
	const creating = layers.filter(({ state }) => state === "creating").length;
	return `${done}/${layers.length} layers, ${formatBytes(bytes)} of ${formatBytes(size)}${creating === 0 ? "" : `, writing ${creating}`}`;
}
