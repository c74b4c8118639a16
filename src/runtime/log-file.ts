// The file of --log, as launch gets it: it reports there what fails after corten has become it.

import { AT_FDCWD, O_APPEND, O_CREAT, O_WRONLY } from "../linux/file.ts";
import { check, cString, syscall } from "../linux/libc.ts";
import { nr } from "../linux/syscalls.ts";
import type { RuntimeContext } from "./command.ts";

/** Opens the log; without O_CLOEXEC, as it is for launch. @returns undefined without --log */
export function openLog({ file, format }: RuntimeContext["log"]): { readonly fd: number; readonly format: "text" | "json" } | undefined {
	if (file === undefined) return undefined;
	const opened = syscall(nr.openat, AT_FDCWD, cString(file), O_WRONLY | O_CREAT | O_APPEND, 0o644);
	return { fd: check(opened, `cannot open log "${file}"`), format };
}
