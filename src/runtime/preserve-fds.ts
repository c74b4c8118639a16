// --preserve-fds: descriptors of the caller that are the payload's. Bun marks what it inherits to close at execve; that is undone here.

import { CortenError } from "../base/errors.ts";
import { syscall } from "../linux/libc.ts";
import { nr } from "../linux/syscalls.ts";

const F_SETFD = 2;

/** Keeps descriptors 3 to 2 + `count` open over execve. @throws `invalid-argument` for one that is not open */
export function preserveFds(count: number): void {
	for (let fd = 3; fd < 3 + count; fd++) {
		if (syscall(nr.fcntl, fd, F_SETFD, 0) < 0) {
			throw new CortenError("invalid-argument", `cannot preserve descriptor ${fd} of ${count}: it is not open`, { at: "--preserve-fds" });
		}
	}
}

/**
 * How many descriptors to keep: what the option says, and those of socket activation.
 * @throws `invalid-argument`
 * @see sd_listen_fds(3)
 */
export function countPreserved(option: string | undefined, env: Readonly<Record<string, string | undefined>>): number {
	const listen = Number(env.LISTEN_FDS ?? "0");
	const asked = Number(option ?? "0");
	if (!Number.isInteger(asked) || asked < 0 || asked > 1 << 20) {
		throw new CortenError("invalid-argument", `cannot preserve "${option}" descriptors`, { at: "--preserve-fds" });
	}
	return asked + (Number.isInteger(listen) && listen > 0 && listen < 4096 ? listen : 0);
}
