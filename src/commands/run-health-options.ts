// The --health options of run, parsed.

import type { Parsed } from "../base/options.ts";
import { type HealthRequest, parseHealthCommand, parseHealthTime } from "../bundle/health.ts";
import { parseInteger } from "../bundle/size.ts";
import { healthActions } from "../spec/health.ts";
import type { runOptions } from "./run-options.ts";

/** @throws `invalid-argument` with the option */
export function parseHealth(parsed: Parsed<typeof runOptions>): HealthRequest {
	const time = (name: "interval" | "timeout" | "start-period" | "start-interval"): number | undefined => {
		const text = parsed[`health-${name}`];
		return text === undefined ? undefined : parseHealthTime(text, `--health-${name}`);
	};
	const command = parsed["health-cmd"];
	const test = command === undefined ? undefined : parseHealthCommand(command);
	const retries = parsed["health-retries"];
	return {
		disabled: parsed["no-healthcheck"] || (command !== undefined && test === undefined),
		test,
		intervalMs: parsed["health-interval"] === "disable" ? 0 : time("interval") || undefined,
		timeoutMs: time("timeout"),
		startPeriodMs: time("start-period"),
		startIntervalMs: time("start-interval"),
		retries: retries === undefined ? undefined : parseInteger(retries, "number of retries", "--health-retries", 0, 1 << 30),
		onFailure: healthActions.find((action) => action === parsed["health-on-failure"]) ?? "none",
	};
}
