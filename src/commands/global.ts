// The options before the command, and what a command gets from them.

import { CortenError } from "../base/errors.ts";
import type { Context, OptionTable, Parsed } from "./command.ts";

/** The global options; names as podman's. */
export const globalOptions = {
	root: { kind: "value", metavar: "PATH", help: "folder of the image store and the containers (default /var/lib/corten)" },
	runroot: { kind: "value", metavar: "PATH", help: "folder of what need not outlive the boot (default /run/corten)" },
	"log-level": {
		kind: "value",
		metavar: "LEVEL",
		help: "how much to say on stderr (default warn)",
		choices: ["debug", "info", "warn", "error"],
	},
	"log-format": { kind: "value", metavar: "FORMAT", help: "how to say it (default text)", choices: ["text", "json"] },
	version: { kind: "flag", short: "v", help: "print the version" },
} as const satisfies OptionTable;

/** The global options after parsing. */
export type GlobalOptions = Parsed<typeof globalOptions>;

/**
 * A path option made absolute without touching the disk.
 * @throws `invalid-argument` for an empty one, or a relative one when the current folder is gone
 */
export function absolutePath(option: string, path: string): string {
	if (path.startsWith("/")) {
		let end = path.length;
		while (end > 1 && path[end - 1] === "/") end--;
		return path.slice(0, end);
	}
	if (path === "") throw new CortenError("invalid-argument", `cannot use "" as ${option}: a path is needed`, { at: option });
	return absolutePath(option, `${process.cwd()}/${path}`);
}

/** The surroundings of a command. @param write puts text on a descriptor, all of it */
export function createContext(options: GlobalOptions, write: (fd: 1 | 2, text: string) => void): Context {
	const logLevel = (options["log-level"] ?? "warn") as Context["logLevel"];
	const logFormat = (options["log-format"] ?? "text") as Context["logFormat"];
	const levels = ["debug", "info", "warn", "error"];
	return {
		root: absolutePath("--root", options.root ?? "/var/lib/corten"),
		runroot: absolutePath("--runroot", options.runroot ?? "/run/corten"),
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

/** The chain of causes, joined once: `cannot run "x": cannot open "/y": ENOENT no such file or directory`. */
export function joinCauses(error: unknown): string {
	const parts: string[] = [];
	for (let link: unknown = error; link !== undefined && parts.length < 16; link = link instanceof Error ? link.cause : undefined) {
		const text = link instanceof Error ? link.message : String(link);
		if (!parts.at(-1)?.endsWith(text)) parts.push(text);
	}
	return parts.join(": ");
}
