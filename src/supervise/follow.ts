// Waiting for more of a log: the kernel says when the file grows (inotify) and when the payload ends (its pidfd), so nothing polls
// while a container is silent. @see inotify(7)

import { Fd, O_CLOEXEC, O_NONBLOCK } from "../linux/file.ts";
import { check, cString, syscall } from "../linux/libc.ts";
import { sleep } from "../linux/sleep.ts";
import { nr } from "../linux/syscalls.ts";
import { containerFolder } from "./layout.ts";
import { openProcess, waitReadable } from "./process.ts";
import { type Container, isLocked } from "./state.ts";

const IN_MODIFY = 2;

/** Tells when a container's log has grown and when it never will again. Open until disposed. */
export class LogFollower implements Disposable {
	readonly #folder: string;
	readonly #watch: Fd;
	readonly #payload: Fd | undefined;

	/** @throws `not-found` when there is no log */
	constructor(root: string, container: Container) {
		this.#folder = containerFolder(root, container.record.id);
		this.#watch = new Fd(check(syscall(nr.inotify_init1, O_NONBLOCK | O_CLOEXEC), "cannot watch the log"));
		const process = container.state.process;
		this.#payload = process === null ? undefined : openProcess(process.pid, process.startTime);
		const added = syscall(nr.inotify_add_watch, this.#watch.number, cString(`${this.#folder}/log`), IN_MODIFY);
		if (added < 0) this[Symbol.dispose]();
		check(added, "cannot watch the log");
	}

	/**
	 * Waits until there may be more.
	 * @returns false when launch has finished: what is in the log then is all
	 */
	wait(): boolean {
		if (!isLocked(this.#folder)) return false;
		const fds = this.#payload === undefined ? [this.#watch] : [this.#watch, this.#payload];
		// The payload has ended, or nobody knows it: launch is copying the last of its output, and says no more when it is gone.
		const ready = waitReadable(fds, this.#payload === undefined ? 50 : Infinity);
		if (ready === 1) sleep(2);
		syscall(nr.read, this.#watch.number, new Uint8Array(4096), 4096);
		return true;
	}

	[Symbol.dispose](): void {
		this.#watch[Symbol.dispose]();
		this.#payload?.[Symbol.dispose]();
	}
}
