// The one typed binding to the kernel. Everything here is safe in a threaded process: it changes no namespace, credential or signal state
// of the program. What must happen after a fork is a plan op.

import { CortenError } from "../base/errors.ts";
import { errnoText } from "./errno.ts";
import { systemCall } from "./native.ts";
import type { Arg } from "./native-types.ts";

export type { Arg } from "./native-types.ts";

/**
 * Makes one system call.
 * @returns its result, or the negative error number, as the kernel itself returns it
 */
export function syscall(number: number, a: Arg = 0, b: Arg = 0, c: Arg = 0, d: Arg = 0, e: Arg = 0, f: Arg = 0): number {
	return systemCall(number, a, b, c, d, e, f);
}

/**
 * Text as the kernel reads it: UTF-8 and a NUL.
 * @throws `invalid-argument` when the text itself holds a NUL
 */
export function cString(text: string): Uint8Array {
	if (text.includes("\0")) throw new CortenError("invalid-argument", `cannot use ${JSON.stringify(text)}: it holds a NUL byte`);
	return new TextEncoder().encode(`${text}\0`);
}

/**
 * Turns a negative result into an error.
 * @param what the message's beginning: `cannot open "/etc/passwd"`
 * @throws `not-found` (ENOENT), `already-exists` (EEXIST), `permission-denied` (EPERM, EACCES), `busy` (EBUSY) or `system`
 */
export function check(result: number, what: string): number {
	if (result >= 0) return result;
	throw systemError(-result, what);
}

/** The CortenError for a positive error number. @see check */
export function systemError(errno: number, what: string): CortenError {
	const code =
		errno === 2
			? "not-found"
			: errno === 17
				? "already-exists"
				: errno === 1 || errno === 13
					? "permission-denied"
					: errno === 16
						? "busy"
						: "system";
	return new CortenError(code, `${what}: ${errnoText(errno)}`, { errno });
}
