// The runtime's log: the file named by --log, in the two forms of runc (logrus). containerd and podman read the JSON form back, and show
// its last error to their users.

import { O_APPEND, O_CREAT, O_WRONLY, openFd, writeFd } from "../linux/file.ts";
import { writeOutput } from "../linux/output.ts";

/** Where messages go, and how they look. */
export type RuntimeLog = {
	/** undefined: stderr. */
	readonly file: string | undefined;
	readonly format: "text" | "json";
	readonly debug: boolean;
};

/** How grave a message is, in logrus' words. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** One line of the log. */
export function formatLogLine(format: RuntimeLog["format"], level: LogLevel, message: string): string {
	const time = new Date().toISOString();
	if (format === "json") return `${JSON.stringify({ level, msg: message, time })}\n`;
	return `time=${JSON.stringify(time)} level=${level} msg=${JSON.stringify(message)}\n`;
}

/** Appends a message to the log; an error also goes to stderr, for who has no eye on the log. Never throws: there is nowhere else to say it. */
export function writeLog(log: RuntimeLog, level: LogLevel, message: string): void {
	if (level === "debug" && !log.debug) return;
	const written = log.file !== undefined && appendLine(log.file, formatLogLine(log.format, level, message));
	if (written && level !== "error") return;
	const line = log.file === undefined && log.format === "json" ? formatLogLine("json", level, message) : plainLine(level, message);
	try {
		writeOutput(2, new TextEncoder().encode(line));
	} catch {
		// stderr is gone; the exit status says that it failed.
	}
}

function plainLine(level: LogLevel, message: string): string {
	return `corten-runtime: ${level === "error" ? "" : `${level}: `}${message}\n`;
}

function appendLine(file: string, line: string): boolean {
	try {
		using fd = openFd(file, O_WRONLY | O_CREAT | O_APPEND, 0o644);
		writeFd(fd, new TextEncoder().encode(line), file);
		return true;
	} catch {
		return false;
	}
}
