// What run and exec ask of the caller's own terminal.

import { CortenError } from "../base/errors.ts";
import { readTerminalSize } from "../linux/terminal.ts";

/** docker's rule: a terminal is asked for and input attached, so input must be a terminal. @throws `invalid-argument` */
export function checkTerminal(asked: { readonly tty: boolean; readonly interactive: boolean; readonly detach: boolean }): void {
	if (!asked.tty || !asked.interactive || asked.detach || readTerminalSize(0) !== undefined) return;
	throw new CortenError("invalid-argument", "cannot attach a terminal: the input is not one", {
		at: "--tty",
		hint: "leave out -t when input comes from a pipe or file",
	});
}

/** The size a new terminal gets: that of the caller's, where input or output is one. */
export function callerTerminalSize(tty: boolean): ReturnType<typeof readTerminalSize> {
	return tty ? (readTerminalSize(0) ?? readTerminalSize(1)) : undefined;
}
