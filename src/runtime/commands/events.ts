// `events`: what a container uses, every few seconds or once, and each visit of the out-of-memory killer; one JSON document a line.

import { CortenError } from "../../base/errors.ts";
import type { Fd } from "../../linux/file.ts";
import { readHostFacts } from "../../linux/host.ts";
import { allMembersOf } from "../../supervise/members.ts";
import { openProcess, waitReadable } from "../../supervise/process.ts";
import { defineRuntimeCommand } from "../command.ts";
import { notRunning } from "../errors.ts";
import { cgroupExists, watchOom } from "../oom.ts";
import { findRuntimeContainer, type RuntimeContainer } from "../state.ts";
import { readStats } from "../stats.ts";
import { encodeJson } from "../stats-json.ts";

export const command = defineRuntimeCommand({
	summary: "print what a container uses and when it runs out of memory",
	usage: "[OPTIONS] CONTAINER",
	options: {
		interval: { kind: "value", metavar: "DURATION", help: "time between two statistics (default 5s)" },
		stats: { kind: "flag", help: "print the statistics once and end" },
	},
	operands: { min: 1, max: 1 },
	description: [
		"Prints one JSON document a line: of type stats every --interval, of type oom when the kernel has killed a process of the container for want of memory. Ends when the container ends.",
	],
	run: (context, options, [id = ""]) => {
		const intervalMs = parseDuration(options.interval ?? "5s");
		const container = findRuntimeContainer(context.root, id);
		if (container.status === "stopped") {
			throw new CortenError("wrong-state", `${notRunning("watch", id).message}: container with id ${id} is not running`);
		}
		const { cgroup } = readHostFacts();
		const { cgroups } = container.record;
		const tell = (type: "stats" | "oom"): void =>
			context.print(`${encodeJson({ type, id, ...(type === "stats" && { data: readStats(cgroups, cgroup) }) })}\n`);
		if (options.stats) tell("stats");
		else watch(container, intervalMs, tell);
		return 0;
	},
});

/** Until the container is gone. */
function watch({ record, process }: RuntimeContainer, intervalMs: number, tell: (type: "stats" | "oom") => void): void {
	using oom = watchOom(record.cgroups);
	using first = process === null ? undefined : openProcess(process.pid, process.startTime);
	let ended = first === undefined;
	let next = performance.now() + intervalMs;
	for (;;) {
		// After the first process others may live on, and nobody tells when the last of them ends.
		const leftMs = Math.max(0, next - performance.now());
		const fds: Fd[] = [...(oom === undefined ? [] : [oom.fd]), ...(ended || first === undefined ? [] : [first])];
		const ready = waitReadable(fds, ended ? Math.min(leftMs, 200) : leftMs);
		for (let times = oom?.read() ?? 0; times > 0; times--) tell("oom");
		if (ready >= 0 && fds[ready] === first) ended = true;
		if (ended && (!record.cgroups.some(cgroupExists) || allMembersOf(record.cgroups).length === 0)) return;
		if (performance.now() < next) continue;
		tell("stats");
		next += intervalMs;
	}
}

const unitsMs: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration as Go writes it: `5s`, `1m30s`, `250ms`. @returns milliseconds @throws `invalid-argument` */
export function parseDuration(text: string): number {
	const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
	const whole = parts.map(([part]) => part).join("") === text && text !== "";
	const sum = parts.reduce((total, [, number, unit]) => total + Number(number) * (unitsMs[unit ?? ""] ?? 0), 0);
	if (whole && sum > 0) return sum;
	throw new CortenError("invalid-argument", `cannot use "${text}" as --interval: duration interval must be greater than 0`, {
		at: "--interval",
	});
}
