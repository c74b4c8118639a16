// The grammar of -v: SOURCE:TARGET[:WORD,...].
// @see docker-run(1) --volume, podman-run(1) --volume

import { CortenError } from "../base/errors.ts";
import { absolutePath, cleanPath } from "./path.ts";
import { type MountRequest, type Propagation, propagations } from "./request.ts";

/** A bind mount. */
export type BindRequest = Extract<MountRequest, { kind: "bind" }>;

const at = "--volume";
const flagWords = ["nosuid", "suid", "nodev", "dev", "noexec", "exec"];
/** Words about caches of Docker Desktop: they have no meaning here and never had one on Linux. */
const inertWords = ["cached", "delegated", "consistent", "nocopy"];

function refuse(text: string, why: string): CortenError {
	return new CortenError("invalid-argument", `cannot parse volume "${text}": ${why}`, { at });
}

/**
 * Checks where in the container something is to be mounted.
 * @returns the clean path
 * @throws `invalid-argument` when it is relative, is the root itself or holds a NUL
 */
export function parseTarget(target: string, at: string): string {
	if (!target.startsWith("/") || target.includes("\0")) {
		throw new CortenError("invalid-argument", `cannot mount at "${target}": it is not an absolute path`, { at });
	}
	const clean = cleanPath(target);
	if (clean === "/") throw new CortenError("invalid-argument", `cannot mount at "${target}": it is the root of the container`, { at });
	return clean;
}

/**
 * Parses a word of -v. Only bind mounts so far.
 * @param folder gives the current folder, for sources that start with a dot
 * @param selinux whether the kernel enforces labels: without, z and Z have nothing to do
 * @throws `invalid-argument`; `unsupported` for named and anonymous volumes and for words that are known and not done
 */
export function parseVolume(text: string, folder: () => string, selinux: boolean): BindRequest {
	const parts = text.split(":");
	if (parts.length > 3) throw refuse(text, "it has too many colons");
	const [source = "", target = "", words] = parts;
	if (source === "") throw refuse(text, "it has no source");
	if (parts.length === 1)
		throw new CortenError("unsupported", `cannot make volume "${text}": anonymous volumes are not implemented`, { at });
	if (target === "") throw refuse(text, "it has no path in the container");
	if (!source.startsWith("/") && !source.startsWith(".")) {
		const hint = `for a folder of the host write ./${source} or an absolute path`;
		throw new CortenError("unsupported", `cannot use volume "${source}": named volumes are not implemented`, { at, hint });
	}
	if (source.includes("\0")) throw refuse(text, "it holds a NUL byte");
	let readonly: BindRequest["readonly"] | undefined;
	let propagation: Propagation | undefined;
	let recursive: boolean | undefined;
	const flags: string[] = [];
	for (const word of words === undefined ? [] : words.split(",")) {
		const known = propagations.find((candidate) => candidate === word);
		if (word === "ro" || word === "rw") {
			if (readonly !== undefined) throw refuse(text, "ro or rw is given twice");
			readonly = word === "ro" ? "yes" : "no";
		} else if (known !== undefined) {
			if (propagation !== undefined) throw refuse(text, "a propagation is given twice");
			propagation = known;
		} else if (word === "bind" || word === "rbind") recursive = word === "rbind";
		else if (flagWords.includes(word)) flags.push(word);
		else if (word === "z" || word === "Z") {
			if (selinux) throw new CortenError("unsupported", `cannot relabel volume "${text}": SELinux labels are not implemented`, { at });
		} else if (["U", "O", "idmap", "copy"].includes(word)) {
			throw new CortenError("unsupported", `cannot use "${word}" for volume "${text}": it is not implemented`, { at });
		} else if (!inertWords.includes(word)) throw refuse(text, `"${word}" is no option of a volume`);
	}
	return {
		kind: "bind",
		source: absolutePath(source, folder),
		target: parseTarget(target, at),
		readonly: readonly ?? "no",
		recursive: recursive ?? true,
		propagation: propagation ?? "rprivate",
		flags,
		createSource: true,
		at,
	};
}
