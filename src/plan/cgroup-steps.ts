// Cgroup folders and their files as ops, the same for both versions.

import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../linux/file.ts";
import type { CgroupFolder } from "./cgroup-paths.ts";
import type { Setting } from "./cgroup-setting.ts";
import { cwd, opFlags } from "./ops.ts";
import { add, bytesOf, type Steps, takeSlot } from "./steps.ts";

/** Writes settings into the files of a cgroup folder. */
export function writeSettings(steps: Steps, folder: string, settings: readonly Setting[]): void {
	for (const { file, value, at, flags, otherwise } of settings) {
		const what = `write "${value}" into "${folder}/${file}"`;
		if (otherwise === undefined) {
			add(steps, "write", { dir: cwd, path: `${folder}/${file}`, data: bytesOf(value), flags: 0 }, what, at, flags ?? 0);
			continue;
		}
		const paths = [`${folder}/${file}`, `${folder}/${otherwise.file}`];
		add(steps, "write_first", { dir: cwd, paths, texts: [value, otherwise.value] }, what, at, flags ?? 0);
	}
}

/** Makes a cgroup folder with those above it; one that is there already stays. */
export function makeCgroup(steps: Steps, { mountPoint, path }: CgroupFolder): void {
	for (let end = path.indexOf("/", mountPoint.length + 1); ; end = path.indexOf("/", end + 1)) {
		const folder = end < 0 ? path : path.slice(0, end);
		add(steps, "mkdirat", { dir: cwd, path: folder, mode: 0o755 }, `make cgroup "${folder}"`, "/linux/cgroupsPath", opFlags.presentOk);
		if (end < 0) return;
	}
}

/** Opens a v2 folder for clone3: a process that is born in it joins it without the kernel's lock on all thread groups. */
export function openCgroup(steps: Steps, { path }: Pick<CgroupFolder, "path">): number {
	const out = takeSlot(steps);
	const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
	add(steps, "openat", { out, dir: cwd, path, flags, mode: 0 }, `open cgroup "${path}"`, "/linux/cgroupsPath");
	return out;
}
