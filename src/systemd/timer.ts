// A transient timer with its service: what systemd does again and again for a container that nobody of corten's watches.
// @see systemd.timer(5), systemd.exec(5) LogLevelMax=

import { CortenError } from "../base/errors.ts";
import { BusError } from "./bus.ts";
import { count, flag, type Property, text } from "./properties.ts";
import { manager, resetFailed, type Systemd, stopUnit, waitForJob } from "./scope.ts";

/** What is to be done when. */
export type TimerRequest = {
	/** Of both units, without `.timer` and `.service`. */
	readonly name: string;
	readonly description: string;
	/** Times after now of the first runs. */
	readonly firstMs: readonly number[];
	/** Between the end of a run and the next one. */
	readonly intervalMs: number;
	/** How late a run may be. */
	readonly accuracyMs: number;
	readonly command: readonly string[];
	/** A run that takes longer is ended. */
	readonly timeoutMs: number;
};

const LOG_WARNING = 4;
const LOG_NOTICE = 5;
/** Five starts in ten seconds are nothing here. */
const noStartLimit = count("StartLimitIntervalUSec", 0n);
const usec = (ms: number): bigint => BigInt(ms) * 1000n;

/** Starts a timer; one that has the name is replaced. @throws `unavailable` with what systemd says */
export function startTimer(systemd: Systemd, request: TimerRequest): void {
	const timer = `${request.name}.timer`;
	const service = `${request.name}.service`;
	const start = (): readonly unknown[] =>
		systemd.bus.call(manager, "StartTransientUnit", "ssa(sv)a(sa(sv))", [
			timer,
			"replace",
			timerProperties(request),
			[[service, serviceProperties(request)]],
		]);
	for (let attempt = 0; ; attempt++) {
		try {
			const result = waitForJob(systemd, start()[0]);
			if (result === "done") return;
			throw new CortenError("unavailable", `cannot start unit "${timer}": systemd says "${result}"`);
		} catch (error) {
			if (!(error instanceof BusError) || !error.errorName.endsWith("UnitExists") || attempt === 3) throw error;
			stopUnit(systemd, timer);
			stopUnit(systemd, service);
			resetFailed(systemd, service);
		}
	}
}

function timerProperties({ description, firstMs, intervalMs, accuracyMs }: TimerRequest): Property[] {
	const elapses = [...firstMs.map((ms) => ["OnActiveSec", usec(ms)]), ["OnUnitInactiveSec", usec(intervalMs)]];
	return [
		text("Description", description),
		text("CollectMode", "inactive-or-failed"),
		["TimersMonotonic", { signature: "a(st)", value: elapses }],
		noStartLimit,
		count("AccuracyUSec", usec(accuracyMs)),
		flag("RemainAfterElapse", false),
	];
}

function serviceProperties({ description, command, timeoutMs }: TimerRequest): Property[] {
	return [
		text("Description", description),
		text("Type", "oneshot"),
		text("CollectMode", "inactive-or-failed"),
		["ExecStart", { signature: "a(sasb)", value: [[command[0], command, false]] }],
		noStartLimit,
		count("TimeoutStartUSec", usec(timeoutMs)),
		// The manager's own words about each run stay out of the journal; what the service itself says does not.
		["LogLevelMax", { signature: "i", value: LOG_NOTICE }],
		["SyslogLevel", { signature: "i", value: LOG_WARNING }],
	];
}
