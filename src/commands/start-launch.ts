// A container that is there already is started: its config.json and start.json become a plan again, and this process becomes launch, as
// `corten run` does with a new one. In a unit the payload becomes the unit's main process.

import { CortenError } from "../base/errors.ts";
import { decodeConfig } from "../bundle/config-decode.ts";
import { becomeLaunch } from "../launch/spawn.ts";
import { exists, type Fd, readText, rename, replaceFile, unlink } from "../linux/file.ts";
import { readHostFacts, readOwnCgroups } from "../linux/host.ts";
import { check, syscall } from "../linux/libc.ts";
import { sleep } from "../linux/sleep.ts";
import { nr } from "../linux/syscalls.ts";
import { containerCgroups, unitCgroups } from "../plan/cgroup-paths.ts";
import { compile } from "../plan/compile.ts";
import { encodePlan } from "../plan/encode.ts";
import type { Frame } from "../plan/frame.ts";
import { hostNeeds } from "../plan/host-needs.ts";
import type { Config } from "../spec/runtime.ts";
import { forgetHealth } from "../supervise/health.ts";
import { nameLink } from "../supervise/layout.ts";
import { claimUnit } from "../supervise/reclaim.ts";
import { type ContainerRecord, encodeRecord } from "../supervise/record.ts";
import { lockFolder } from "../supervise/remove.ts";
import { readStartFile, type StartFile } from "../supervise/start-file.ts";
import { type Container, readContainer } from "../supervise/state.ts";
import type { Service } from "../systemd/service.ts";
import type { Context } from "./command.ts";
import { prepareHealth } from "./run-health.ts";
import { callerTerminalSize } from "./terminal.ts";

const F_SETFD = 2;

/** How it is started. */
export type LaunchRequest =
	/** As the service of a unit. errors: the descriptor of a file that gets launch's error as a line of JSON, beside stderr. */
	| { readonly how: "unit"; readonly service: Service; readonly errors: Fd | undefined }
	/** launch stays in the background, and prints the word when the payload runs. */
	| { readonly how: "detached"; readonly message: string }
	/** launch stays in the foreground, with the caller's descriptors. */
	| { readonly how: "attached"; readonly input: boolean };

/** What the next start needs of a container's folder. @throws `unsupported` for one that was started once and cannot be again */
export function readStartable({ folder, record }: Pick<Container, "folder" | "record">): { start: StartFile; config: Config } {
	const start = readStartFile(folder);
	if (start === undefined) {
		throw new CortenError("unsupported", `cannot start container "${record.name}" again: it was made for one start`, {
			hint: "corten create and corten run (without --rm) make containers that can be started again",
		});
	}
	const path = `${folder}/config.json`;
	return { start, config: decodeConfig(readText(path), path) };
}

/**
 * Becomes launch. The container keeps its id, its name and its writable layer; the traces of its last run go.
 * @throws `wrong-state` when it runs; what the stages throw. The container stays as it was then
 */
export function launchExisting(context: Context, container: Container, request: LaunchRequest): never {
	const { record, folder } = container;
	using lock = lockForStart(context.root, container);
	const { start, config } = readStartable(container);
	const host = readHostFacts({ ...hostNeeds(config.process, config.linux), layersFolder: `${context.root}/layers` });
	const unit = request.how === "unit" ? unitParts(request.service, start, host, record.id) : undefined;
	const cgroups = unit?.cgroups ?? (host.initialUserNamespace ? containerCgroups(config, host.cgroup, folder) : []);
	const place = unit?.place ?? null;
	if (place !== null) claimUnit(context.root, place, record.id);
	const size = request.how === "unit" ? undefined : callerTerminalSize(record.terminal);
	const surroundings: Frame = {
		folder,
		stage: `${context.runroot}/stage`,
		files: start.files,
		...(request.how === "detached" && { detachMessage: request.message }),
		output: request.how === "detached" ? "log" : "inherit",
		input: request.how === "attached" && request.input ? "inherit" : "null",
		...(size !== undefined && { terminalSize: size }),
		...(start.pidFile !== "" && { pidFile: start.pidFile }),
		// In a unit its last command removes it.
		atEnd:
			record.removeAtEnd && request.how !== "unit" ? { kind: "remove", nameLink: nameLink(context.root, record.name) } : { kind: "keep" },
		again: true,
		cgroups,
		...(host.initialUserNamespace ? {} : { cgroups: [], rootless: true }),
		...unit?.frame,
	};
	const next = describeStart(container, place, cgroups);
	const whenHealthy = start.sdnotify === "healthy";
	const service = request.how === "unit" ? request.service : undefined;
	const probed = { folder, record: next, bundle: { config }, host };
	if (next.health !== null) forgetHealth(folder);
	const frame: Frame = { ...surroundings, ...prepareHealth(context, probed, service, surroundings, whenHealthy) };
	const plan = compile({ config: unit === undefined ? config : withoutLimits(config), rootfs: start.rootfs, host, frame });
	const errors = request.how === "unit" ? request.errors : undefined;
	const bytes = encodePlan(plan, {
		lockFd: lock.number,
		json: context.logFormat === "json",
		times: context.logLevel === "debug",
		endAsPayload: unit !== undefined,
		...(errors !== undefined && { log: { fd: errors.number, format: "json" } }),
	});
	for (const fd of [lock, errors])
		if (fd !== undefined) check(syscall(nr.fcntl, fd.number, F_SETFD, 0), "cannot keep a descriptor for launch");
	// Only now, when no more can fail here, does the last run's end go.
	replaceFile(`${folder}/container.json`, encodeRecord(next), 0o600, false);
	unlink(`${folder}/pid`);
	// Kept for who waits for the end of the last run and is told a moment later.
	if (exists(`${folder}/exit`)) rename(`${folder}/exit`, `${folder}/last-exit`);
	return becomeLaunch(bytes);
}

function describeStart(
	{ record }: Container,
	place: NonNullable<ContainerRecord["unit"]> | null,
	cgroups: readonly { readonly path: string }[],
): ContainerRecord {
	const unit = place === null ? null : { ...place, own: record.unit?.own === true && record.unit.name === place.name };
	return { ...record, unit, cgroups: cgroups.map(({ path }) => path) };
}

/** The folder's lock, which launch keeps. A ps or a sweep has it for a moment only. */
function lockForStart(root: string, { record, folder }: Container): Fd {
	for (let attempt = 0; ; attempt++) {
		const fd = lockFolder(folder);
		const state = readContainer(root, record.id)?.state;
		if (state === undefined) throw new CortenError("not-found", `cannot find container "${record.name}"`);
		if (fd !== undefined && state.process === null) return fd;
		fd?.[Symbol.dispose]();
		if (state.process === null && attempt < 500) {
			sleep(2);
			continue;
		}
		throw new CortenError(
			"wrong-state",
			`cannot start container "${record.name}": it is ${state.process === null ? "being started, or files of it are copied" : "running"}`,
		);
	}
}

function unitParts(
	service: Service,
	{ sdnotify }: StartFile,
	host: ReturnType<typeof readHostFacts>,
	id: string,
): { place: NonNullable<ContainerRecord["unit"]>; cgroups: NonNullable<Frame["cgroups"]>; frame: Partial<Frame> } {
	const { name, invocation, user, socket } = service;
	const parts = unitCgroups(host, readOwnCgroups(), id);
	return {
		place: { name, invocation, user, own: false },
		cgroups: parts.cgroups,
		frame: {
			...parts,
			...(socket !== undefined && sdnotify !== "healthy" && { watch: "leave", handOver: { socket, ready: sdnotify === "conmon" } }),
		},
	};
}

/** In a unit they are the unit's. */
function withoutLimits(config: Config): Config {
	const { devices } = config.linux.resources ?? {};
	return { ...config, linux: { ...config.linux, resources: devices === undefined ? {} : { devices } } };
}
