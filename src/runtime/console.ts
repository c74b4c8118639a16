// Who serves the terminal of a new process: launch in the foreground, else whoever listens on the console socket.

import { CortenError } from "../base/errors.ts";

/**
 * Checks that exactly who needs a console socket has one.
 * @param alone whether nobody of ours stays with the process
 * @throws `invalid-argument`
 */
export function checkConsole(terminal: boolean, alone: boolean, consoleSocket: string | undefined): void {
	const at = "--console-socket";
	if (terminal && alone && consoleSocket === undefined) {
		throw new CortenError("invalid-argument", "cannot allocate tty if runc will detach without setting console socket", { at });
	}
	if (consoleSocket !== undefined && !(terminal && alone)) {
		throw new CortenError("invalid-argument", "cannot use console socket if runc will not detach or allocate tty", { at });
	}
}
