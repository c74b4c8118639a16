// What is known of a container's health. A probe leaves its record (launch/health.c); whoever reads replays the records that were not
// counted yet, so that the answer is right also when nobody has counted. Whoever settles writes it down.

import { CortenError } from "../base/errors.ts";
import {
	exists,
	LOCK_EX,
	lock,
	O_CREAT,
	O_NOFOLLOW,
	O_RDWR,
	openFd,
	readFile,
	readTextIfPresent,
	replaceFile,
	unlink,
	writeFile,
} from "../linux/file.ts";
import type { HealthCheck } from "../spec/health.ts";

/** docker's words. */
export type HealthStatus = "starting" | "healthy" | "unhealthy";

/** One probe. Times are nanoseconds of the Unix clock. */
export type ProbeRecord = {
	/** How many were before it. */
	readonly number: number;
	readonly start: bigint;
	readonly end: bigint;
	/** As a shell says it; -1 when its time was over, as docker has it. */
	readonly exitCode: number;
	readonly output: string;
};

/** What follows from the records. */
export type HealthState = {
	readonly status: HealthStatus;
	/** Counted failures since the last success. */
	readonly failingStreak: number;
	/** Number of the next record to look at. */
	readonly counted: number;
	/** Of the startup check: how often it has succeeded and failed. */
	readonly startSuccesses: number;
	readonly startFailures: number;
};

/** All that `inspect` shows. */
export type Health = HealthState & { readonly log: readonly ProbeRecord[] };

const fileHead = 64;
const recordHead = 128;
const outputBytes = 4096;
const recordCount = 5;
/** Before the first record. */
export const unknownHealth: HealthState = { status: "starting", failingStreak: 0, counted: 0, startSuccesses: 0, startFailures: 0 };

/** Whether the health itself is asked yet. */
export function hasStarted({ startSuccesses }: HealthState, { startup }: Pick<HealthCheck, "startup">): boolean {
	return startup === undefined || startSuccesses >= startup.successes;
}

/** The file of records, as launch writes it. Damage costs records, no more. */
export function decodeProbes(bytes: Uint8Array): ProbeRecord[] {
	const text = (start: number, length: number): string => new TextDecoder().decode(bytes.subarray(start, start + length));
	const total = Number(/^\d+/.exec(text(0, fileHead))?.[0] ?? 0);
	const records: ProbeRecord[] = [];
	for (let number = Math.max(0, total - recordCount); number < total; number++) {
		const place = fileHead + (number % recordCount) * (recordHead + outputBytes);
		const match = /^(\d+) ([01]) (\d+) (\d+) (\d+) (\d+) (\d+)\n/.exec(text(place, recordHead));
		if (match === null) continue;
		const time = (at: number): bigint => BigInt(match[at] ?? 0) * 1_000_000_000n + BigInt(match[at + 1] ?? 0);
		const late = match[2] === "1";
		const output = text(place + recordHead, Math.min(outputBytes, Number(match[7])));
		records.push({ number, start: time(3), end: time(5), exitCode: late ? -1 : Number(match[1]), output });
	}
	return records;
}

/**
 * Counts records that were not counted yet.
 * @param startedAt of the container, nanoseconds: until its start period is over failures do not count, unless it was healthy before
 */
export function replay(
	state: HealthState,
	records: readonly ProbeRecord[],
	check: Pick<HealthCheck, "retries" | "startPeriodMs" | "startup">,
	startedAt: bigint,
): HealthState {
	const startEnd = startedAt + BigInt(check.startPeriodMs) * 1_000_000n;
	let { status, failingStreak, counted, startSuccesses, startFailures } = state;
	for (const { number, exitCode, start } of records) {
		if (number < counted) continue;
		counted = number + 1;
		if (check.startup !== undefined && startSuccesses < check.startup.successes) {
			if (exitCode === 0) startSuccesses++;
			else startFailures++;
		} else if (exitCode === 0) {
			status = "healthy";
			failingStreak = 0;
		} else if (status !== "starting" || start >= startEnd) {
			failingStreak++;
			if (failingStreak >= check.retries) status = "unhealthy";
		}
	}
	return { status, failingStreak, counted, startSuccesses, startFailures };
}

function readStored(folder: string): HealthState {
	try {
		const stored = { ...unknownHealth, ...(JSON.parse(readTextIfPresent(`${folder}/health.json`) ?? "{}") as Partial<HealthState>) };
		const { status, ...counts } = stored;
		if (/^(starting|healthy|unhealthy)$/.test(status) && Object.values(counts).every((count) => Number.isInteger(count))) return stored;
	} catch {
		// torn by a power cut: it is counted anew from what is left
	}
	return unknownHealth;
}

/** Before a container starts again. */
export function forgetHealth(folder: string): void {
	for (const name of ["health", "health.json", "healthy"]) unlink(`${folder}/${name}`);
}

/** The health of a container that has a check. @param startedAt nanoseconds; null: it has not started */
export function readHealth(folder: string, check: HealthCheck, startedAt: bigint | null): Health {
	const path = `${folder}/health`;
	const log = exists(path) ? decodeProbes(readFile(path)) : [];
	return { ...replay(readStored(folder), log, check, startedAt ?? 0n), log };
}

/**
 * Counts what was not counted, and says so to launch: while the file `healthy` is there a success is no news. Two at once wait for each other.
 * @returns the health before and after
 */
export function settleHealth(
	folder: string,
	check: HealthCheck,
	startedAt: bigint | null,
): { readonly before: HealthState; readonly after: Health } {
	const path = `${folder}/health`;
	using held = openFd(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
	if (!lock(held, LOCK_EX, path)) throw new CortenError("bug", `cannot lock "${path}"`);
	const before = readStored(folder);
	const after = readHealth(folder, check, startedAt);
	const { log: _log, ...state } = after;
	const { status, failingStreak } = state;
	replaceFile(`${folder}/health.json`, `${JSON.stringify(state)}\n`, 0o600, false);
	if (status === "healthy" && failingStreak === 0) writeFile(`${folder}/healthy`, "");
	else unlink(`${folder}/healthy`);
	return { before, after };
}
