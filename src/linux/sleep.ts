// Waiting without an event loop.

import { syscall } from "./libc.ts";
import { nr } from "./syscalls.ts";

/** Does nothing for so many milliseconds, or until a signal. @see poll(2) */
export function sleep(ms: number): void {
	syscall(nr.ppoll, null, 0, new BigInt64Array([BigInt(Math.floor(ms / 1000)), BigInt(Math.round((ms % 1000) * 1e6))]), null, 8);
}
