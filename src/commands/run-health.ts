// The health of a container that starts: its probe is compiled into a plan, once, and kept in its folder; from then on launch executes that,
// asked by whoever stays with the container: launch itself, or a timer of systemd's where nobody stays. docs/decisions/0022.

import { CortenError, isError } from "../base/errors.ts";
import type { Bundle } from "../bundle/bundle.ts";
import { composeExecProcess } from "../bundle/exec.ts";
import { launchPaths } from "../launch/spawn.ts";
import { exists, readText, writeFile } from "../linux/file.ts";
import { type HostFacts, readOwnCgroups } from "../linux/host.ts";
import { joinedFolders } from "../plan/cgroup-paths.ts";
import { type CompileExecInput, compileExec } from "../plan/compile-exec.ts";
import { encodePlan, noFd } from "../plan/encode.ts";
import type { Frame } from "../plan/frame.ts";
import type { HealthCheck, StartupCheck } from "../spec/health.ts";
import type { Config } from "../spec/runtime.ts";
import type { ContainerRecord } from "../supervise/record.ts";
import { isUsers } from "../systemd/booted.ts";
import { connectSystemd, stopUnit } from "../systemd/scope.ts";
import type { Service } from "../systemd/service.ts";
import { startTimer, type TimerRequest } from "../systemd/timer.ts";
import type { Context } from "./command.ts";

/** The container that is to be asked. */
export type Probed = {
	readonly folder: string;
	readonly record: ContainerRecord;
	readonly bundle: Pick<Bundle, "config">;
	readonly host: HostFacts;
};

/** Of the timer and the service of the startup check. */
export function startupUnit(name: string): string {
	return `corten-${name}:startup`;
}

/** Of the timer and of its service; no container has a colon in its name, so it is no container's own unit. */
export function healthUnit(name: string): string {
	return `corten-${name}:health`;
}

/** The file that launch executes for a probe, and the one in which the health check waits for the startup check's end. */
export const planFiles = { now: "health.plan", next: "health.next" } as const;

function writeProbePlan(
	{ folder, record, bundle: { config }, host }: Probed,
	check: Pick<HealthCheck, "args" | "timeoutMs">,
	file: string,
): void {
	const request = { args: check.args, tty: false, env: [], workdir: undefined, user: undefined, privileged: false };
	const process = composeExecProcess(config.process, request, () => ({ passwd: "", group: "" }), host);
	const { seccomp } = config.linux;
	const plan = compileExec({
		pid: 0,
		startTime: 0n,
		probe: { folder, timeoutMs: check.timeoutMs },
		process,
		...(seccomp !== undefined && { seccomp }),
		shared: config.linux,
		id: record.id,
		...joinedNamespaces(config),
		cgroups: payloadCgroups(record, host),
		frame: { output: "inherit", input: "null" },
		host,
	});
	writeFile(`${folder}/${file}`, encodePlan(plan, { lockFd: noFd, json: false }));
}

/** Without privilege also the user namespace that corten is in now: a timer asks from outside. */
function joinedNamespaces({ linux }: Config): Pick<CompileExecInput, "namespaces" | "user"> {
	const namespaces = linux.namespaces.map(({ type }) => type);
	if (!isUsers()) return { namespaces };
	return { namespaces: ["user", ...namespaces], user: { deny: readText("/proc/self/setgroups").trim() === "deny", uids: [] } };
}

/** Where the payload will be: in a unit this process is there already, but for the folder of the device rules. */
function payloadCgroups({ unit, cgroups }: ContainerRecord, host: HostFacts): readonly string[] {
	if (unit === null) return cgroups;
	if (isUsers()) return []; // who may move where is systemd's word
	return joinedFolders(host.cgroup, readOwnCgroups()).map((path) => cgroups.find((own) => own.startsWith(`${path}/`)) ?? path);
}

/** What a probe that says something new goes on as. */
function settleCommand({ root, runroot }: Context, id: string): string[] {
	return [process.execPath, "--root", root, "--runroot", runroot, "healthcheck", "settle", id];
}

/**
 * Prepares the probes of a container.
 * @param frame of its start: what of it says who stays
 * @returns what the frame gets
 * @throws `unsupported` for a restart where there is no unit that could be restarted
 */
export function prepareHealth(
	context: Context,
	probed: Probed,
	service: Service | undefined,
	frame: Frame,
	whenHealthy: boolean,
): Partial<Frame> {
	const check = probed.record.health;
	if (check === null) {
		if (!whenHealthy) return {};
		throw new CortenError("invalid-argument", "cannot wait for health: the container has no health check", {
			at: "--sdnotify",
			hint: "give --health-cmd, or an image that has a HEALTHCHECK",
		});
	}
	if (check.onFailure === "restart" && service === undefined) {
		throw new CortenError("unsupported", "cannot restart a container that is in no unit", {
			at: "--health-on-failure",
			hint: "use kill or stop, or run it in a unit",
		});
	}
	const { startup, intervalMs, startPeriodMs: startMs, startIntervalMs } = check;
	if (startup !== undefined && startup.retries > 0 && service === undefined) {
		throw new CortenError("unsupported", "cannot restart a container that is in no unit", { at: "--health-startup-retries" });
	}
	writeProbePlan(probed, startup ?? check, planFiles.now);
	if (startup !== undefined) writeProbePlan(probed, check, planFiles.next);
	const command = settleCommand(context, probed.record.id);
	const socket = whenHealthy ? service?.socket : undefined;
	if (frame.watch === "leave" || socket !== undefined) tryTimer(context, probed, check);
	if (frame.watch === "leave" || (intervalMs === 0 && socket === undefined)) return {};
	const regularMs = intervalMs === 0 ? 1000 : intervalMs;
	// launch asks at the second interval until the first success, which the startup check's is not yet.
	const first = startup === undefined ? { startMs, startIntervalMs } : { startMs: longestMs, startIntervalMs: startup.intervalMs };
	return { health: { intervalMs: regularMs, ...first, command, ...(socket !== undefined && { manager: socket }) } };
}

const longestMs = 0x7fff_ffff;

/** More runs than these are not planned for the start period. */
const mostFirst = 100;

/** Times of the start period's probes, and the first one after it. */
function firstTimes({ intervalMs, startPeriodMs, startIntervalMs }: HealthCheck): readonly number[] {
	if (startPeriodMs === 0 || startIntervalMs >= intervalMs) return [intervalMs];
	const stepMs = Math.max(startIntervalMs, Math.ceil(startPeriodMs / mostFirst));
	return Array.from({ length: Math.ceil(startPeriodMs / stepMs) }, (_, index) => (index + 1) * stepMs);
}

/** A service of the machine that has given up its privilege may start no units: then nobody asks, and that is said. */
function tryTimer(context: Context, probed: Probed, check: HealthCheck): void {
	try {
		if (check.startup === undefined) startHealthTimer(context, probed, check);
		else startStartupTimer(context, probed, check.startup);
	} catch (error) {
		if (!isError(error, "permission-denied")) throw error;
		const { name } = probed.record;
		context.log("warn", `the health of container "${name}" is checked by nobody: ${error.message}; with Type=simple launch stays and does`);
	}
}

type Timed = Pick<Probed, "folder" | "record">;

/** systemd asks: of a container that is in a unit, and where nothing of corten's stays. */
export function startHealthTimer(context: Context, { folder, record }: Timed, check: HealthCheck): void {
	if (check.intervalMs === 0 || record.unit === null) return;
	using systemd = connectSystemd(record.unit.user);
	const firstMs = check.startup === undefined ? firstTimes(check) : [check.intervalMs];
	const name = healthUnit(record.name);
	startTimer(systemd, { ...timerOf(context, { folder, record }, check), name, description: `health of container ${record.name}`, firstMs });
}

/** Until {@link startHealthTimer}; one of an earlier start would ask beside it. */
function startStartupTimer(context: Context, { folder, record }: Timed, startup: StartupCheck): void {
	if (record.unit === null) return;
	using systemd = connectSystemd(record.unit.user);
	stopUnit(systemd, `${healthUnit(record.name)}.timer`);
	const [name, description] = [startupUnit(record.name), `start of container ${record.name}`];
	startTimer(systemd, { ...timerOf(context, { folder, record }, startup), name, description, firstMs: [startup.intervalMs] });
}

function timerOf(
	context: Context,
	{ folder, record }: Timed,
	{ intervalMs, timeoutMs }: Pick<HealthCheck, "intervalMs" | "timeoutMs">,
): Pick<TimerRequest, "intervalMs" | "accuracyMs" | "command" | "timeoutMs"> {
	const launch = launchPaths().find(exists);
	if (launch === undefined) throw new CortenError("not-found", 'cannot find "launch" beside the program');
	return {
		intervalMs,
		accuracyMs: Math.min(1000, Math.max(1, Math.floor(intervalMs / 10))),
		command: [launch, `${folder}/${planFiles.now}`, ...settleCommand(context, record.id)],
		// launch ends a probe in time by itself; this is for a launch that cannot.
		timeoutMs: timeoutMs + 10_000,
	};
}
