// The options before the command, and what a command gets from them.

import { absolutePath } from "../base/absolute-path.ts";
import type { OptionTable, Parsed } from "../base/options.ts";
import type { Context } from "./command.ts";
import { defaultRoot, defaultRunroot } from "./user-folders.ts";

/** The global options; names as podman's. */
export const globalOptions = {
	root: {
		kind: "value",
		metavar: "PATH",
		help: "folder of the image store and the containers (default /var/lib/corten; of a user ~/.local/share/corten)",
	},
	runroot: {
		kind: "value",
		metavar: "PATH",
		help: "folder of what need not outlive the boot (default /run/corten; of a user $XDG_RUNTIME_DIR/corten)",
	},
	"log-level": {
		kind: "value",
		metavar: "LEVEL",
		help: "how much to say on stderr (default warn)",
		choices: ["debug", "info", "warn", "error"],
	},
	"log-format": { kind: "value", metavar: "FORMAT", help: "how to say it (default text)", choices: ["text", "json"] },
	"no-sync": { kind: "flag", help: "do not wait until the disk has what is written: a power cut may then damage the store" },
	version: { kind: "flag", short: "v", help: "print the version" },
} as const satisfies OptionTable;

/** The global options after parsing. */
export type GlobalOptions = Parsed<typeof globalOptions>;

/** What is said when --no-sync is given. */
export const unsyncedWarning = "--no-sync: after a power cut, look after the images: corten store check --repair";

/** The surroundings of a command. @param write puts text on a descriptor, all of it */
export function createContext(options: GlobalOptions, write: (fd: 1 | 2, text: string) => void): Context {
	const logLevel = (options["log-level"] ?? "warn") as Context["logLevel"];
	const logFormat = (options["log-format"] ?? "text") as Context["logFormat"];
	const levels = ["debug", "info", "warn", "error"];
	const uid = process.geteuid?.() ?? 0;
	return {
		root: absolutePath("--root", options.root ?? defaultRoot(process.env, uid)),
		runroot: absolutePath("--runroot", options.runroot ?? defaultRunroot(process.env, uid)),
		logLevel,
		logFormat,
		print: (text) => write(1, text),
		log: (level, message) => {
			if (levels.indexOf(level) >= levels.indexOf(logLevel)) write(2, formatDiagnostic(level, message, logFormat));
		},
	};
}

/** One line of stderr. @param more further properties of the JSON form */
export function formatDiagnostic(
	level: "debug" | "info" | "warn" | "error",
	message: string,
	format: Context["logFormat"],
	more: Readonly<Record<string, unknown>> = {},
): string {
	if (format === "json") return `${JSON.stringify({ level, msg: message, ...more, time: new Date().toISOString() })}\n`;
	return `corten: ${level === "error" ? "" : `${level === "warn" ? "warning" : level}: `}${message}\n`;
}
