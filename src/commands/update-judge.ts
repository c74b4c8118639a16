// Whether a unit that was restarted is well: its start job, then the container it has made now: which image, whether it stays, and what its
// health check says.

import { isError } from "../base/errors.ts";
import { readLink } from "../linux/file.ts";
import { sleep } from "../linux/sleep.ts";
import type { HealthCheck } from "../spec/health.ts";
import { readHealth } from "../supervise/health.ts";
import { idOfLink, unitLink } from "../supervise/layout.ts";
import type { ContainerRecord } from "../supervise/record.ts";
import { type Container, readContainer } from "../supervise/state.ts";
import { connectSystemd, resetFailed } from "../systemd/scope.ts";
import { restartUnit } from "../systemd/transient.ts";

const pauseMs = 100;

/** The container that a unit's last start has made. */
export function containerOfUnit(root: string, unit: NonNullable<ContainerRecord["unit"]>): Container | undefined {
	const target = readLink(unitLink(root, unit));
	return target === undefined ? undefined : readContainer(root, idOfLink(target));
}

/** How long a healthy container may take to say so. */
function patienceMs({ startPeriodMs, intervalMs, timeoutMs, retries }: HealthCheck): number {
	return startPeriodMs + (intervalMs + timeoutMs) * (retries + 1) + 10_000;
}

/**
 * Restarts a unit and watches it.
 * @param digest of the manifest that its container must be made of
 * @param probationMs how long a container without health check must run
 * @returns why it is not well; "" when it is
 */
export function restartAndJudge(root: string, unit: NonNullable<ContainerRecord["unit"]>, digest: string, probationMs: number): string {
	using systemd = connectSystemd(unit.user);
	try {
		resetFailed(systemd, unit.name); // whatever it has gone through, these starts are meant
		restartUnit(systemd, unit.name);
	} catch (error) {
		if (isError(error, "unavailable")) return error.message;
		throw error;
	}
	const first = containerOfUnit(root, unit);
	if (first === undefined) return "it has ended at once";
	if (first.record.image?.digest !== digest) return "its unit does not start a container of the new image";
	const since = performance.now();
	const { health, id } = first.record;
	const asked = health !== null && health.intervalMs > 0 ? health : undefined;
	for (;;) {
		const now = containerOfUnit(root, unit);
		if (now?.record.id !== id) return "it has ended and was started again";
		if (now.state.process === null) return "it has ended";
		const spentMs = performance.now() - since;
		if (asked === undefined) {
			if (spentMs >= probationMs) return "";
		} else {
			const { status } = readHealth(now.folder, asked, now.state.startedAt);
			if (status === "healthy") return "";
			if (status === "unhealthy") return "it is unhealthy";
			if (spentMs >= patienceMs(asked)) return "it has not become healthy in time";
		}
		sleep(pauseMs);
	}
}
