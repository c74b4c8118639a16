// What a program that begins anew takes along of its caller.

import { syscall } from "./libc.ts";
import { nr } from "./syscalls.ts";

/** The umask, which stays as it is: the kernel tells it only while it sets one. */
export function readUmask(): number {
	const umask = syscall(nr.umask, 0);
	syscall(nr.umask, umask);
	return umask;
}

/** An environment as execve(2) takes it. */
export function environmentWords(environment: Readonly<Record<string, string | undefined>>): string[] {
	return Object.entries(environment).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]));
}
