// The criu program: where it is, and why it cannot work here when it cannot.

import { CortenError } from "../../base/errors.ts";
import { AT_FDCWD } from "../../linux/file.ts";
import { cString, syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";
import { absolute } from "../path.ts";
import { printable } from "./log.ts";

/** X_OK */
const mayExecute = 1;

/**
 * The path of the program: on the caller's PATH, and where administrators' programs are.
 * @param what the words after "cannot"
 * @throws `unsupported` when there is none
 */
export function findCriu(name: string, what: string): string {
	const folders = `${process.env.PATH ?? ""}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`.split(":");
	const candidates = name.includes("/")
		? [absolute(name)]
		: folders.filter((folder) => folder.startsWith("/")).map((it) => `${it}/${name}`);
	const found = candidates.find((path) => syscall(nr.faccessat, AT_FDCWD, cString(path), mayExecute) >= 0);
	if (found !== undefined) return found;
	throw new CortenError("unsupported", `cannot ${what}: the program "${name}" is not installed`, { hint: "it does the work; see criu(8)" });
}

/**
 * Asks criu whether it can work on this machine at all: after a failure, because that takes longer than many a dump.
 * @returns undefined: it can; else the reason
 */
export function whyUnusable(criu: string): string | undefined {
	const checked = Bun.spawnSync([criu, "check"], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
	if (checked.exitCode === 0) return undefined;
	const lines = printable(checked.stderr.toString()).split("\n");
	return lines.find((line) => line.includes("Error")) ?? lines[0] ?? `"criu check" ended with ${checked.exitCode}`;
}
