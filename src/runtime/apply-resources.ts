// New limits for the cgroups of a container that runs: the lines a start would write, written one by one.

import { CortenError, isError } from "../base/errors.ts";
import { writeFile } from "../linux/file.ts";
import type { HostFacts } from "../linux/host.ts";
import type { Setting } from "../plan/cgroup-setting.ts";
import { controllersOf, settings1 } from "../plan/cgroup1-settings.ts";
import { settings2 } from "../plan/cgroup2-settings.ts";
import { opFlags } from "../plan/ops.ts";
import type { Resources } from "../spec/runtime.ts";
import { readCount } from "./stats-files.ts";

/** One line and the folder of its file. */
type Line = { readonly folder: string; readonly setting: Setting };

/**
 * Writes limits. All or none: when the kernel refuses one, those of `before` are written again.
 * @param folders of the container's cgroups
 * @param before what held until now
 * @throws `busy` for a limit below what is in use; `unsupported`, `invalid-spec` or what the kernel says
 */
export function applyResources(resources: Resources, before: Resources, folders: readonly string[], host: Pick<HostFacts, "cgroup">): void {
	const lines = linesOf(resources, folders, host);
	checkUsage(resources, folders);
	try {
		writeAll(lines);
	} catch (error) {
		try {
			writeAll(linesOf(before, folders, host));
		} catch (second) {
			if (!isError(second)) throw second; // what the first refusal says is what matters
		}
		throw error;
	}
}

function linesOf(resources: Resources, folders: readonly string[], { cgroup }: Pick<HostFacts, "cgroup">): Line[] {
	if (cgroup.version === 2) return settings2(resources).map((setting) => ({ folder: folders[0] ?? "", setting }));
	if (Object.keys(resources.unified ?? {}).length > 0) {
		throw new CortenError("unsupported", "cannot set files of cgroup v2 on a machine with cgroup v1", { at: "/unified" });
	}
	return controllersOf(resources).flatMap(([controller, at]) => {
		const mountPoint = cgroup.hierarchies.find(({ controllers }) => controllers.includes(controller))?.mountPoint;
		const folder = folders.find((path) => mountPoint !== undefined && path.startsWith(`${mountPoint}/`));
		if (folder === undefined) {
			throw new CortenError(
				"unsupported",
				`cannot limit what cgroup controller "${controller}" limits: the container has no cgroup of it`,
				{ at },
			);
		}
		return settings1(controller, resources).map((setting) => ({ folder, setting }));
	});
}

/**
 * Some limits depend on others (memory and swap, quota and period), and which has to come first depends on what holds: those that are
 * refused are written once more after the others.
 */
function writeAll(lines: readonly Line[]): void {
	const refused = lines.filter((line) => !tryWrite(line));
	for (const { folder, setting } of refused) write(folder, setting);
}

function tryWrite({ folder, setting }: Line): boolean {
	try {
		write(folder, setting);
		return true;
	} catch (error) {
		if (isError(error) && error.errno === 22) return false; // EINVAL
		throw error;
	}
}

function write(folder: string, { file, value, flags = 0, otherwise }: Setting): void {
	try {
		writeFile(`${folder}/${file}`, value, 0, 0);
	} catch (error) {
		const absent = isError(error, "not-found") || isError(error, "permission-denied");
		if (absent && otherwise !== undefined) {
			write(folder, { ...otherwise, at: "" });
			return;
		}
		if (isError(error, "not-found") && (flags & opFlags.absentOk) !== 0) return;
		if (!isError(error)) throw error;
		throw refusal(folder, file, value, error);
	}
}

function refusal(folder: string, file: string, value: string, cause: CortenError): CortenError {
	const code = cause.code;
	const usage = readCount(`${folder}/memory.usage_in_bytes`);
	const max = readCount(`${folder}/memory.max_usage_in_bytes`);
	const why =
		file === "memory.limit_in_bytes" && code === "busy"
			? `: unable to set memory limit to ${value} (current usage: ${usage}, peak usage: ${max})`
			: "";
	return new CortenError(code, `cannot write "${value}" into "${folder}/${file}"${why}`, {
		cause,
		...(cause.errno !== undefined && { errno: cause.errno }),
	});
}

/** checkBeforeUpdate: v2 takes a limit below what is in use and kills at once. */
function checkUsage({ memory }: Resources, folders: readonly string[]): void {
	if (memory?.checkBeforeUpdate !== true) return;
	const usage = readCount(`${folders[0] ?? ""}/memory.current`);
	if (usage === undefined) return;
	for (const [what, limit] of [
		["memory+swap", memory.swap],
		["memory", memory.limit],
	] as const) {
		if (limit === undefined || limit <= 0n || limit > usage) continue;
		throw new CortenError("busy", `cannot update limits: rejecting ${what} limit ${limit} <= usage ${usage}`, { at: "/memory" });
	}
}
