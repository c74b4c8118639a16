// --systemd-cgroup: the container's cgroup is that of a transient scope. A scope begins with a process in it, and this process becomes
// launch before there is one: a second corten talks to systemd meanwhile, hears the new process's pid from launch, and answers when the
// scope is there. docs/decisions/0012.

import { CortenError } from "../base/errors.ts";
import { Fd, O_CLOEXEC, readTextIfPresent } from "../linux/file.ts";
import { type HostFacts, readOwnCgroups } from "../linux/host.ts";
import { check, syscall } from "../linux/libc.ts";
import { startSelf } from "../linux/native.ts";
import { nr } from "../linux/syscalls.ts";
import { weightOfShares } from "../plan/cgroup2-settings.ts";
import type { Config, Resources } from "../spec/runtime.ts";
import { annotationProperties, oomPolicy, type PropertyContext, resourceProperties, text } from "../systemd/properties.ts";
import { attachProcess, connectSystemd, controlGroup, setProperties, startScope, stopUnit } from "../systemd/scope.ts";
import { type Unit, unitOf } from "../systemd/unit.ts";
import type { RuntimeContext } from "./command.ts";
import { encodeJson } from "./stats-json.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const F_DUPFD = 0;
/** Above those that --preserve-fds may keep for the payload. */
const highFd = 512;

/** Everything the second corten is told, as the operand of `systemd-scope`. */
export type ScopeOrder = {
	readonly id: string;
	readonly user: boolean;
	readonly version: 1 | 2;
	readonly unit: Unit;
	readonly resources: Resources;
	readonly annotations: Readonly<Record<string, string>>;
};

/** A scope that is planned. */
export type PlannedScope = {
	readonly order: ScopeOrder;
	/** The cgroup below the mount points. */
	readonly path: string;
};

/**
 * What the scope of a new container will be.
 * @throws `invalid-spec`; `unsupported` for cgroup v1 without rights; `unavailable` where systemd does not run
 */
export function planScope(config: Config, id: string, host: Pick<HostFacts, "cgroup">, user: boolean): PlannedScope {
	const { version } = host.cgroup;
	if (user && version === 1)
		throw new CortenError("unsupported", "cannot use rootless systemd cgroups manager on cgroup v1", { at: "--systemd-cgroup" });
	const unit = unitOf(config.linux.cgroupsPath, id, user);
	annotationProperties(config.annotations ?? {}); // refused here, where the message is seen first
	const order = { id, user, version, unit, resources: config.linux.resources ?? {}, annotations: config.annotations ?? {} };
	return { order, path: managerCgroup(user) + unit.path };
}

/** The cgroup below which the manager has its slices; "" on a whole machine. */
function managerCgroup(user: boolean): string {
	if (user) {
		using systemd = connectSystemd(true);
		return controlGroup(systemd);
	}
	if (readTextIfPresent("/proc/1/comm")?.trim() !== "systemd") {
		throw new CortenError("unavailable", "cannot make a scope: systemd does not run this machine", { at: "--systemd-cgroup" });
	}
	const own = readOwnCgroups(1);
	return (own["name=systemd"] ?? own[""] ?? "/").replace(/\/(init\.scope)?$/, "");
}

/**
 * Starts the second corten.
 * @returns the descriptor by which launch introduces the new process; it stays open over execve
 */
export function spawnScopeMaker({ log }: RuntimeContext, order: ScopeOrder): number {
	const ends = new Int32Array(2);
	check(syscall(nr.socketpair, AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0, ends), "cannot make a pair of sockets");
	using ours = new Fd(ends[0] ?? -1);
	using theirs = new Fd(ends[1] ?? -1);
	const globals = [...(log.file === undefined ? [] : ["--log", log.file]), "--log-format", log.format];
	startSelf(["corten-runtime", ...globals, "systemd-scope", encodeJson(order)], theirs.number);
	return check(syscall(nr.fcntl, ours.number, F_DUPFD, highFd), "cannot keep a socket");
}

function contextOf(version: 1 | 2, systemd: number): PropertyContext {
	return { version, systemd, weightOfShares };
}

/** The second corten's work: makes the scope around the process. @throws `unavailable` with what systemd says */
export function makeScope({ id, user, version, unit, resources, annotations }: ScopeOrder, pid: number): void {
	using systemd = connectSystemd(user);
	startScope(systemd, {
		unit,
		description: `corten container ${id}`,
		pid,
		version,
		properties: [
			// A unit that has failed (by the out-of-memory killer) is forgotten as well, so that its name is free.
			text("CollectMode", "inactive-or-failed"),
			...resourceProperties(resources, contextOf(version, systemd.version)),
			...oomPolicy(resources.unified, systemd.version),
			...annotationProperties(annotations),
		],
	});
}

/** New limits for the unit; the cgroup's files are written beside. @throws `unavailable` with what systemd says */
export function updateScope(unit: string, resources: Resources, version: 1 | 2, user: boolean): void {
	using systemd = connectSystemd(user);
	setProperties(systemd, unit, resourceProperties(resources, contextOf(version, systemd.version)));
}

/** Has the manager of our user move this process into a unit. @param below a cgroup in it, "" for its own @throws `unavailable` */
export function enterScope(unit: string, below: string): void {
	using systemd = connectSystemd(true);
	attachProcess(systemd, unit, below === "" ? "/" : below, process.pid);
}

/** Ends the unit. @throws `unavailable` with what systemd says */
export function removeScope(unit: string, user: boolean): void {
	using systemd = connectSystemd(user);
	stopUnit(systemd, unit);
}
