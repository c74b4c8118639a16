// corten logs: what a detached container has written, and, with -f, what it goes on to write.

import { CortenError } from "../base/errors.ts";
import { exists, O_NOFOLLOW, O_RDONLY, openFd } from "../linux/file.ts";
import { writeOutput } from "../linux/output.ts";
import { LogFollower } from "../supervise/follow.ts";
import { findTail, type LogEntry, LogReader, parseMoment } from "../supervise/log.ts";
import { findContainer } from "../supervise/state.ts";
import { defineCommand } from "./command.ts";
import { showJournal } from "./journal.ts";

/** `corten logs` */
export const command = defineCommand({
	summary: "show the output of a detached container",
	usage: "[OPTIONS] CONTAINER",
	options: {
		follow: { kind: "flag", short: "f", help: "go on until the container ends" },
		since: { kind: "value", metavar: "TIME", help: "only what was written after this: RFC 3339, Unix seconds, or a duration ago (10m)" },
		tail: { kind: "value", short: "n", metavar: "LINES", help: "only this many lines from the end (default all)" },
		timestamps: { kind: "flag", short: "t", help: "put the time before each line" },
		until: { kind: "value", metavar: "TIME", help: "only what was written before this; as --since" },
		details: { kind: "flag", help: "show more", unsupported: true },
	},
	operands: { min: 1, max: 1 },
	description: [
		"Prints the log file of a container that was started with -d: what it wrote to stdout on stdout, and what it wrote to stderr on " +
			"stderr. The file is in the format of the Kubernetes CRI, in the container's folder.",
		"A container in a unit of systemd's writes into the journal: then this is what journalctl reads there, all of it on stdout. " +
			"Of a container that corten has put into a unit the lines of all its runs are shown; of a unit that a person has written, those of the run that made the container.",
	],
	examples: [
		["corten logs web", "all of it"],
		["corten logs -f -n 20 web", "the last twenty lines and what comes"],
		["corten logs --since 1h30m -t web", "the last ninety minutes, with times"],
	],
	run: (context, options, [target = ""]) => {
		const container = findContainer(context.root, target);
		const now = Date.now();
		const [since, until] = [momentOf("--since", options.since, now), momentOf("--until", options.until, now)];
		const count = parseCount(options.tail);
		if (container.record.unit !== null) {
			const { follow, timestamps } = options;
			return showJournal(container, { follow, timestamps, since, until, lines: count });
		}
		const path = `${container.folder}/log`;
		if (!exists(path)) {
			if (container.record.detached) return 0;
			throw new CortenError("wrong-state", `cannot show the log of container "${target}": it wrote to its caller's terminal or pipes`, {
				hint: "only a container that was started with -d has a log",
			});
		}
		using fd = openFd(path, O_RDONLY | O_NOFOLLOW);
		using follower = options.follow ? new LogFollower(context.root, container) : undefined;
		const reader = new LogReader(fd, count === undefined ? 0 : findTail(fd, count));
		const printer = createPrinter(options.timestamps);
		for (let more = true; ; ) {
			for (let entries = reader.read(); entries.length > 0; entries = reader.read()) {
				const wanted = entries.filter(({ time }) => (since === undefined || time >= since) && (until === undefined || time <= until));
				printer(wanted);
				if (until !== undefined && entries.some(({ time }) => time > until)) return 0;
			}
			if (!more || follower === undefined) return 0;
			more = follower.wait();
		}
	},
});

/** Puts entries of one stream together and writes them at once; the order within a stream is kept, and between them as far as two pipes can. */
function createPrinter(timestamps: boolean): (entries: readonly LogEntry[]) => void {
	const inLine = { stdout: false, stderr: false };
	return (entries) => {
		let pending: Uint8Array[] = [];
		let stream: LogEntry["stream"] | undefined;
		const flush = () => {
			if (stream !== undefined && pending.length > 0) writeOutput(stream === "stdout" ? 1 : 2, joinBytes(pending));
			pending = [];
		};
		for (const entry of entries) {
			if (entry.stream !== stream) flush();
			stream = entry.stream;
			if (timestamps && !inLine[stream]) pending.push(encoder.encode(`${entry.timeText} `));
			pending.push(entry.text);
			if (entry.full) pending.push(lineEnd);
			inLine[stream] = !entry.full;
		}
		flush();
	};
}

const encoder = new TextEncoder();
const lineEnd = encoder.encode("\n");

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
	const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
	let at = 0;
	for (const part of parts) {
		whole.set(part, at);
		at += part.length;
	}
	return whole;
}

function parseCount(text: string | undefined): number | undefined {
	if (text === undefined || text === "all" || text === "-1") return undefined;
	if (/^\d{1,9}$/.test(text)) return Number(text);
	throw new CortenError("invalid-argument", `cannot use "${text}" as --tail: it is neither a number of lines nor "all"`, { at: "--tail" });
}

function momentOf(option: string, text: string | undefined, nowMs: number): bigint | undefined {
	if (text === undefined || text === "") return undefined;
	const moment = parseMoment(text, nowMs);
	if (moment !== undefined) return moment;
	throw new CortenError("invalid-argument", `cannot use "${text}" as ${option}: it is no time`, {
		at: option,
		hint: "give RFC 3339 (2026-01-31T12:00:00Z), Unix seconds, or a duration ago (10m)",
	});
}
