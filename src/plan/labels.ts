// The labels of Linux security modules: AppArmor's profile and SELinux's context of the payload, and the context of what is mounted.
// A label takes effect at execve, so it is written last of all that needs root. The files are those of the host's
// own /proc: a container could give the new process another one (CVE-2019-16884, CVE-2025-52881).
// @see runtime-spec config.md#linux-process, config-linux.md#mount-label

import { CortenError } from "../base/errors.ts";
import { O_DIRECTORY, O_PATH } from "../linux/file.ts";
import type { HostFacts } from "../linux/host.ts";
import type { Config, Process } from "../spec/runtime.ts";
import { cwd } from "./ops.ts";
import { add, bytesOf, freeSlot, type Steps, takeSlot } from "./steps.ts";

/** What every process has that no profile holds: asking for it needs no AppArmor. */
const unconfined = "unconfined";

/** A label to write: the file below /proc/self/attr. */
type Label = { readonly file: string; readonly text: string; readonly what: string; readonly at: string };
/** The open /proc, and what is to be written there. */
export type Labels = { readonly slot: number; readonly labels: readonly Label[] };

function labelsOf({ apparmorProfile, selinuxLabel }: Process, host: HostFacts): Label[] {
	const labels: Label[] = [];
	const file = host.securityModules?.apparmor;
	if (apparmorProfile && (file !== undefined || apparmorProfile !== unconfined)) {
		const at = "/process/apparmorProfile";
		if (file === undefined)
			throw new CortenError("unsupported", `cannot apply AppArmor profile "${apparmorProfile}": AppArmor is not enabled on this host`, {
				at,
			});
		labels.push({ file, text: `exec ${apparmorProfile}`, what: `apply AppArmor profile "${apparmorProfile}"`, at });
	}
	if (selinuxLabel) {
		const at = "/process/selinuxLabel";
		if (host.securityModules?.selinux !== true) throw withoutSelinux(selinuxLabel, at);
		labels.push({ file: "exec", text: selinuxLabel, what: `apply SELinux label "${selinuxLabel}"`, at });
	}
	return labels;
}

function withoutSelinux(label: string, at: string): CortenError {
	return new CortenError("unsupported", `cannot apply SELinux label "${label}": SELinux is not enabled on this host`, { at });
}

/** The host's side: holds on to its own /proc, in which each process finds itself. @throws `unsupported` for a label whose security module is not there */
export function openLabels(steps: Steps, process: Process, host: HostFacts): Labels | undefined {
	const labels = labelsOf(process, host);
	if (labels.length === 0) return undefined;
	const slot = takeSlot(steps);
	add(steps, "openat", { out: slot, dir: cwd, path: "/proc", flags: O_PATH | O_DIRECTORY, mode: 0 }, 'open "/proc"');
	return { slot, labels };
}

/** Writes them, for the execve that follows. */
export function writeLabels(steps: Steps, opened: Labels | undefined): void {
	if (opened === undefined) return;
	for (const { file, text, what, at } of opened.labels)
		add(steps, "write", { dir: opened.slot, path: `self/attr/${file}`, data: bytesOf(text), flags: 0 }, what, at);
	freeSlot(steps, opened.slot);
}

/** Filesystems that label what is in them by rules of their own. */
const selfLabelled = ["proc", "sysfs", "mqueue", "cgroup", "cgroup2"];

/** The mount options that give a new filesystem its context. @throws `unsupported` without SELinux */
export function contextOptions({ linux: { mountLabel } }: Pick<Config, "linux">, host: HostFacts, type: string): readonly string[] {
	if (!mountLabel) return [];
	if (host.securityModules?.selinux !== true) throw withoutSelinux(mountLabel, "/linux/mountLabel");
	return selfLabelled.includes(type) ? [] : [`context=${mountLabel}`];
}
