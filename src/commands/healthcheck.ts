// corten healthcheck: a probe by hand, and what a probe that says something new goes on as: the streak is counted, an unhealthy container
// gets what --health-on-failure says, and the timer of a container that is gone ends.

import { CortenError, isError } from "../base/errors.ts";
import { launchPaths } from "../launch/spawn.ts";
import { exists, rename } from "../linux/file.ts";
import { readOwnCgroups } from "../linux/host.ts";
import { runProgram } from "../linux/native.ts";
import type { HealthCheck } from "../spec/health.ts";
import { signalContainer, waitForEnd } from "../supervise/end.ts";
import { type Health, hasStarted, settleHealth } from "../supervise/health.ts";
import { type Container, findContainer, listContainers, readContainer } from "../supervise/state.ts";
import { connectSystemd, manager, stopUnit } from "../systemd/scope.ts";
import { findService } from "../systemd/service.ts";
import { activeState } from "../systemd/transient.ts";
import { type Context, defineCommand } from "./command.ts";
import { healthUnit, planFiles, startHealthTimer, startupUnit } from "./run-health.ts";

const SIGKILL = 9;

/** `corten healthcheck` */
export const command = defineCommand({
	summary: "check the health of a container now",
	usage: "run CONTAINER",
	options: {
		"ignore-result": { kind: "flag", help: "exit with 0 whatever the check finds" },
	},
	operands: { min: 2, max: 2 },
	description: [
		"Runs the health check of a running container (--health-cmd of corten-run(1), or the image's HEALTHCHECK) once, and counts it. Exits with 0 when it succeeds, with 1 when it fails, and prints what the container is then: starting, healthy or unhealthy.",
		"Checks also run by themselves, without corten: a check is compiled into a plan when the container starts, and launch executes it. Where launch stays with a container, it asks; in a unit, where nobody stays, a timer of systemd's does (corten-NAME:health.timer), and a success leaves no line in the journal. Only a check that changes something starts corten, as corten healthcheck settle.",
		"The state is shown by corten ps and, with the last five checks, by corten inspect (.State.Health).",
	],
	examples: [
		["corten healthcheck run web", "ask now"],
		["corten ps --filter health=unhealthy", "who is unhealthy"],
	],
	run: (context, options, [verb = "", target = ""]) => {
		if (verb === "settle") return settle(context, target);
		if (verb !== "run") throw new CortenError("invalid-argument", `cannot do "${verb}": healthcheck has one verb, run`);
		const container = findContainer(context.root, target);
		const check = container.record.health;
		if (check === null) throw new CortenError("invalid-argument", `cannot check container "${target}": it has no health check`);
		if (container.state.process === null) {
			throw new CortenError("wrong-state", `cannot check container "${target}": it is ${container.state.status}, not running`);
		}
		const status = probe(container);
		context.print(`${act(context, container, check)}\n`);
		return status === 0 || options["ignore-result"] ? 0 : 1;
	},
});

/** One probe, as the timer would make it. @returns its status */
function probe({ folder }: Container): number | string {
	const launch = launchPaths().find(exists);
	if (launch === undefined) throw new CortenError("not-found", 'cannot find "launch" beside the program');
	return runProgram(launch, ["corten-launch", `${folder}/health.plan`], { env: [], input: new Uint8Array(0), timeoutMs: 0 });
}

/** Counts, and does what an unhealthy container gets. @returns its state */
function act(context: Context, container: Container, check: HealthCheck): string {
	const { record, folder, state } = container;
	const { before, after } = settleHealth(folder, check, state.startedAt);
	const last = after.log.at(-1);
	if (!hasStarted(before, check)) return startPhase(context, container, check, after);
	if (after.status === "unhealthy" && before.status !== "unhealthy") {
		const how = last?.exitCode === -1 ? "it took too long" : `status ${last?.exitCode ?? "unknown"}`;
		context.log(
			"warn",
			`container "${record.name}" is unhealthy: ${after.failingStreak} checks in a row have failed, the last one with ${how}`,
		);
	}
	if (after.status === "unhealthy" && after.counted > before.counted && last?.exitCode !== 0) punish(context, container, check.onFailure);
	return after.status;
}

/** The startup check is over, goes on, or has failed too often. @returns the state */
function startPhase(context: Context, container: Container, check: HealthCheck, after: Health): string {
	const { record, folder } = container;
	const { retries = 0 } = check.startup ?? {};
	if (hasStarted(after, check)) {
		if (exists(`${folder}/${planFiles.next}`)) rename(`${folder}/${planFiles.next}`, `${folder}/${planFiles.now}`);
		if (record.unit !== null) switchTimers(context, container, record.unit, check);
	} else if (retries > 0 && after.startFailures >= retries) {
		context.log("warn", `container "${record.name}" does not start: ${after.startFailures} checks have failed`);
		punish(context, container, "restart");
	}
	return after.status;
}

/** Where a timer asks: the one of the health takes over. A launch that stays has none. */
function switchTimers(context: Context, container: Container, unit: NonNullable<Container["record"]["unit"]>, check: HealthCheck): void {
	const timer = `${startupUnit(container.record.name)}.timer`;
	using systemd = connectSystemd(unit.user);
	if (activeState(systemd, timer) !== "active") return;
	startHealthTimer(context, container, check);
	stopUnit(systemd, timer);
}

function punish(context: Context, container: Container, action: HealthCheck["onFailure"]): void {
	const { unit, stopSignal, stopTimeoutSeconds } = container.record;
	if (action === "none" || container.state.process === null) return;
	if (action === "kill") signalContainer(container, SIGKILL, "kill");
	else if (unit !== null) {
		// The manager's own way: its stop is no failure, and nothing starts it again.
		using systemd = connectSystemd(unit.user);
		systemd.bus.call(manager, action === "restart" ? "RestartUnit" : "StopUnit", "ss", [unit.name, "replace"]);
	} else {
		signalContainer(container, stopSignal, "stop");
		if (!waitForEnd(context.root, container, stopTimeoutSeconds < 0 ? Infinity : stopTimeoutSeconds * 1000))
			signalContainer(container, SIGKILL, "stop");
	}
}

/** Started by launch after a probe, with the container's id. */
function settle(context: Context, id: string): number {
	const container = readContainer(context.root, id);
	const check = container?.record.health;
	const running = container !== undefined && container.state.status !== "exited";
	if (container !== undefined && check && container.state.process !== null) {
		try {
			act(context, container, check);
		} catch (error) {
			if (!isError(error, "wrong-state")) throw error; // it has ended meanwhile
		}
	}
	if (!running) stopOwnTimer(context);
	return 0;
}

/** Ends the timer that has led here, unless another container of that name has it by now */
function stopOwnTimer(context: Context): void {
	const service = findService(process.env, process.pid, readOwnCgroups, false);
	const name = /^(corten-.*:(?:health|startup))\.service$/.exec(service?.name ?? "")?.[1];
	if (service === undefined || name === undefined) return;
	const others = listContainers(context.root, () => undefined);
	const hasIt = ({ record, state }: Container): boolean =>
		state.status !== "exited" && (healthUnit(record.name) === name || startupUnit(record.name) === name);
	if (others.some(hasIt)) return;
	using systemd = connectSystemd(service.user);
	stopUnit(systemd, `${name}.timer`);
}
