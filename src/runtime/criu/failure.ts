// Why criu did not do it, in one error: this machine cannot, or the log says.

import { CortenError } from "../../base/errors.ts";
import { readErrors } from "./log.ts";
import { whyUnusable } from "./program.ts";
import type { CriuResponse } from "./request.ts";

/**
 * The error of a request that failed.
 * @param what the words after "cannot"
 * @param answer undefined: criu ended without one
 * @returns `unsupported` where criu cannot work at all, else `system`
 */
export function criuFailure(what: string, criu: string, log: string, answer: CriuResponse | undefined): CortenError {
	const reason = whyUnusable(criu);
	if (reason !== undefined) {
		return new CortenError("unsupported", `cannot ${what}: criu cannot work on this machine: ${reason}`, { hint: `its log is "${log}"` });
	}
	const said = [...(answer?.message ? [answer.message] : []), ...readErrors(log)];
	const detail = said.length === 0 ? "" : `: ${said.join("; ")}`;
	return new CortenError("system", `cannot ${what}: criu failed${detail}`, { hint: `its log is "${log}"` });
}
