// A container of the OCI runtime, as its folder `<root>/<id>` says: state.json (what is known from the start), config.json (the bundle's,
// as it was then), pid (written by launch), start (the socket at which the process waits until it is started). Nobody watches a
// container, so its status is always worked out afresh. @see runtime-spec runtime.md#state

import { CortenError, isError } from "../base/errors.ts";
import { exists, LOCK_NB, LOCK_SH, listFolder, lock, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, openFd, readTextIfPresent } from "../linux/file.ts";
import { isFrozen } from "../supervise/freezer.ts";
import { isAlive, type ProcessIdentity } from "../supervise/process.ts";
import { absentContainer, notRunning } from "./errors.ts";

/** The words of runtime-spec, and `paused`, which runc added. */
export type RuntimeStatus = "creating" | "created" | "running" | "paused" | "stopped";

/** What state.json holds; written once. */
export type RuntimeRecord = {
	/** Of the specification that the state document follows, not of the bundle. */
	readonly ociVersion: string;
	readonly id: string;
	/** Absolute. */
	readonly bundle: string;
	/** Absolute. */
	readonly rootfs: string;
	/** RFC 3339, UTC. */
	readonly created: string;
	readonly annotations: Readonly<Record<string, string>>;
	/** Absolute folders of the container's cgroups. */
	readonly cgroups: readonly string[];
	/** The transient unit that holds the container, with --systemd-cgroup. */
	readonly scope?: string;
	/** Absolute folders of the groups of Intel RDT that are the container's own, the deepest first. */
	readonly rdtGroups?: readonly string[];
};

/** A container on disk. */
export type RuntimeContainer = {
	readonly record: RuntimeRecord;
	readonly folder: string;
	readonly status: RuntimeStatus;
	/** Its first process, checked to be alive. */
	readonly process: ProcessIdentity | null;
};

/** The folder of one container. */
export function folderOf(root: string, id: string): string {
	return `${root}/${id}`;
}

/**
 * Checks an id as runc does: it becomes the name of a folder and of cgroups.
 * @throws `invalid-argument`
 */
export function checkId(id: string): void {
	let valid = id !== "" && id !== "." && id !== ".." && id.length <= 1024;
	for (let at = 0; valid && at < id.length; at++) valid = isIdCharacter(id.charCodeAt(at));
	if (!valid) throw new CortenError("invalid-argument", `cannot use "${id}" as a container id: invalid container ID format`);
}

/** Letters, digits, `_`, `+`, `-` and `.` */
function isIdCharacter(code: number): boolean {
	return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || [95, 43, 45, 46].includes(code);
}

/** The process that `pid` names, as launch wrote it. */
function readPid(folder: string): ProcessIdentity | undefined {
	const [pid, startTime] = readTextIfPresent(`${folder}/pid`)?.split(" ") ?? [];
	return pid === undefined || startTime === undefined ? undefined : { pid: Number(pid), startTime: BigInt(startTime) };
}

/**
 * The record in the text of a state.json of ours.
 * @throws `integrity` when it is damaged
 */
function decodeRecord(text: string, folder: string): RuntimeRecord {
	try {
		return JSON.parse(text) as RuntimeRecord;
	} catch (error) {
		throw new CortenError("integrity", `cannot read "${folder}/state.json"`, {
			hint: "remove it: corten-runtime delete --force",
			cause: error,
		});
	}
}

/**
 * A container by its id.
 * @returns undefined when there is none, also while its folder is still empty
 * @throws `invalid-argument` for what cannot be an id; `integrity`
 */
export function readRuntimeContainer(root: string, id: string): RuntimeContainer | undefined {
	checkId(id);
	const folder = folderOf(root, id);
	const text = readTextIfPresent(`${folder}/state.json`);
	if (text === undefined || text === "") return undefined;
	const record = decodeRecord(text, folder);
	const process = readPid(folder);
	if (process === undefined) return { record, folder, status: isLocked(folder) ? "creating" : "stopped", process: null };
	if (!isAlive(process)) return { record, folder, status: "stopped", process: null };
	const status = exists(`${folder}/start`) ? "created" : isFrozen(record.cgroups) ? "paused" : "running";
	return { record, folder, status, process };
}

/** A container by its id. @throws `not-found`; else as {@link readRuntimeContainer} */
export function findRuntimeContainer(root: string, id: string): RuntimeContainer {
	const found = readRuntimeContainer(root, id);
	if (found === undefined) throw absentContainer(id);
	return found;
}

/** Its first process. @throws `wrong-state` when it has ended */
export function runningProcess({ record, process }: RuntimeContainer, verb: string): ProcessIdentity {
	if (process !== null) return process;
	throw notRunning(verb, record.id);
}

/** All containers, in the order of their ids. @param onProblem told of each that cannot be read */
export function listRuntimeContainers(root: string, onProblem: (error: CortenError) => void): RuntimeContainer[] {
	const found: RuntimeContainer[] = [];
	for (const id of listFolder(root).sort()) {
		try {
			const container = readRuntimeContainer(root, id);
			if (container !== undefined) found.push(container);
		} catch (error) {
			if (!isError(error)) throw error;
			onProblem(error);
		}
	}
	return found;
}

function isLocked(folder: string): boolean {
	try {
		using fd = openFd(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		return !lock(fd, LOCK_SH | LOCK_NB, folder);
	} catch (error) {
		if (isError(error, "not-found")) return false;
		throw error;
	}
}
