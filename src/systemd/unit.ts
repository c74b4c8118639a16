// Names of systemd's units and where their cgroups are. @see systemd.slice(5), systemd.scope(5), runc docs/systemd.md

import { CortenError } from "../base/errors.ts";

/** The unit of a container. */
export type Unit = {
	/** `docker-1234.scope` */
	readonly name: string;
	/** `system.slice` */
	readonly slice: string;
	/** The cgroup below that of the manager: `/system.slice/docker-1234.scope` */
	readonly path: string;
};

const at = "/linux/cgroupsPath";

/**
 * The unit that linux.cgroupsPath names as `slice:prefix:name`; a missing one is a scope named by the id in the usual slice.
 * @param user for the manager of a user, whose usual slice is user.slice
 * @throws `invalid-spec`
 */
export function unitOf(cgroupsPath: string | undefined, id: string, user: boolean): Unit {
	const usual = user ? "user.slice" : "system.slice";
	const parts = cgroupsPath === undefined || cgroupsPath === "" ? [usual, "corten", id] : cgroupsPath.split(":");
	const [slice = "", prefix = "", name = ""] = parts;
	if (parts.length !== 3 || name === "" || name.includes("/") || prefix.includes("/")) {
		const why = `expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got "${cgroupsPath}" instead`;
		throw new CortenError("invalid-spec", `cannot use cgroup "${cgroupsPath}": ${why}`, { at });
	}
	if (name.endsWith(".slice")) throw new CortenError("unsupported", `cannot run a container in slice "${name}": a scope is needed`, { at });
	const parent = slice === "" ? usual : slice;
	const unit = prefix === "" ? `${name}.scope` : `${prefix}-${name}.scope`;
	return { name: unit, slice: parent, path: `${expandSlice(parent)}/${unit}` };
}

/** A slice's cgroup: `a-b.slice` is `/a.slice/a-b.slice`, `-.slice` is the top. @throws `invalid-spec` for what is no slice's name */
export function expandSlice(slice: string): string {
	if (slice === "-.slice") return "";
	const names = slice.endsWith(".slice") ? slice.slice(0, -".slice".length).split("-") : [""];
	if (slice.includes("/") || names.includes("")) {
		throw new CortenError("invalid-spec", `cannot use slice "${slice}": invalid slice name: ${slice}`, { at });
	}
	return names.map((_, index) => `/${names.slice(0, index + 1).join("-")}.slice`).join("");
}
