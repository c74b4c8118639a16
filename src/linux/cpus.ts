// How many processors there are for us.

import { syscall } from "./libc.ts";
import { nr } from "./syscalls.ts";

/** The processors this process may run on. @see sched_getaffinity(2) */
export function countCpus(): number {
	const mask = new Uint8Array(1024);
	const length = syscall(nr.sched_getaffinity, 0, mask.length, mask);
	let count = 0;
	for (let byte = 0; byte < length; byte++) for (let bits = mask[byte] ?? 0; bits !== 0; bits &= bits - 1) count++;
	return Math.max(count, 1);
}
