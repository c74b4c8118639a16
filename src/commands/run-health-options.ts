// The --health options of run, parsed.

import { CortenError } from "../base/errors.ts";
import type { Parsed } from "../base/options.ts";
import { type HealthRequest, parseHealthCommand, parseHealthTime, type StartupRequest } from "../bundle/health.ts";
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
		startup: parseStartup(parsed),
		onFailure: healthActions.find((action) => action === parsed["health-on-failure"]) ?? "none",
	};
}

function parseStartup(parsed: Parsed<typeof runOptions>): StartupRequest | undefined {
	const command = parsed["health-startup-cmd"];
	const rest = (["interval", "timeout", "retries", "success"] as const).find((name) => parsed[`health-startup-${name}`] !== undefined);
	if (command === undefined && rest !== undefined) {
		throw new CortenError("invalid-argument", `cannot use --health-startup-${rest} without --health-startup-cmd`, {
			at: `--health-startup-${rest}`,
		});
	}
	const test = command === undefined ? undefined : parseHealthCommand(command, "--health-startup-cmd");
	if (test === undefined) return undefined;
	const time = (name: "interval" | "timeout"): number | undefined => {
		const text = parsed[`health-startup-${name}`];
		return text === undefined ? undefined : parseHealthTime(text, `--health-startup-${name}`);
	};
	const count = (name: "retries" | "success"): number | undefined => {
		const text = parsed[`health-startup-${name}`];
		return text === undefined ? undefined : parseInteger(text, `number of ${name}`, `--health-startup-${name}`, 0, 1 << 30);
	};
	return { test, intervalMs: time("interval"), timeoutMs: time("timeout"), retries: count("retries"), successes: count("success") };
}
