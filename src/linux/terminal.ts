// Terminals as far as corten itself looks at them; serving one is launch's work. @see ioctl_tty(2)

import { syscall } from "./libc.ts";
import { nr } from "./syscalls.ts";

const TIOCGWINSZ = 0x5413;

/** The size of the terminal behind a descriptor, or undefined when it is no terminal. */
export function readTerminalSize(fd: number): { readonly rows: number; readonly columns: number } | undefined {
	const size = new Uint16Array(4);
	if (syscall(nr.ioctl, fd, TIOCGWINSZ, size) < 0) return undefined;
	return { rows: size[0] ?? 0, columns: size[1] ?? 0 };
}
