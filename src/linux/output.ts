// Writing to the caller's stdout and stderr: all of it, at once, whatever kind of descriptor it is.

import { syscall, systemError } from "./libc.ts";
import { nr } from "./syscalls.ts";

const EINTR = -4;
const EAGAIN = -11;
const POLLOUT = 4;
/** The error number of a pipe nobody reads; main ends the program quietly when an error carries it. */
export const EPIPE = 32;

/** Writes all of `data`. @throws `system`, with errno {@link EPIPE} when nobody reads any more */
export function writeOutput(fd: 1 | 2, data: Uint8Array): void {
	for (let done = 0; done < data.length; ) {
		const result = syscall(nr.write, fd, data.subarray(done), data.length - done);
		if (result >= 0) done += result;
		// Somebody who shares the descriptor made it non-blocking.
		else if (result === EAGAIN) syscall(nr.ppoll, new Int32Array([fd, POLLOUT]), 1, 0, 0, 8);
		else if (result !== EINTR) throw systemError(-result, `cannot write to ${fd === 1 ? "stdout" : "stderr"}`);
	}
}
