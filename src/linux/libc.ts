// The one typed binding to libc (bun:ffi). Everything here is safe in a threaded process: it changes no namespace, credential
// or signal state of the program. What must happen after a fork is a plan op. Loading costs 0.15 ms; node:fs costs 1 ms, which
// is why the way of `corten run` uses this file and file.ts and never node:fs.

import { dlopen, FFIType, type Pointer, ptr, read } from "bun:ffi";
import { CortenError } from "../base/errors.ts";
import { errnoText } from "./errno.ts";

const { symbols: libc } = dlopen("libc.so.6", {
	__errno_location: { args: [], returns: "ptr" },
	// syscall(2) itself: six register arguments, numbers and pointers alike. i64_fast: a BigInt only where a number cannot hold it.
	syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"], returns: FFIType.i64_fast },
});

const errnoAddress = libc.__errno_location() as Pointer;

/** A system call argument: an integer, or memory that must stay alive during the call. */
export type Arg = number | bigint | ArrayBufferView | null;

function raw(arg: Arg): number | bigint {
	if (arg === null) return 0;
	if (typeof arg === "object") return arg.byteLength === 0 ? 0 : ptr(arg as unknown as NodeJS.TypedArray);
	return arg;
}

/**
 * Makes one system call.
 * @returns its result, or the negative error number, as the kernel itself returns it
 */
export function syscall(number: number, a: Arg = 0, b: Arg = 0, c: Arg = 0, d: Arg = 0, e: Arg = 0, f: Arg = 0): number {
	const result = Number(libc.syscall(number, raw(a), raw(b), raw(c), raw(d), raw(e), raw(f)));
	return result === -1 ? -read.i32(errnoAddress, 0) : result;
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
