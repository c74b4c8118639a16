// The JSON of one container, as `docker inspect` has it, from its record, its state and the config.json it was started from. Free maps
// (labels) are Maps, so that a template may ask for a key that is not there.

import { readTextIfPresent } from "../linux/file.ts";
import { formatSignal } from "../linux/signals.ts";
import { readHealth } from "../supervise/health.ts";
import { readRestarts, readStartFile } from "../supervise/start-file.ts";
import type { Container } from "../supervise/state.ts";
import { formatTime, stateWord } from "./container-view.ts";

/** The parts of config.json that are shown, if they are there. */
type ConfigView = {
	readonly hostname?: string;
	readonly domainname?: string;
	readonly root?: { readonly readonly?: boolean };
	readonly process?: {
		readonly env?: readonly string[];
		readonly cwd?: string;
		readonly user?: { readonly uid?: number; readonly gid?: number };
		readonly capabilities?: { readonly bounding?: readonly string[] };
	};
	readonly linux?: {
		readonly cgroupsPath?: string;
		readonly resources?: {
			readonly memory?: { readonly limit?: number };
			readonly pids?: { readonly limit?: number };
			readonly cpu?: { readonly shares?: number; readonly quota?: number; readonly period?: number; readonly cpus?: string };
		};
	};
};

/** Our own file, shown and never acted upon: a torn one shows less. */
function readConfig(folder: string): ConfigView {
	try {
		return JSON.parse(readTextIfPresent(`${folder}/config.json`) ?? "{}") as ConfigView;
	} catch {
		return {};
	}
}

/** A container as docker's JSON. */
export function inspectContainer(container: Container): Record<string, unknown> {
	const { record, folder } = container;
	const config = readConfig(folder);
	return {
		Id: record.id,
		Created: record.created,
		Path: record.path,
		Args: record.args,
		State: inspectState(container),
		Image: record.image?.configDigest ?? "",
		LogPath: record.detached && record.unit === null ? `${folder}/log` : "",
		Name: `/${record.name}`,
		RestartCount: readRestarts(folder),
		Driver: record.rootfs === null ? "erofs" : "rootfs",
		Platform: "linux",
		HostConfig: inspectHostConfig(container, config),
		GraphDriver: {
			Name: record.rootfs === null ? "erofs" : "rootfs",
			Data:
				record.rootfs === null
					? { Layers: record.layers, UpperDir: `${folder}/upper`, WorkDir: `${folder}/work` }
					: { RootFs: record.rootfs },
		},
		Mounts: record.mounts.map(({ type, source, destination, readonly }) => ({
			Type: type,
			Source: source,
			Destination: destination,
			Mode: readonly ? "ro" : "",
			RW: !readonly,
			Propagation: type === "bind" ? "rprivate" : "",
		})),
		Config: inspectConfig(container, config),
		NetworkSettings: { Ports: new Map(), Networks: new Map([[record.network, {}]]) },
		Annotations: new Map(Object.entries(record.annotations)),
		ImageDigest: record.image?.digest ?? "",
		BundlePath: folder,
		Unit:
			record.unit === null
				? null
				: { Name: record.unit.name, InvocationId: record.unit.invocation, User: record.unit.user, Own: record.unit.own },
	};
}

/** docker's State.Health; -1 is the exit code of a check that took too long. */
function inspectHealth({ record, folder, state }: Container): Record<string, unknown> {
	if (record.health === null) return {};
	const { status, failingStreak, log } = readHealth(folder, record.health, state.startedAt);
	return {
		Health: {
			Status: status,
			FailingStreak: failingStreak,
			Log: log.map(({ start, end, exitCode, output }) => ({
				Start: formatTime(start),
				End: formatTime(end),
				ExitCode: exitCode,
				Output: exitCode === -1 ? `Health check exceeded timeout\n${output}` : output,
			})),
		},
	};
}

function inspectHealthcheck({ health }: Container["record"]): Record<string, unknown> {
	if (health === null) return {};
	const nanoseconds = (ms: number): number => ms * 1_000_000;
	return {
		Healthcheck: {
			Test: health.test,
			Interval: nanoseconds(health.intervalMs),
			Timeout: nanoseconds(health.timeoutMs),
			StartPeriod: nanoseconds(health.startPeriodMs),
			StartInterval: nanoseconds(health.startIntervalMs),
			Retries: health.retries,
		},
		...(health.startup !== undefined && {
			StartupHealthCheck: {
				Test: health.startup.test,
				Interval: nanoseconds(health.startup.intervalMs),
				Timeout: nanoseconds(health.startup.timeoutMs),
				Retries: health.startup.retries,
				Successes: health.startup.successes,
			},
		}),
		HealthcheckOnFailureAction: health.onFailure,
	};
}

function inspectState(container: Container): Record<string, unknown> {
	const { state } = container;
	return {
		Status: stateWord(state),
		Running: state.status === "running",
		Paused: false,
		Restarting: false,
		OOMKilled: false,
		Dead: false,
		Pid: state.process?.pid ?? 0,
		ExitCode: state.exitCode,
		Error: "",
		StartedAt: formatTime(state.startedAt),
		FinishedAt: formatTime(state.finishedAt),
		...inspectHealth(container),
	};
}

function inspectHostConfig({ record, folder }: Container, { root, process, linux }: ConfigView): Record<string, unknown> {
	const start = readStartFile(folder);
	const { memory, pids, cpu } = linux?.resources ?? {};
	return {
		NetworkMode: record.network,
		AutoRemove: record.removeAtEnd,
		Binds: record.mounts
			.filter(({ type }) => type !== "tmpfs")
			.map(({ source, destination, readonly }) => `${source}:${destination}${readonly ? ":ro" : ""}`),
		ReadonlyRootfs: root?.readonly ?? false,
		Capabilities: process?.capabilities?.bounding ?? [],
		CgroupsPath: linux?.cgroupsPath ?? "",
		Memory: memory?.limit ?? 0,
		PidsLimit: pids?.limit ?? 0,
		CpuShares: cpu?.shares ?? 0,
		CpuQuota: cpu?.quota ?? 0,
		CpuPeriod: cpu?.period ?? 0,
		CpusetCpus: cpu?.cpus ?? "",
		RestartPolicy: { Name: start?.restart.name ?? "no", MaximumRetryCount: start?.restart.retries ?? 0 },
		LogConfig: { Type: record.unit !== null ? "journald" : record.detached ? "cri" : "none" },
	};
}

function inspectConfig({ record }: Container, { hostname, domainname, process }: ConfigView): Record<string, unknown> {
	const { uid = 0, gid = 0 } = process?.user ?? {};
	return {
		Hostname: hostname ?? "",
		Domainname: domainname ?? "",
		User: uid === 0 && gid === 0 ? "" : `${uid}:${gid}`,
		AttachStdin: !record.detached && record.openStdin,
		AttachStdout: !record.detached,
		AttachStderr: !record.detached,
		Tty: record.terminal,
		OpenStdin: record.openStdin,
		Env: process?.env ?? [],
		Cmd: [record.path, ...record.args],
		Image: record.image?.reference ?? "",
		WorkingDir: process?.cwd ?? "",
		Labels: new Map(Object.entries(record.labels)),
		StopSignal: formatSignal(record.stopSignal),
		StopTimeout: record.stopTimeoutSeconds,
		...inspectHealthcheck(record),
	};
}
