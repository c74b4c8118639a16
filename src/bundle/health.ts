// The health check of a container: the image's Healthcheck, changed by the options, as docker and podman merge them.

import { CortenError } from "../base/errors.ts";
import type { HealthAction, HealthCheck, ImageHealthcheck, StartupCheck } from "../spec/health.ts";

/** The --health options; absent values are the image's, or the usual. */
export type HealthRequest = {
	/** `--no-healthcheck`, or the command `none`. */
	readonly disabled: boolean;
	/** CMD or CMD-SHELL, and words. */
	readonly test: readonly string[] | undefined;
	readonly intervalMs: number | undefined;
	readonly timeoutMs: number | undefined;
	readonly startPeriodMs: number | undefined;
	readonly startIntervalMs: number | undefined;
	readonly retries: number | undefined;
	readonly onFailure: HealthAction;
	readonly startup: StartupRequest | undefined;
};

/** The --health-startup options. */
export type StartupRequest = {
	/** CMD or CMD-SHELL, and words. */
	readonly test: readonly string[];
	readonly intervalMs: number | undefined;
	readonly timeoutMs: number | undefined;
	readonly retries: number | undefined;
	readonly successes: number | undefined;
};

/** docker's. */
const usual = { intervalMs: 30_000, timeoutMs: 30_000, startPeriodMs: 0, startIntervalMs: 5_000, retries: 3 };
const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 0.001, µs: 0.001, ns: 0.000_001 };

/** A duration as Go writes it: `30s`, `1m30s`, `0`. @returns milliseconds @throws `invalid-argument` also below `minMs`, but for 0 */
export function parseHealthTime(text: string, at: string, minMs = 1): number {
	const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)/g)];
	const whole = text === "0" || (parts.length > 0 && parts.map(([part]) => part).join("") === text);
	if (!whole)
		throw new CortenError("invalid-argument", `cannot parse time "${text}"`, { at, hint: "a time is written as 30s, 1m30s or 500ms" });
	const ms = Math.round(parts.reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit ?? ""] ?? 0), 0));
	if ((ms !== 0 || parts.some(([, number]) => Number(number) > 0)) && ms < minMs)
		throw new CortenError("invalid-argument", `cannot use time "${text}": the least is ${minMs} ms`, { at });
	if (ms > 0x7fff_ffff) throw new CortenError("invalid-argument", `cannot use time "${text}": it is longer than 24 days`, { at });
	return ms;
}

/**
 * The test of --health-cmd: a JSON list of words (also one that begins with CMD, CMD-SHELL or NONE, as in an image), or a line for the shell.
 * @returns undefined for `none`
 * @throws `invalid-argument`
 */
export function parseHealthCommand(text: string, at = "--health-cmd"): readonly string[] | undefined {
	if (text === "none" || text === "NONE") return undefined;
	if (text.trim() === "") throw new CortenError("invalid-argument", "cannot check health with an empty command", { at });
	if (!text.trimStart().startsWith("[")) return ["CMD-SHELL", text];
	let words: unknown;
	try {
		words = JSON.parse(text);
	} catch {
		return ["CMD-SHELL", text]; // `[ -e /ready ]` is a command of the shell
	}
	if (!Array.isArray(words) || words.length === 0 || !words.every((word) => typeof word === "string" && !word.includes("\0")))
		throw new CortenError("invalid-argument", `cannot use "${text}" as the health command: it is no list of words`, { at });
	const list: readonly string[] = words;
	if (list[0] === "NONE") return undefined;
	return list[0] === "CMD" || list[0] === "CMD-SHELL" ? list : ["CMD", ...list];
}

/**
 * Merges the options into the image's health check.
 * @returns undefined when there is none
 * @throws `invalid-spec` for a test of the image that is none
 */
export function composeHealth(request: HealthRequest, image: ImageHealthcheck | undefined): HealthCheck | undefined {
	if (request.disabled) return undefined;
	const test = request.test ?? image?.test ?? [];
	const [kind, ...words] = test;
	if (kind === undefined || kind === "NONE") {
		if (request.startup === undefined) return undefined;
		throw new CortenError("invalid-argument", "cannot check the start of a container that has no health check", {
			at: "--health-startup-cmd",
		});
	}
	if ((kind !== "CMD" && kind !== "CMD-SHELL") || words.length === 0)
		throw new CortenError("invalid-spec", `cannot check health by "${test.join(" ")}": it is neither CMD nor CMD-SHELL with words`, {
			hint: "--no-healthcheck or --health-cmd overrides it",
		});
	const ms = (nanoseconds: number | undefined): number | undefined =>
		nanoseconds === undefined || nanoseconds === 0 ? undefined : Math.max(1, Math.round(nanoseconds / 1e6));
	return {
		args: argsOf(test),
		test,
		intervalMs: request.intervalMs ?? ms(image?.interval) ?? usual.intervalMs,
		timeoutMs: request.timeoutMs || ms(image?.timeout) || usual.timeoutMs,
		startPeriodMs: request.startPeriodMs ?? ms(image?.startPeriod) ?? usual.startPeriodMs,
		startIntervalMs: request.startIntervalMs || ms(image?.startInterval) || usual.startIntervalMs,
		retries: request.retries || image?.retries || usual.retries,
		onFailure: request.onFailure,
		...(request.startup !== undefined && { startup: composeStartup(request.startup) }),
	};
}

function argsOf([kind, ...words]: readonly string[]): readonly string[] {
	return kind === "CMD" ? words : ["/bin/sh", "-c", words.join(" ")];
}

function composeStartup({ test, intervalMs, timeoutMs, retries, successes }: StartupRequest): StartupCheck {
	return {
		args: argsOf(test),
		test,
		intervalMs: intervalMs || usual.intervalMs,
		timeoutMs: timeoutMs || usual.timeoutMs,
		retries: retries ?? 0,
		successes: successes || 1,
	};
}
