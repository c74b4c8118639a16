// A transient service: the unit of a container that `corten run -d` or `start` has put there. systemd forks it, waits for it and restarts
// it; its ExecStart is corten, which becomes launch, which hands over to the payload. docs/decisions/0019.
// @see org.freedesktop.systemd1(5) StartTransientUnit, systemd.service(5), systemd.kill(5)

import { CortenError } from "../base/errors.ts";
import { sleep } from "../linux/sleep.ts";
import { BusError } from "./bus.ts";
import { flag, type Property, text } from "./properties.ts";
import { manager, resetFailed, type Systemd, unitProperty, waitForJob } from "./scope.ts";

/** What the service is. Names are systemd's where nothing else is said. */
export type ServiceRequest = {
	/** `corten-web.service` */
	readonly name: string;
	readonly description: string;
	/** The container's name: what the journal shows before each line. */
	readonly identifier: string;
	/** Absolute program and arguments. */
	readonly start: readonly string[];
	/** Run when it is ready, and after each end. */
	readonly started?: readonly string[];
	readonly ended: readonly string[];
	/** Whether any of its processes may speak to the manager, or its main process alone. */
	readonly notifyAll: boolean;
	readonly stopSignal: number;
	/** -1: for ever. */
	readonly stopTimeoutSeconds: number;
	readonly restart: { readonly name: "no" | "on-failure" | "always" | "unless-stopped"; readonly retries: number };
	/** Its processes make cgroups of their own. */
	readonly delegate: boolean;
	/** Undefined: the usual one. */
	readonly slice: string | undefined;
	/** Fields of every line in the journal. */
	readonly logFields: Readonly<Record<string, string>>;
	/** Limits. */
	readonly properties: readonly Property[];
};

const infinity = 0xffff_ffff_ffff_ffffn;
/** Longer than any TimeoutStartSec= that is usual. */
const jobTimeoutMs = 600_000;

/**
 * Makes the service, and waits until it is ready or has failed.
 * @returns whether it is ready; when not, the unit has ended or is about to be started again
 * @throws `already-exists` when a unit has the name, `unavailable` with what systemd says
 */
export function startService(systemd: Systemd, request: ServiceRequest): boolean {
	const properties = serviceProperties(request, systemd.version);
	const job = makeUnit(systemd, request.name, properties);
	return waitForJob(systemd, job, jobTimeoutMs) === "done";
}

/** A unit of that name may be ending just now: then it goes by itself. */
function makeUnit(systemd: Systemd, name: string, properties: readonly Property[]): unknown {
	for (const deadline = performance.now() + 10_000; ; sleep(10)) {
		try {
			return systemd.bus.call(manager, "StartTransientUnit", "ssa(sv)a(sa(sv))", [name, "fail", properties, []])[0];
		} catch (error) {
			if (!(error instanceof BusError) || !/UnitExists|TransactionIsDestructive|JobTypeNotApplicable/.test(error.errorName)) throw error;
			const state = activeState(systemd, name);
			if (performance.now() < deadline && (state === "inactive" || state === "failed" || state === "deactivating")) {
				resetFailed(systemd, name);
				continue;
			}
			throw new CortenError("already-exists", `cannot make unit "${name}": there is one of that name, and it is ${state}`, {
				hint: "choose another with --unit NAME, or --unit none for a container outside of systemd's units",
			});
		}
	}
}

/** `active`, `inactive`, `failed`, `activating`, `deactivating`; inactive for one that is not loaded. */
export function activeState(systemd: Systemd, name: string): string {
	try {
		return String(unitProperty(systemd, name, "Unit", "ActiveState"));
	} catch (error) {
		if (error instanceof BusError) return "inactive";
		throw error;
	}
}

const time = (name: string, microseconds: bigint): Property => [name, { signature: "t", value: microseconds }];

function serviceProperties(request: ServiceRequest, version: number): Property[] {
	const { stopTimeoutSeconds: seconds, slice } = request;
	const run = (name: string, command: readonly string[] | undefined): Property[] =>
		command === undefined ? [] : [[name, { signature: "a(sasb)", value: [[command[0], command, false]] }]];
	const fields = Object.entries(request.logFields).map(([name, value]) => [...new TextEncoder().encode(`${name}=${value}`)]);
	return [
		text("Description", request.description),
		text("Type", "notify"),
		text("NotifyAccess", request.notifyAll ? "all" : "main"),
		...run("ExecStart", request.start),
		...run("ExecStartPost", request.started),
		...run("ExecStopPost", request.ended),
		text("SyslogIdentifier", request.identifier),
		["LogExtraFields", { signature: "aay", value: fields }],
		text("KillMode", "mixed"),
		["KillSignal", { signature: "i", value: request.stopSignal }],
		// systemd takes 0 for no limit.
		time("TimeoutStopUSec", seconds < 0 ? infinity : BigInt(Math.max(1, seconds * 1_000_000))),
		text("CollectMode", "inactive-or-failed"),
		...(request.delegate ? [flag("Delegate", true)] : []),
		...(slice === undefined ? [] : [text("Slice", slice)]),
		...restartProperties(request.restart, version),
		...request.properties,
	];
}

/** Signals that systemd takes for a clean end, and docker for a failure. */
const cleanSignals = [1, 2, 13, 15];

/** docker's policy: at once, then more and more slowly up to a minute (where systemd can), and without end unless a number is given. */
function restartProperties({ name, retries }: ServiceRequest["restart"], version: number): Property[] {
	if (name === "no") return [];
	return [
		text("Restart", name === "on-failure" ? "on-failure" : "always"),
		...(name === "on-failure" ? ([["RestartForceExitStatus", { signature: "(aiai)", value: [[], cleanSignals] }]] as const) : []),
		time("RestartUSec", 100_000n),
		...(version >= 254
			? ([["RestartSteps", { signature: "u", value: 10 }], time("RestartMaxDelayUSec", 60_000_000n)] satisfies Property[])
			: []),
		// The first start counts as well.
		time("StartLimitIntervalUSec", retries > 0 ? infinity : 0n),
		...(retries > 0 ? ([["StartLimitBurst", { signature: "u", value: retries + 1 }]] as const) : []),
	];
}

/** Asks for the end of a unit, also of one that waits for its next start. @returns its job, or undefined when there is no such unit */
export function askToStop({ bus }: Systemd, name: string): unknown {
	try {
		return bus.call(manager, "StopUnit", "ss", [name, "replace"])[0];
	} catch (error) {
		if (error instanceof BusError && error.errorName.endsWith("NoSuchUnit")) return undefined;
		throw error;
	}
}

/** Ends a unit and starts it. @throws `unavailable` when it does not come up */
export function restartUnit(systemd: Systemd, name: string): void {
	const [job] = systemd.bus.call(manager, "RestartUnit", "ss", [name, "replace"]);
	const result = waitForJob(systemd, job, jobTimeoutMs);
	if (result !== "done") throw new CortenError("unavailable", `cannot restart unit "${name}": systemd says "${result}"`);
}

/** How the main process `pid` of a unit's last run ended; undefined when systemd has forgotten it, or it still runs. */
export function mainExit(
	systemd: Systemd,
	name: string,
	pid: number,
): { readonly exitCode: number; readonly signal: number; readonly finishedAt: bigint } | undefined {
	const get = (property: string): unknown => unitProperty(systemd, name, "Service", property);
	try {
		if (Number(get("ExecMainPID")) !== pid) return undefined;
		const [code, status] = [Number(get("ExecMainCode")), Number(get("ExecMainStatus"))];
		const finishedAt = BigInt(get("ExecMainExitTimestamp") as bigint) * 1000n;
		if (code === 0 || finishedAt === 0n) return undefined;
		return code === 1 ? { exitCode: status, signal: 0, finishedAt } : { exitCode: 128 + status, signal: status, finishedAt };
	} catch (error) {
		if (error instanceof BusError) return undefined;
		throw error;
	}
}
