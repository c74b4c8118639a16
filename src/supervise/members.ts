// Who is in a cgroup, and what lies below it.

import { isError } from "../base/errors.ts";
import { listFolder, readTextIfPresent } from "../linux/file.ts";
import { statPath } from "../linux/stat.ts";

/** Pids of one cgroup; none when it is gone, or is a folder of a threaded v2 subtree, which may not be asked (EOPNOTSUPP). */
export function membersOf(folder: string): number[] {
	return (readCgroupFile(`${folder}/cgroup.procs`) ?? "").split("\n").filter(Boolean).map(Number);
}

/** The folders in a cgroup's folder. */
export function childrenOf(folder: string): string[] {
	return listFolder(folder)
		.map((name) => `${folder}/${name}`)
		.filter((path) => statPath(path, false)?.kind === "dir");
}

/** Pids of these cgroups and all below them, each once, ascending. */
export function allMembersOf(folders: readonly string[]): number[] {
	const found = new Set<number>();
	const walk = (folder: string): void => {
		for (const pid of membersOf(folder)) found.add(pid);
		for (const child of childrenOf(folder)) walk(child);
	};
	for (const folder of folders) walk(folder);
	found.delete(0); // of another pid namespace
	return [...found].sort((a, b) => a - b);
}

/** The text of a cgroup's file, or undefined: no such file, or the cgroup is being removed (ENODEV). */
export function readCgroupFile(path: string): string | undefined {
	try {
		return readTextIfPresent(path);
	} catch (error) {
		if (isError(error, "system")) return undefined;
		throw error;
	}
}
