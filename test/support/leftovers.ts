// What a world of corten has left on the machine: processes, mounts, cgroups, loop devices, container folders. All are found by
// the world's folder or its containers' ids, so that other worlds on the same machine do not disturb.

import { existsSync, readdirSync, readFileSync, rmdirSync } from "node:fs";

const cgroupTop = "/sys/fs/cgroup";

function read(path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return ""; // the process or cgroup ended meanwhile
	}
}

function list(path: string): string[] {
	try {
		return readdirSync(path);
	} catch {
		return [];
	}
}

/**
 * Processes whose command line or root mount names the folder; not the tests themselves. Of the mounts only the root counts: one that is
 * left on the host is seen by every process of the machine.
 */
export function processesOf(folder: string): number[] {
	const found: number[] = [];
	for (const name of list("/proc")) {
		const pid = Number(name);
		if (!Number.isInteger(pid) || pid === process.pid || pid === process.ppid) continue;
		const named = read(`/proc/${pid}/cmdline`).includes(folder) || rootMount(pid).includes(folder);
		if (named) found.push(pid);
	}
	return found;
}

/** The line of mountinfo(5) that tells where a process's root comes from. */
function rootMount(pid: number): string {
	return (
		read(`/proc/${pid}/mountinfo`)
			.split("\n")
			.findLast((line) => line.split(" ")[4] === "/") ?? ""
	);
}

/** Mounts of the host below the folder. */
export function mountsOf(folder: string): string[] {
	return read("/proc/self/mountinfo")
		.split("\n")
		.map((line) => line.split(" ")[4] ?? "")
		.filter((path) => path.startsWith(folder));
}

/** Cgroup folders, in any hierarchy, whose path contains one of the words. */
export function cgroupsOf(words: readonly string[]): string[] {
	const found: string[] = [];
	const walk = (folder: string, depth: number) => {
		for (const name of list(folder)) {
			const path = `${folder}/${name}`;
			if (name.includes(".") && !name.endsWith(".scope") && !name.endsWith(".slice") && !name.endsWith(".service")) continue;
			if (!existsSync(`${path}/cgroup.procs`) && depth > 0) continue;
			if (depth > 0 && words.some((word) => name.includes(word))) found.push(path);
			if (depth < 5) walk(path, depth + 1);
		}
	};
	if (words.length > 0) walk(cgroupTop, 0);
	return found;
}

/** Loop devices whose file lies below the folder. */
export function loopsOf(folder: string): string[] {
	return list("/sys/block").filter((name) => name.startsWith("loop") && read(`/sys/block/${name}/loop/backing_file`).startsWith(folder));
}

/** Ids of the containers that have a folder. */
export function containersOf(folder: string): string[] {
	return list(`${folder}/root/containers`);
}

/** Everything above as lines of text; empty when the world has left nothing. @param ids of containers whose folders are gone already */
export function leftovers(folder: string, ids: readonly string[] = []): string[] {
	return [
		...processesOf(folder).map((pid) => `process ${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll("\0", " ")}`),
		...mountsOf(folder).map((path) => `mount ${path}`),
		...cgroupsOf([...ids, ...containersOf(folder)]).map((path) => `cgroup ${path}`),
		...loopsOf(folder).map((name) => `loop device ${name}`),
		...containersOf(folder).map((id) => `container folder ${id}`),
		...list(`${folder}/root/names`).map((name) => `name ${name}`),
	];
}

/** Ends what still runs in a world and unmounts what is still mounted, so that its folder can be removed. */
export async function remove(folder: string): Promise<void> {
	const cgroups = cgroupsOf(containersOf(folder));
	for (let round = 0; round < 50; round++) {
		const pids = processesOf(folder);
		if (pids.length === 0) break;
		for (const pid of pids) {
			try {
				process.kill(pid, "SIGKILL");
			} catch {
				// ended meanwhile
			}
		}
		await Bun.sleep(20);
	}
	for (const path of mountsOf(folder).reverse()) Bun.spawnSync(["umount", "-l", path]);
	for (const path of cgroups.reverse()) {
		try {
			rmdirSync(path);
		} catch {
			// not empty or gone
		}
	}
}
