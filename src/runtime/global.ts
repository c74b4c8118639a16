// The options before the runtime's command, and what a command gets from them.

import { absolutePath } from "../base/absolute-path.ts";
import type { OptionTable, Parsed } from "../base/options.ts";
import { readText } from "../linux/file.ts";
import { writeOutput } from "../linux/output.ts";
import type { RuntimeContext } from "./command.ts";
import { type RuntimeLog, writeLog } from "./log.ts";

/** The global options; names as runc's. */
export const runtimeGlobals = {
	root: { kind: "value", metavar: "PATH", help: "folder of the containers' state (default /run/corten-runtime)" },
	log: { kind: "value", metavar: "FILE", help: "append messages to this file (default: stderr)" },
	"log-format": { kind: "value", metavar: "FORMAT", help: "how they look (default text)", choices: ["text", "json"] },
	debug: { kind: "flag", help: "say more in the log" },
	"systemd-cgroup": { kind: "flag", help: "let systemd make the cgroup: linux.cgroupsPath is slice:prefix:name" },
	rootless: {
		kind: "value",
		metavar: "WHEN",
		help: "bear a cgroup that cannot be written (default auto)",
		choices: ["true", "false", "auto"],
	},
	criu: { kind: "value", metavar: "PATH", help: "the program that checkpoint and restore call (default criu)" },
	version: { kind: "flag", short: "v", help: "print the version" },
} as const satisfies OptionTable;

/** The global options after parsing. */
export type RuntimeGlobals = Parsed<typeof runtimeGlobals>;

/** Where messages go; known as soon as the global options are. */
export function logOf(options: RuntimeGlobals): RuntimeLog {
	return { file: options.log || undefined, format: options["log-format"] === "json" ? "json" : "text", debug: options.debug };
}

/** The surroundings of a command. @throws `invalid-argument` for an empty --root */
export function createRuntimeContext(options: RuntimeGlobals, log: RuntimeLog): RuntimeContext {
	return {
		root: options.root === undefined ? defaultRoot() : absolutePath("--root", options.root),
		// Asked for late, if at all: it may read a file.
		get rootless() {
			return options.rootless === "true" || (options.rootless !== "false" && withoutRights());
		},
		systemdCgroup: options["systemd-cgroup"],
		criu: options.criu ?? "criu",
		log,
		print: (text) => writeOutput(1, new TextEncoder().encode(text)),
		warn: (message) => writeLog(log, "warning", message),
	};
}

/** Root of the machine keeps state in /run; everybody else, and root of a user namespace who is not called so, in their own folder. */
function defaultRoot(): string {
	const folder = process.env.XDG_RUNTIME_DIR;
	const own = folder?.startsWith("/") && withoutRights() && !(process.geteuid?.() === 0 && process.env.USER === "root");
	return own ? `${folder}/corten-runtime` : "/run/corten-runtime";
}

/** Not root, or root of a user namespace only. @see user_namespaces(7), uid_map */
function withoutRights(): boolean {
	return process.geteuid?.() !== 0 || !/^\s*0\s+0\s+4294967295\s*$/.test(readText("/proc/self/uid_map"));
}
