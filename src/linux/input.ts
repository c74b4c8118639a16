// Reading the caller's standard input.

import { isError } from "../base/errors.ts";
import { Fd, O_RDONLY, openFd } from "./file.ts";

const ENXIO = 6;

/** Standard input, opened anew so that whoever shares it keeps its own flags; a socket cannot be (unix(7)), and is used as it is. @throws see {@link openFd} */
export function openInput(): Fd {
	try {
		return openFd("/proc/self/fd/0", O_RDONLY);
	} catch (error) {
		if (isError(error) && error.errno === ENXIO) return new Fd(0);
		throw error;
	}
}
