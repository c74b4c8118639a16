// The payload: its descriptors, limits, folder and program.
// @see runtime-spec config.md#process

import { CortenError } from "../base/errors.ts";
import {
	O_APPEND,
	O_CREAT,
	O_NOFOLLOW,
	O_RDONLY,
	O_WRONLY,
	RESOLVE_IN_ROOT,
	RESOLVE_NO_MAGICLINKS,
	RESOLVE_NO_SYMLINKS,
} from "../linux/file.ts";
import type { HostFacts } from "../linux/host.ts";
import { RLIMIT_NOFILE, rlimitNames } from "../linux/rlimits.ts";
import type { Process } from "../spec/runtime.ts";
import type { Frame } from "./frame.ts";
import { cwd } from "./ops.ts";
import { add, bytesOf, freeSlot, type Steps, takeSlot } from "./steps.ts";

/** Where output goes: slots, or cwd where there is none. */
export type Output = {
	readonly log: number;
	readonly stdout: number;
	readonly stderr: number;
	/** The write ends: stdout's and stderr's of the new process. */
	readonly ends: readonly [stdout: number, stderr: number] | undefined;
};

/** The host's side: the log file, and pipes into it unless a terminal carries the output. */
export function openOutput(steps: Steps, frame: Pick<Frame, "output">, logFile: string, terminal: boolean): Output {
	if (frame.output === "inherit") return { log: cwd, stdout: cwd, stderr: cwd, ends: undefined };
	const log = takeSlot(steps);
	add(
		steps,
		"openat",
		{ out: log, dir: cwd, path: logFile, flags: O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o600 },
		`open log "${logFile}"`,
	);
	if (terminal) return { log, stdout: cwd, stderr: cwd, ends: undefined };
	const slots = [takeSlot(steps), takeSlot(steps), takeSlot(steps), takeSlot(steps)] as const;
	add(steps, "pipe2", { readEnd: slots[0], writeEnd: slots[1] }, "make a pipe for stdout");
	add(steps, "pipe2", { readEnd: slots[2], writeEnd: slots[3] }, "make a pipe for stderr");
	return { log, stdout: slots[0], stderr: slots[2], ends: [slots[1], slots[3]] };
}

/** The parent keeps no write end, or it would never see the end of the output. */
export function closeEnds(steps: Steps, output: Output): void {
	for (const slot of output.ends ?? []) add(steps, "close", { slot }, "close a pipe's write end");
}

/** struct winsize has 16 bits. */
const maxConsoleSize = 0xffff;

/** The new process's descriptors 0 to 2: a terminal, or pipes and /dev/null, the container's own. */
export function connect(
	steps: Steps,
	process: Process,
	frame: Pick<Frame, "input" | "terminalSize">,
	output: Output,
	root: number,
	console: boolean,
): void {
	if (process.terminal) {
		const rows = Math.min(frame.terminalSize?.rows ?? process.consoleSize?.height ?? 0, maxConsoleSize);
		const columns = Math.min(frame.terminalSize?.columns ?? process.consoleSize?.width ?? 0, maxConsoleSize);
		add(steps, "openpty", { root, console: console ? 1 : 0, rows, columns, uid: process.user.uid }, "make a terminal", "/process/terminal");
		return;
	}
	if (frame.input === "null") {
		const device = takeSlot(steps);
		const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
		add(
			steps,
			"openat2",
			{ out: device, dir: root, path: "/dev/null", flags: O_RDONLY, resolve, create: 0 },
			'open "/dev/null" in the root filesystem',
		);
		add(steps, "dup3", { slot: device, fd: 0 }, "connect stdin");
		freeSlot(steps, device);
	}
	if (output.ends === undefined) return;
	add(steps, "dup3", { slot: output.ends[0], fd: 1 }, "connect stdout");
	add(steps, "dup3", { slot: output.ends[1], fd: 2 }, "connect stderr");
}

/**
 * Gives the standard descriptors to the payload's user, so that it can open its own /dev/stdout again: for the runtime's clients as runc
 * does, all of them; for a person at a shell only pipes, as files are theirs. Root of the first user namespace needs nothing.
 */
export function addFchown(steps: Steps, process: Process, frame: Pick<Frame, "watch">, inUserNamespace: boolean): void {
	const { uid } = process.user;
	if (process.terminal || (uid === 0 && !inUserNamespace)) return;
	add(steps, "fchown", { uid, everything: frame.watch === undefined ? 0 : 1 }, "hand over the standard descriptors", "/process/user/uid");
}

/** Resource limits; of open files the caller's where config.json has none. @throws `invalid-spec` for unknown, doubled or crossed limits */
export function addLimits(steps: Steps, process: Process, host: HostFacts): void {
	const seen: number[] = [];
	for (const [index, { type, soft, hard }] of process.rlimits.entries()) {
		const at = `/process/rlimits/${index}`;
		const resource = rlimitNames.indexOf(type as (typeof rlimitNames)[number]);
		if (resource < 0) throw new CortenError("invalid-spec", `cannot set limit "${type}": there is none of that name`, { at });
		if (seen.includes(resource)) throw new CortenError("invalid-spec", `cannot set limit "${type}" twice`, { at });
		if (soft > hard) throw new CortenError("invalid-spec", `cannot set limit "${type}": soft ${soft} is above hard ${hard}`, { at });
		seen.push(resource);
		add(steps, "prlimit", { resource, soft, hard }, `set limit "${type}"`, at);
	}
	if (seen.includes(RLIMIT_NOFILE)) return;
	add(steps, "prlimit", { resource: RLIMIT_NOFILE, ...host.openFiles }, 'set limit "RLIMIT_NOFILE"');
}

/** Written before the root changes, into the host's /proc, which nobody in the container has touched. */
export function addOomScore(steps: Steps, process: Process): void {
	if (process.oomScoreAdj === undefined) return;
	const value = `${process.oomScoreAdj}`;
	const at = "/process/oomScoreAdj";
	add(steps, "write", { dir: cwd, path: "/proc/self/oom_score_adj", data: bytesOf(value), flags: 0 }, `set oom_score_adj to ${value}`, at);
}

/** What POSIX's confstr(_CS_PATH) says here, for a payload without PATH. */
const defaultPath = "/bin:/usr/bin";

/**
 * Where the program may be, in the order of PATH; args[0] alone when it has a slash.
 * @throws `invalid-spec` without args
 */
export function programCandidates(process: Pick<Process, "args" | "env">): readonly string[] {
	const name = process.args[0];
	if (name === undefined) throw new CortenError("invalid-spec", "cannot run nothing: process.args is empty", { at: "/process/args" });
	if (name === "" || name.includes("/")) return [name];
	const path = process.env.find((entry) => entry.startsWith("PATH="))?.slice(5) ?? defaultPath;
	return path.split(":").map((folder) => (folder === "" ? `./${name}` : folder.endsWith("/") ? folder + name : `${folder}/${name}`));
}

/** The last op of the new process. */
export function addExecve(steps: Steps, process: Process): void {
	const candidates = programCandidates(process);
	add(steps, "execve", { candidates, argv: process.args, envp: process.env }, `run "${process.args[0]}"`, "/process/args");
}
