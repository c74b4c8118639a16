// The host's side of bind mounts: whether a source is there, and whether it is a folder, which decides what launch makes as its target.

import { CortenError } from "../base/errors.ts";
import { makeFolders, readText } from "../linux/file.ts";
import { statPath } from "../linux/stat.ts";
import { isWithin } from "./path.ts";
import type { BindRequest } from "./volume.ts";

/** Host path -> what it is. Everything that is no folder counts as a file: a mount target of either kind takes it. */
export type BindKinds = Readonly<Record<string, "dir" | "file">>;

/**
 * Looks at the sources, and makes the missing ones of -v as folders, as docker does (0755).
 * @throws `not-found` for a missing source of --mount
 */
export function prepareSources(binds: readonly BindRequest[]): Record<string, "dir" | "file"> {
	const kinds: Record<string, "dir" | "file"> = {};
	for (const { source, createSource, at } of binds) {
		const stat = statPath(source);
		if (stat === undefined) {
			if (!createSource) throw new CortenError("not-found", `cannot mount "${source}": there is no such file or folder`, { at });
			makeFolders(source, 0o755);
		}
		kinds[source] = stat === undefined || stat.kind === "dir" ? "dir" : "file";
	}
	return kinds;
}

/**
 * Checks that mounts can propagate as asked: `shared` needs a source on a shared mount, `slave` on a shared or slave one.
 * Reads mountinfo, so only for those that ask.
 * @see proc(5) /proc/pid/mountinfo, optional fields
 * @throws `invalid-argument`
 */
export function checkPropagation(bind: BindRequest, mountinfo: string = readText("/proc/self/mountinfo")): void {
	const wants = bind.propagation.replace(/^r/, "");
	if (wants === "private") return;
	let best = { point: "", fields: "" };
	for (const line of mountinfo.split("\n")) {
		const fields = line.split(" ");
		const point = (fields[4] ?? "").replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
		// A later line hides an earlier one at the same place.
		if (point === "" || !isWithin(bind.source, point) || point.length < best.point.length) continue;
		best = { point, fields: fields.slice(6, fields.indexOf("-")).join(" ") };
	}
	if (/\bshared:/.test(best.fields) || (wants === "slave" && /\bmaster:/.test(best.fields))) return;
	const kind = wants === "shared" ? "a shared mount" : "a shared or slave mount";
	const message = `cannot mount "${bind.source}" as ${bind.propagation}: it is on "${best.point}", which is not ${kind}`;
	throw new CortenError("invalid-argument", message, { at: bind.at });
}
