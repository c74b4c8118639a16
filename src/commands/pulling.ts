// A pull as a person sees it, for `pull` and inside `run`: progress and warnings go to stderr, errors name the image.

import { CortenError, isError } from "../base/errors.ts";
import { type PullOptions, type PullResult, pullImage } from "../image/pull.ts";
import type { Context } from "./command.ts";
import { createProgressDisplay } from "./pull-progress.ts";

/**
 * Pulls an image and shows it on the way.
 * @param quiet no progress, also on a terminal
 * @throws as pullImage, as the cause of an error of the same code that names the image
 */
export async function pullShowing(
	context: Pick<Context, "root" | "log">,
	reference: string,
	options: Omit<PullOptions, "root" | "onProgress" | "onStart">,
	quiet: boolean,
): Promise<PullResult> {
	using display = createProgressDisplay(quiet);
	try {
		const result = await pullImage(reference, { ...options, root: context.root, onProgress: display.show });
		display[Symbol.dispose]();
		if (result.warning !== undefined) context.log("warn", result.warning);
		return result;
	} catch (error) {
		if (!isError(error) || error.message.includes(reference)) throw error;
		const { code, at, errno, hint } = error;
		throw new CortenError(code, `cannot pull "${reference}"`, {
			cause: error,
			...(at !== undefined && { at }),
			...(errno !== undefined && { errno }),
			...(hint !== undefined && { hint }),
		});
	}
}
