// The roots of containers that do not run, mounted for a program that works in them: in a mount namespace of its own, by the ops that a
// start mounts them with, so that overlayfs does what overlayfs must (copy up, whiteouts), and a kill leaves nothing mounted.

import { O_DIRECTORY, O_PATH } from "../linux/file.ts";
import type { HostFacts } from "../linux/host.ts";
import * as flag from "../linux/mount-flags.ts";
import { parseMountOptions } from "../linux/mount-flags.ts";
import type { RootfsRecipe } from "../spec/rootfs.ts";
import type { Config } from "../spec/runtime.ts";
import { openMappedBinds } from "./binds.ts";
import type { Frame } from "./frame.ts";
import { parseMounts } from "./mount-parse.ts";
import type { ParsedMount } from "./mount-target.ts";
import { addMounts, finishMounts } from "./mounts.ts";
import { cwd, type Plan } from "./ops.ts";
import { addRootfs } from "./rootfs.ts";
import { add, type Steps, startSteps, takeSlot } from "./steps.ts";

const CLONE_NEWNS = 0x20000;

/** One container. */
export type MountedRoot = {
	readonly config: Config;
	readonly rootfs: RootfsRecipe;
	readonly frame: Pick<Frame, "folder" | "stage" | "files">;
	/** The descriptor under which the program gets its root. */
	readonly fd: number;
};

/** What is mounted, and who gets it. */
export type MountedInput = {
	readonly roots: readonly MountedRoot[];
	readonly host: HostFacts;
	readonly program: string;
	readonly argv: readonly string[];
	readonly env: readonly string[];
	/** launch changes it. */
	readonly umask: number;
};

/** What is there without the container: binds as they are. What is made with its start (/dev, /proc, a tmpfs) is an empty folder that nobody can write. */
function lasting(mounts: readonly ParsedMount[]): ParsedMount[] {
	const options = parseMountOptions(["ro", "nosuid", "nodev", "noexec", "mode=755"]);
	return mounts.flatMap((parsed) => {
		if (parsed.bind) return [parsed];
		if (parsed.options.remount) return [];
		const { destination } = parsed.mount;
		return [{ ...parsed, options, mount: { destination, type: "tmpfs", source: "tmpfs" } }];
	});
}

function addRoot(steps: Steps, { config, rootfs, frame: named, fd }: MountedRoot, host: HostFacts, here: number): void {
	const frame: Frame = { ...named, output: "inherit", input: "inherit", atEnd: { kind: "keep" } };
	const mounts = lasting(parseMounts(config));
	const opened = openMappedBinds(steps, mounts, config, frame);
	const made = addRootfs(steps, rootfs, { frame, host, config, mounts, place: "new" });
	const { root, late } = addMounts(steps, { ...made, mounts, config, host, frame, opened, gathered: false });
	finishMounts(steps, late);
	if (config.root.readonly) {
		const args = { slot: root, flags: 0, set: flag.MOUNT_ATTR_RDONLY, clear: 0, propagation: 0 };
		add(steps, "mount_setattr", args, "make the root filesystem read-only", "/root/readonly");
	}
	add(steps, "fchdir", { slot: here }, "enter the caller's folder");
	add(steps, "dup3", { slot: root, fd }, "keep the root filesystem open");
}

/** The process stays the caller's, in the caller's folder; nothing of it is seen by anybody else. @throws what a start's compilation throws */
export function compileMounted({ roots, host, program, argv, env, umask }: MountedInput): Plan {
	const steps = startSteps();
	add(steps, "unshare", { flags: CLONE_NEWNS }, "make a mount namespace");
	const inward = { source: "", target: "/", type: "", flags: flag.MS_REC | flag.MS_SLAVE, data: "" };
	add(steps, "mount", inward, "keep mounts from the host");
	const here = takeSlot(steps);
	add(steps, "openat", { out: here, dir: cwd, path: ".", flags: O_PATH | O_DIRECTORY, mode: 0 }, "open the caller's folder");
	for (const root of roots) addRoot(steps, root, host, here);
	add(steps, "umask", { mask: umask }, "set the umask");
	add(steps, "execve", { candidates: [program], argv, envp: env }, `run "${program}"`);
	return { ops: steps.ops };
}
