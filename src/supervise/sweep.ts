// Finishes what a kill left behind, container by container, each under its own lock: whoever is locked is watched and stays untouched,
// and of two sweeps at once the second finds the lock taken and goes on. Every step can be done again, so a sweep may be killed too.
// @see ARCHITECTURE.md "On disk"

import { CortenError, isError } from "../base/errors.ts";
import {
	exists,
	LOCK_EX,
	listFolder,
	lock,
	O_DIRECTORY,
	O_RDONLY,
	openFd,
	readLink,
	readTextIfPresent,
	replaceFile,
	unlink,
} from "../linux/file.ts";
import { removeCgroups } from "./cgroup.ts";
import { containerFolder, containersFolder, idOfLink, isId, nameLink, namesFolder, unfinishedPrefix, unitsFolder } from "./layout.ts";
import { isAlive, openProcess, sendSignal, waitReadable } from "./process.ts";
import type { ContainerRecord } from "./record.ts";
import { lockFolder, removeLocked } from "./remove.ts";
import { readExitFile, readPidFile, readRecord } from "./state.ts";
import { removeTree } from "./tree.ts";

const SIGKILL = 9;

/**
 * Finishes all that killed processes of corten and launch left. Costs an open and a flock a container when there is nothing to do.
 * @param onProblem told of each container that cannot be finished; the others are
 */
export function sweep(root: string, onProblem: (error: CortenError) => void): void {
	for (const name of listFolder(containersFolder(root))) {
		if (!isId(name) && !name.startsWith(unfinishedPrefix)) continue;
		try {
			using held = lockFolder(`${containersFolder(root)}/${name}`);
			if (held === undefined) continue;
			if (isId(name)) finish(root, name);
			else removeTree(`${containersFolder(root)}/${name}`);
		} catch (error) {
			if (!isError(error)) throw error;
			onProblem(new CortenError(error.code, `cannot clean up after container "${name.slice(0, 12)}"`, { cause: error }));
		}
	}
	sweepNames(root);
	sweepUnits(root);
}

/** Finishes one container that has ended, as {@link sweep} would. One that somebody else has locked stays. */
export function finishContainer(root: string, id: string): void {
	using held = lockFolder(containerFolder(root, id));
	if (held !== undefined) finish(root, id);
}

/** One container nobody watches; its lock is ours. */
function finish(root: string, id: string): void {
	const record = readRecord(root, id);
	// Killed before its record was written, or while it was being removed, which launch does after its name.
	if (record === undefined) {
		removeLocked(root, id, "");
		return;
	}
	const folder = containerFolder(root, id);
	const ended = readExitFile(folder) !== undefined;
	const started = readPidFile(folder);
	if (record.unit !== null && !ended && started !== undefined && isAlive(started)) return; // its manager watches it
	if (!ended && started !== undefined && started.startedAt / 1_000_000_000n >= bootTimeSeconds())
		killStraggler(started.pid, started.startTime);
	removeCgroups(record.cgroups);
	// Made by `create`, or for a unit, and yet to be started: --rm is about the end of that.
	const waits = !ended && started === undefined && exists(`${folder}/start.json`) && ownsName(root, record);
	if (waits) return;
	if (record.removeAtEnd || (!ended && started === undefined && !ownsName(root, record))) removeLocked(root, id, record.name);
	else if (!ended && started !== undefined && record.unit === null) writeExit(folder);
}

/** The start time of a process counts from the boot, so after another boot it could fit a stranger: then nothing is killed. */
export function bootTimeSeconds(): bigint {
	return BigInt(/^btime (\d+)$/m.exec(readTextIfPresent("/proc/stat") ?? "")?.[1] ?? 0);
}

function killStraggler(pid: number, startTime: bigint): void {
	using opened = openProcess(pid, startTime);
	if (opened === undefined) return;
	sendSignal(opened, SIGKILL);
	if (waitReadable([opened], 5000) < 0) throw new CortenError("busy", `cannot end process ${pid}: it does not die of SIGKILL`);
}

/** A start that was killed before its name was reserved: nobody has ever heard of it. */
function ownsName(root: string, record: ContainerRecord): boolean {
	return idOfLink(readLink(nameLink(root, record.name)) ?? "") === record.id;
}

/** Says what launch could not say any more; the time is when we found out. */
function writeExit(folder: string): void {
	const nowMs = Date.now();
	replaceFile(`${folder}/exit`, `137 ${SIGKILL} ${Math.floor(nowMs / 1000)} ${(nowMs % 1000) * 1_000_000}\n`, 0o600, false);
}

/** Links of units whose containers are gone; a unit that starts just now has made its container before its link. */
function sweepUnits(root: string): void {
	for (const name of listFolder(unitsFolder(root))) {
		const link = `${unitsFolder(root)}/${name}`;
		if (!exists(containerFolder(root, idOfLink(readLink(link) ?? "")))) unlink(link);
	}
}

/** Removes links to folders that are gone. The lock keeps out who is taking such a name over. */
function sweepNames(root: string): void {
	const isStale = (name: string) => {
		const target = readLink(nameLink(root, name));
		return target !== undefined && !exists(containerFolder(root, idOfLink(target)));
	};
	const stale = listFolder(namesFolder(root)).filter(isStale);
	if (stale.length === 0) return;
	using held = openFd(namesFolder(root), O_RDONLY | O_DIRECTORY);
	lock(held, LOCK_EX, namesFolder(root));
	for (const name of stale) if (isStale(name)) unlink(nameLink(root, name));
}
