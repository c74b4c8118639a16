// Where images, containers and what need not outlive the boot are: of the machine for root, else of the user.
// @see XDG Base Directory Specification

import { CortenError } from "../base/errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The default of --root. @throws `invalid-argument` for a user without a home */
export function defaultRoot(env: Environment, uid: number): string {
	if (uid === 0) return "/var/lib/corten";
	const { XDG_DATA_HOME: data = "", HOME: home = "" } = env;
	if (data.startsWith("/")) return `${data}/corten`;
	if (home.startsWith("/")) return `${home}/.local/share/corten`;
	throw new CortenError("invalid-argument", "cannot find a folder for the image store: HOME is not set", { hint: "name one by --root" });
}

/** The default of --runroot. */
export function defaultRunroot(env: Environment, uid: number): string {
	if (uid === 0) return "/run/corten";
	const { XDG_RUNTIME_DIR: run = "" } = env;
	return run.startsWith("/") ? `${run}/corten` : `/tmp/corten-run-${uid}/corten`;
}
