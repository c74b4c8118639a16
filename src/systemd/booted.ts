// Whether there is a systemd to ask, without asking it. Apart from the rest, so that a start that asks nothing loads nothing.

import { exists } from "../linux/file.ts";

/** The folder in which the manager of our user has its sockets. */
export function runtimeFolder(): string {
	return process.env.XDG_RUNTIME_DIR ?? `/run/user/${process.env.CORTEN_UID ?? process.getuid?.() ?? 0}`;
}

/** Whether units of this caller are those of their own user's manager. */
export function isUsers(): boolean {
	// Written down where corten has become root of a user namespace (commands/rootless.ts).
	return process.env.CORTEN_UID !== undefined || (process.geteuid?.() ?? 0) !== 0;
}

/** Whether systemd has booted this machine, or runs for our user. @see sd_booted(3) */
export function systemdRuns(user: boolean): boolean {
	if (!user) return exists("/run/systemd/system");
	return exists(`${runtimeFolder()}/systemd/private`) || exists(`${runtimeFolder()}/bus`);
}

/** Where the manager hears its services. */
export function notifySocket(user: boolean): string {
	return user ? `${runtimeFolder()}/systemd/notify` : "/run/systemd/notify";
}
