// The log of a container in a unit is the journal, and journalctl reads it. Its lines are asked for as JSON: with a cursor each, so that
// what a payload writes right before its end is not lost when nobody follows any more.
// @see journalctl(1), systemd.journal-fields(7)

import { CortenError } from "../base/errors.ts";
import { exists, Fd, O_CLOEXEC } from "../linux/file.ts";
import { check, syscall } from "../linux/libc.ts";
import { runProgram, startProgram } from "../linux/native.ts";
import { writeOutput } from "../linux/output.ts";
import { sleep } from "../linux/sleep.ts";
import { nr } from "../linux/syscalls.ts";
import { openProcess, sendSignal, waitReadable } from "../supervise/process.ts";
import type { Container } from "../supervise/state.ts";
import { isUsers } from "../systemd/booted.ts";
import { formatTime } from "./container-view.ts";

/** What to show. Times are nanoseconds of the Unix clock. */
export type JournalRequest = {
	readonly follow: boolean;
	readonly timestamps: boolean;
	readonly since: bigint | undefined;
	readonly until: bigint | undefined;
	/** Undefined: all. */
	readonly lines: number | undefined;
};

const SIGKILL = 9;
const syncMs = 10_000;
const userMs = 100;

/** Which entries are a container's. */
function matches({ record: { id, unit } }: Pick<Container, "record">): string[] {
	if (unit === null || (unit.own && !unit.user)) return [`CONTAINER_ID_FULL=${id}`];
	// journald does not know the fields of a user's unit: all its runs, see sinceOf.
	const run = unit.own || unit.invocation === "" ? [] : [`_SYSTEMD_INVOCATION_ID=${unit.invocation}`];
	return unit.user ? ["--user", `_SYSTEMD_USER_UNIT=${unit.name}`, ...run] : [`_SYSTEMD_UNIT=${unit.name}`, ...run];
}

/** Units of a user are told by their name, which another container may have had before. */
function sinceOf({ record: { created, unit } }: Pick<Container, "record">, since: bigint | undefined): bigint | undefined {
	if (unit === null || !unit.own || !unit.user) return since;
	const made = BigInt(Date.parse(created)) * 1_000_000n;
	return since === undefined || since < made ? made : since;
}

/** The words after `journalctl`. @param after the cursor of the last entry that has been shown: only what came later */
export function journalArguments(container: Pick<Container, "record">, request: JournalRequest, after?: string): string[] {
	const { since, until, lines, follow } = request;
	const moment = (name: string, time: bigint | undefined): string[] =>
		time === undefined ? [] : [`--${name}=@${time / 1_000_000_000n}.${String((time % 1_000_000_000n) / 1000n).padStart(6, "0")}`];
	const count = lines === undefined ? (follow ? ["--lines=all"] : []) : [`--lines=${lines}`];
	return [
		...["--quiet", "--no-pager", "--all", "--output=json", "--output-fields=MESSAGE,_LINE_BREAK"],
		...(after === undefined ? [...moment("since", sinceOf(container, since)), ...count] : [`--after-cursor=${after}`]),
		...moment("until", until),
		...(follow ? ["--follow"] : []),
		...matches(container),
	];
}

/** One entry, as far as it is of interest. */
type Entry = {
	readonly MESSAGE?: string | readonly number[] | null;
	readonly __REALTIME_TIMESTAMP?: string;
	readonly __CURSOR?: string;
	readonly _LINE_BREAK?: string;
};

/** Takes journalctl's output in any pieces, and prints the messages. */
class Printer {
	cursor: string | undefined;
	readonly #timestamps: boolean;
	#rest = new Uint8Array(0);
	#inLine = false;

	constructor(timestamps: boolean) {
		this.#timestamps = timestamps;
	}

	take(data: Uint8Array): void {
		const joined = new Uint8Array(this.#rest.length + data.length);
		joined.set(this.#rest);
		joined.set(data, this.#rest.length);
		const end = joined.lastIndexOf(10) + 1;
		this.#rest = joined.slice(end);
		for (const line of new TextDecoder().decode(joined.subarray(0, end)).split("\n"))
			if (line !== "") this.#print(JSON.parse(line) as Entry);
	}

	/** A line that is not all there is forgotten: the next journalctl says it again. */
	drop(): void {
		this.#rest = new Uint8Array(0);
	}

	#print({ MESSAGE: message, __REALTIME_TIMESTAMP: time, __CURSOR: cursor, _LINE_BREAK: lineBreak }: Entry): void {
		this.cursor = cursor;
		const encoder = new TextEncoder();
		// What is no UTF-8 comes as a list of bytes.
		const bytes = typeof message === "string" ? encoder.encode(message) : new Uint8Array(message ?? []);
		const stamp = this.#timestamps && !this.#inLine ? encoder.encode(`${formatTime(BigInt(time ?? 0) * 1000n)} `) : new Uint8Array(0);
		// journald cuts what is longer than its longest line; the next entry goes on.
		this.#inLine = lineBreak === "line-max";
		const out = new Uint8Array(stamp.length + bytes.length + (this.#inLine ? 0 : 1));
		out.set(stamp);
		out.set(bytes, stamp.length);
		if (!this.#inLine) out[out.length - 1] = 10;
		writeOutput(1, out);
	}
}

/**
 * Prints it; with `follow` until the container ends.
 * @returns the exit status
 * @throws `not-found` when there is no journalctl
 */
export function showJournal(container: Container, request: JournalRequest): number {
	const path = ["/usr/bin/journalctl", "/bin/journalctl"].find(exists);
	if (path === undefined)
		throw new CortenError("not-found", "cannot find journalctl in /usr/bin: the container's output is in systemd's journal");
	const printer = new Printer(request.timestamps);
	const { process } = container.state;
	using payload = !request.follow || process === null ? undefined : openProcess(process.pid, process.startTime);
	if (payload !== undefined) read(path, journalArguments(container, request), printer, payload);
	if (payload !== undefined || process === null) sync(path);
	read(path, journalArguments(container, { ...request, follow: false }, printer.cursor), printer, undefined);
	return 0;
}

/** What a payload has written before its end is in the journal then. journald does so for root alone; a user's follower waits a moment. */
function sync(path: string): void {
	if (isUsers()) sleep(userMs);
	else runProgram(path, ["journalctl", "--sync"], { env: undefined, input: new Uint8Array(0), timeoutMs: syncMs });
}

/** Runs journalctl to its end, or to the end of the payload. */
function read(path: string, words: readonly string[], printer: Printer, payload: Fd | undefined): void {
	const ends = new Int32Array(2);
	check(syscall(nr.pipe2, ends, O_CLOEXEC), "cannot make a pipe");
	using output = new Fd(ends[0] ?? -1);
	let pid: number;
	{
		using theirs = new Fd(ends[1] ?? -1);
		pid = startProgram(path, ["journalctl", ...words], theirs.number);
	}
	const fds = payload === undefined ? [output] : [output, payload];
	const buffer = new Uint8Array(64 << 10);
	while (waitReadable(fds, Infinity) === 0) {
		const length = check(syscall(nr.read, output.number, buffer, buffer.length), "cannot read from journalctl");
		if (length === 0) break;
		printer.take(buffer.subarray(0, length));
	}
	printer.drop();
	using reader = openProcess(pid);
	if (reader !== undefined) sendSignal(reader, SIGKILL);
}
