// The pull inside `corten run`, loaded only when an image is missing. As in docker, all it says goes to stderr: stdout is the payload's.

import { pullImage } from "../image/pull.ts";
import type { ImageRecord, Platform } from "../spec/image.ts";
import type { Context } from "./command.ts";
import { createProgressDisplay } from "./pull-progress.ts";

/**
 * Pulls what run needs.
 * @throws as pullImage
 */
export async function pullForRun(
	context: Context,
	reference: string,
	request: { readonly platform: Platform | undefined; readonly quiet: boolean; readonly pull: "always" | "missing" | "never" },
): Promise<ImageRecord> {
	using display = createProgressDisplay(request.quiet);
	const { record, warning } = await pullImage(reference, {
		root: context.root,
		policy: request.pull === "always" ? "always" : "missing",
		...(request.platform === undefined ? {} : { platform: request.platform }),
		onProgress: display.show,
	});
	if (warning !== undefined) context.log("warn", warning);
	return record;
}
