// criu's log. It lies in a folder that may be anybody's and tells of what a container did: nothing in it is trusted.

import { isError } from "../../base/errors.ts";
import { type Fd, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, openFd } from "../../linux/file.ts";
import { check, syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";

const maxQuoted = 3;
const tailBytes = 256 << 10;
const SEEK_END = 2;

/** The text without what a terminal would obey. */
export function printable(text: string): string {
	return [...text].map((character) => (character === "\n" || (character >= " " && character !== "\u007f") ? character : "?")).join("");
}

/** The first errors in the end of a log; none when it cannot be read. */
export function readErrors(path: string): readonly string[] {
	try {
		using fd = openFd(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
		return errorsIn(readTail(fd));
	} catch (error) {
		if (!isError(error)) throw error;
		return [];
	}
}

function readTail(fd: Fd): string {
	const end = check(syscall(nr.lseek, fd.number, 0, SEEK_END), "cannot read the log");
	const buffer = new Uint8Array(Math.min(end, tailBytes));
	const length = check(syscall(nr.pread64, fd.number, buffer, buffer.length, end - buffer.length), "cannot read the log");
	return new TextDecoder().decode(buffer.subarray(0, length));
}

/** `(00.012345) Error (criu/x.c:12): y` without the time. */
function errorsIn(text: string): readonly string[] {
	return printable(text)
		.split("\n")
		.map((line) => /^(?:\([0-9.]+\)\s*)?(?:[0-9 ]*:\s*)?(Error .*)/.exec(line)?.[1]?.slice(0, 300))
		.filter((line) => line !== undefined)
		.slice(0, maxQuoted);
}
