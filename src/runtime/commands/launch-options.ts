// The options that create and run have in common, and what they ask for.

import type { Parsed } from "../../base/options.ts";
import type { LaunchRequest } from "../launching.ts";
import { countPreserved } from "../preserve-fds.ts";

/** @see runc-create(8) */
export const launchOptions = {
	bundle: { kind: "value", short: "b", metavar: "DIR", help: "the bundle's folder (default: the current one)" },
	"console-socket": { kind: "value", metavar: "PATH", help: "unix socket that gets the terminal" },
	"pidfd-socket": { kind: "value", metavar: "PATH", help: "unix socket that gets the pidfd of the container's process" },
	"pid-file": { kind: "value", metavar: "FILE", help: "file that gets the pid" },
	"no-pivot": { kind: "flag", help: "move the root instead of pivoting to it, for an initramfs" },
	"no-new-keyring": { kind: "flag", help: "stay in the caller's session keyring" },
	"preserve-fds": { kind: "value", metavar: "N", help: "pass N descriptors from 3 up (and those of LISTEN_FDS)" },
} as const;

/** What of a request the common options say. @throws `invalid-argument` for --preserve-fds */
export function launchRequest(options: Parsed<typeof launchOptions>): Omit<LaunchRequest, "id" | "watch" | "keep"> {
	return {
		bundle: options.bundle,
		consoleSocket: options["console-socket"],
		pidFile: options["pid-file"],
		pidfdSocket: options["pidfd-socket"],
		preserveFds: countPreserved(options["preserve-fds"], process.env),
		noPivot: options["no-pivot"],
		noNewKeyring: options["no-new-keyring"],
	};
}
