// What a container is doing, read from its folder: the lock, then `pid`, then `exit`. In this order nothing is missed: once the lock
// is free, nobody writes the two files any more. The table is in ARCHITECTURE.md "State of a container".

import { CortenError, isError } from "../base/errors.ts";
import {
	LOCK_NB,
	LOCK_SH,
	listFolder,
	lock,
	O_DIRECTORY,
	O_NOFOLLOW,
	O_RDONLY,
	openFd,
	readLink,
	readTextIfPresent,
} from "../linux/file.ts";
import { decodeRecord } from "./decode-record.ts";
import { containerFolder, containersFolder, idOfLink, isId, nameLink } from "./layout.ts";
import { isContainerName } from "./names.ts";
import { isAlive, type ProcessIdentity } from "./process.ts";
import type { ContainerRecord } from "./record.ts";

/** The words of the table. */
export const containerStatuses = ["creating", "created", "running", "exited"] as const;
export type ContainerStatus = (typeof containerStatuses)[number];

/** What a container is doing. Times are nanoseconds of the Unix clock. */
export type ContainerState = {
	readonly status: ContainerStatus;
	/** The payload's first process, checked to be alive; null when there is none. */
	readonly process: ProcessIdentity | null;
	readonly startedAt: bigint | null;
	readonly finishedAt: bigint | null;
	/** As a shell says it: 128+n after signal n. 0 while it has not ended. */
	readonly exitCode: number;
	/** The signal that ended it, or 0. */
	readonly signal: number;
};

/** A container on disk. */
export type Container = { readonly record: ContainerRecord; readonly folder: string; readonly state: ContainerState };

/** The content of `pid`, as launch wrote it; undefined when it is absent or damaged. */
export function readPidFile(folder: string): (ProcessIdentity & { readonly startedAt: bigint }) | undefined {
	const match = /^(\d+) (\d+) (\d+) (\d+)\n$/.exec(readTextIfPresent(`${folder}/pid`) ?? "");
	if (match === null) return undefined;
	return { pid: Number(match[1]), startTime: BigInt(match[2] ?? 0), startedAt: nanoseconds(match[3], match[4]) };
}

/** The content of `exit`, as launch wrote it, or of the one before a restart, `last-exit`; undefined when it is absent or damaged. */
export function readExitFile(
	folder: string,
	name: "exit" | "last-exit" = "exit",
): { readonly exitCode: number; readonly signal: number; readonly finishedAt: bigint } | undefined {
	const match = /^(\d+) (\d+) (\d+) (\d+)\n$/.exec(readTextIfPresent(`${folder}/${name}`) ?? "");
	if (match === null) return undefined;
	const signal = Number(match[2]);
	return { exitCode: signal > 0 ? 128 + signal : Number(match[1]), signal, finishedAt: nanoseconds(match[3], match[4]) };
}

function nanoseconds(seconds = "0", rest = "0"): bigint {
	return BigInt(seconds) * 1_000_000_000n + BigInt(rest);
}

/** Whether somebody watches the folder. @returns undefined when there is no such folder */
export function isLocked(folder: string): boolean | undefined {
	try {
		using fd = openFd(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		return !lock(fd, LOCK_SH | LOCK_NB, folder);
	} catch (error) {
		if (isError(error, "not-found")) return undefined;
		throw error;
	}
}

/**
 * What a container is doing now.
 * @param inUnit whether it is in a unit of systemd's, where nobody holds the lock once it runs
 * @throws `not-found` when there is no such container
 */
export function readState(root: string, id: string, inUnit: boolean): ContainerState {
	const folder = containerFolder(root, id);
	const locked = isLocked(folder);
	if (locked === undefined) throw new CortenError("not-found", `cannot find container "${id}"`);
	const started = readPidFile(folder);
	const ended = readExitFile(folder);
	const startedAt = started?.startedAt ?? null;
	if (ended !== undefined) return { status: "exited", process: null, startedAt, ...ended };
	if (started === undefined) return notEnded(locked ? "creating" : "created", null, null);
	const process = { pid: started.pid, startTime: started.startTime };
	if (!locked && inUnit && isAlive(process)) return notEnded("running", process, startedAt);
	// How a unit's payload ended is known to its manager.
	if (!locked && inUnit) return { status: "exited", process: null, startedAt, finishedAt: null, exitCode: unknownExitCode, signal: 0 };
	if (!locked) return { status: "exited", process: null, startedAt, finishedAt: null, exitCode: 137, signal: 9 };
	return notEnded("running", isAlive(process) ? process : null, startedAt);
}

/** Stands where nobody of corten's has seen the end. */
export const unknownExitCode = 255;

function notEnded(status: ContainerStatus, process: ProcessIdentity | null, startedAt: bigint | null): ContainerState {
	return { status, process, startedAt, finishedAt: null, exitCode: 0, signal: 0 };
}

/**
 * The record of a container.
 * @returns undefined when there is no such container, also while its last remains are being removed
 * @throws `invalid-spec` when another corten wrote what this one does not understand
 */
export function readRecord(root: string, id: string): ContainerRecord | undefined {
	const text = readTextIfPresent(`${containerFolder(root, id)}/container.json`);
	return text === undefined || text === "" ? undefined : decodeRecord(text, `record of container "${id.slice(0, 12)}"`);
}

/** A container by its full id, or undefined. @throws `invalid-spec`, see {@link readRecord} */
export function readContainer(root: string, id: string): Container | undefined {
	const record = readRecord(root, id);
	if (record === undefined) return undefined;
	try {
		return { record, folder: containerFolder(root, id), state: readState(root, id, record.unit !== null) };
	} catch (error) {
		if (isError(error, "not-found")) return undefined;
		throw error;
	}
}

/**
 * All containers, the newest first. Costs about five system calls for each.
 * @param onProblem told of each that cannot be read; the others are listed all the same
 */
export function listContainers(root: string, onProblem: (error: CortenError) => void): Container[] {
	const containers: Container[] = [];
	for (const id of listFolder(containersFolder(root)).filter(isId)) {
		try {
			const container = readContainer(root, id);
			if (container !== undefined) containers.push(container);
		} catch (error) {
			if (!isError(error)) throw error;
			onProblem(error);
		}
	}
	return containers.sort((a, b) => (a.record.created < b.record.created ? 1 : -1));
}

/**
 * Finds a container as docker does: by its full id, its name, or the beginning of its id.
 * @throws `not-found`; `invalid-argument` when the beginning fits several
 */
export function findContainer(root: string, text: string): Container {
	const wanted = text.startsWith("/") ? text.slice(1) : text;
	const exact = isId(wanted) ? readContainer(root, wanted) : undefined;
	const named = exact ?? (isContainerName(wanted) ? readContainer(root, idOfLink(readLink(nameLink(root, wanted)) ?? "-")) : undefined);
	if (named !== undefined) return named;
	const ids = /^[0-9a-f]{1,63}$/.test(wanted) ? listFolder(containersFolder(root)).filter((id) => isId(id) && id.startsWith(wanted)) : [];
	const found = ids.map((id) => readContainer(root, id)).filter((container) => container !== undefined);
	if (found.length > 1) {
		throw new CortenError("invalid-argument", `cannot choose container "${text}": ${found.length} ids begin with it`, {
			hint: found.map(({ record }) => `${record.id.slice(0, 12)} ${record.name}`).join(", "),
		});
	}
	const [container] = found;
	if (container === undefined) throw new CortenError("not-found", `cannot find container "${text}"`, { hint: "see: corten ps -a" });
	return container;
}
