// Without privilege corten becomes root of a user namespace of its own first: with the ids that /etc/subuid and /etc/subgid grant the user
// where newuidmap is there to map them, else with the user's own alone. Then everything is as it is for root, but for what only root of
// the machine may: cgroups, devices, EROFS mounts. @see subuid(5), docs/decisions/0023

import { becomeLaunch } from "../launch/spawn.ts";
import { environmentWords, readUmask } from "../linux/caller.ts";
import { readTextIfPresent } from "../linux/file.ts";
import { findIdmapHelpers } from "../linux/host.ts";
import { compileRootlessEntry } from "../plan/compile-rootless.ts";
import { encodePlan, noFd } from "../plan/encode.ts";
import type { IdMapping } from "../spec/runtime.ts";
import type { ProcessIdentity } from "../supervise/process.ts";
import { listContainers } from "../supervise/state.ts";

/** Commands that make, mount, read or remove what belongs to ids of the namespace. */
const entering: readonly string[] = [
	...["run", "create", "start", "restart", "rm", "cp", "diff", "commit", "export", "unit-event", "auto-update"],
	...["pull", "load", "import", "convert", "rmi", "image-prune", "store"],
];

/** Whether a command must begin anew as root of a user namespace. */
export function needsNamespace(command: string, uid: number): boolean {
	return uid !== 0 && entering.includes(command);
}

/**
 * A container that runs, one of those that are named if there is. Its namespace is taken: in another one, with the same ids, nobody may
 * signal or enter what runs there.
 */
function findRunning(root: string, words: readonly string[]): ProcessIdentity | undefined {
	const running = listContainers(root, () => undefined).filter(({ state }) => state.process !== null);
	// A word of cp's has a path behind it.
	const names = words.map((word) => word.split(":")[0] ?? "");
	const named = running.find(({ record }) => names.some((word) => word === record.name || (word.length > 3 && record.id.startsWith(word))));
	return (named ?? running[0])?.state.process ?? undefined;
}

/**
 * Begins the program anew as root of a user namespace.
 * @param root the folder of the containers
 * @param args its arguments, with --root and --runroot
 * @throws `not-found` and the like of becomeLaunch
 */
export function enterNamespace(root: string, args: readonly string[], uid: number, gid: number): never {
	const { env } = process;
	const helpers = findIdmapHelpers();
	const name = userName(uid);
	const uids = granted("/etc/subuid", [name, `${uid}`]);
	const gids = granted("/etc/subgid", [name, `${uid}`]);
	const many = helpers !== undefined && uids.length > 0 && gids.length > 0;
	const plan = compileRootlessEntry({
		join: findRunning(root, args),
		uids: mappings(uid, many ? uids : []),
		gids: mappings(gid, many ? gids : []),
		...(many && { helpers }),
		program: process.execPath,
		argv: ["corten", ...args],
		env: environmentWords({ ...env, CORTEN_UID: `${uid}` }),
		umask: readUmask(),
	});
	becomeLaunch(encodePlan(plan, { lockFd: noFd, json: false }));
}

type Range = { readonly first: number; readonly count: number };

/** The caller is 0, and what is granted follows. */
function mappings(own: number, ranges: readonly Range[]): IdMapping[] {
	const all: IdMapping[] = [{ containerID: 0, hostID: own, size: 1 }];
	let next = 1;
	for (const { first, count } of ranges) {
		all.push({ containerID: next, hostID: first, size: count });
		next += count;
	}
	return all;
}

/** The ranges of one of `names` in a file of subuid(5). Lines that are none are passed over, as newuidmap does. */
function granted(path: string, names: readonly string[]): Range[] {
	return (readTextIfPresent(path) ?? "").split("\n").flatMap((line) => {
		const match = /^([^:]+):(\d{1,10}):(\d{1,10})$/.exec(line.trim());
		if (match === null || !names.includes(match[1] ?? "")) return [];
		const range = { first: Number(match[2]), count: Number(match[3]) };
		return range.count > 0 && range.first + range.count <= 0xffff_ffff ? [range] : [];
	});
}

function userName(uid: number): string {
	const line = (readTextIfPresent("/etc/passwd") ?? "").split("\n").find((text) => text.split(":")[2] === `${uid}`);
	return line?.split(":")[0] ?? `${uid}`;
}
