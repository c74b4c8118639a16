// `corten run` as the service of a unit: the unit is the container. What the manager gives its service (environment, credentials, folders,
// sockets, user) becomes the payload's, limits become the unit's, and the payload its main process. docs/decisions/0017.

import { CortenError } from "../base/errors.ts";
import type { MountRequest, RunRequest } from "../bundle/request.ts";
import { AT_FDCWD } from "../linux/file.ts";
import { type HostFacts, readOwnCgroups } from "../linux/host.ts";
import { cString, syscall } from "../linux/libc.ts";
import { nr } from "../linux/syscalls.ts";
import { unitCgroups } from "../plan/cgroup-paths.ts";
import type { Frame, HandOver } from "../plan/frame.ts";
import type { ContainerRecord } from "../supervise/record.ts";
import { type Environment, listenFds, type Service, unitDirectories, unitEnvironment } from "../systemd/service.ts";

/** What is different in a unit. */
export type InUnit = {
	/** For the container's record. */
	readonly place: NonNullable<ContainerRecord["unit"]>;
	/** With what the unit gives the payload, and without limits: they are the unit's. */
	readonly request: RunRequest;
	/** Parts of the frame. */
	readonly frame: Pick<Frame, "watch" | "handOver" | "preserveFds" | "unitCgroup" | "cgroups" | "ownProc">;
};

/**
 * Makes a request that of a unit's service; changes the unit's properties where the request has limits.
 * @throws `unsupported` for what cannot be in a unit; `unavailable` when systemd must be asked and does not answer
 */
export async function enterUnit(service: Service, asked: RunRequest, id: string, host: HostFacts): Promise<InUnit> {
	const { env, pid } = process;
	const fds = listenFds(env, pid);
	if (fds > 0 && asked.pid === "host") {
		throw new CortenError("unsupported", "cannot pass sockets into the host's PID namespace: the payload's number is not known before", {
			at: "--pid",
		});
	}
	const handOver = handOverOf(service, asked);
	const shown = asked.sdnotify === "container" ? service.socket : undefined;
	const users = host.initialUserNamespace && hasUser(service, asked, env);
	// D-Bus is loaded by those alone that need it: it would be a sixth of the whole start.
	const manager = users || Object.keys(asked.resources).length > 0 ? await import("./unit-manager.ts") : undefined;
	manager?.holdLimits(service, asked, host);
	const own = readOwnCgroups();
	const request: RunRequest = {
		...asked,
		...(users && manager?.userOf(service, asked)),
		resources: {},
		detach: false,
		env: [...unitEnvironment(env), ...socketEnv(env, fds, asked), ...watchdogEnv(env, shown), ...asked.env],
		mounts: [...asked.mounts, ...unitMounts(env, shown, asked)],
	};
	return {
		place: { name: service.name, invocation: service.invocation, user: service.user, own: false },
		request,
		frame: {
			...(handOver !== undefined && { watch: "leave", handOver }),
			...(fds > 0 && { preserveFds: fds }),
			...(syscall(nr.faccessat, AT_FDCWD, cString("/proc/sys/net"), W_OK) < 0 && { ownProc: true }),
			...unitCgroups(host, own, id),
		},
	};
}

/** Whether the unit has User= or DynamicUser= and corten has kept its privilege (ExecStart=!). An option wins. */
function hasUser(service: Service, { user }: RunRequest, { USER: name = "root" }: Environment): boolean {
	return name !== "root" && user === undefined && !service.user;
}

const W_OK = 2;
const EROFS = -30;
const ENOSYS = -38;

/**
 * What the unit's own sandbox must leave to corten.
 * @throws `unsupported` with the unit's setting that does not
 */
export function checkSandbox({ name }: Service, folders: readonly string[]): void {
	for (const folder of folders) {
		if (syscall(nr.faccessat, AT_FDCWD, cString(folder), W_OK) !== EROFS) continue;
		throw new CortenError("unsupported", `cannot write "${folder}" in unit "${name}": it is read-only there`, {
			hint: `ProtectSystem=strict and the like need: ReadWritePaths=${folders.join(" ")}`,
		});
	}
	// How every path inside a container is opened; the kernel's answer to a call without arguments would be another.
	if (syscall(nr.openat2, AT_FDCWD, cString("/"), null, 0) !== ENOSYS) return;
	throw new CortenError("unsupported", `cannot open paths inside a container in unit "${name}": its system call filter forbids openat2`, {
		hint: "RestrictSUIDSGID= and DynamicUser= do, for they cannot look into it: write ExecStart=+/usr/bin/corten ..., or allow it",
	});
}

/** Whom the payload belongs to; undefined: launch stays and watches. */
function handOverOf({ socket, name }: Service, { sdnotify = "conmon", detach, tty }: RunRequest): HandOver | undefined {
	if (tty && (socket !== undefined || detach) && sdnotify !== "ignore") {
		throw new CortenError(
			"unsupported",
			`cannot hand a container with a terminal over to unit "${name}": nobody would serve the terminal`,
			{
				at: "--tty",
				hint: "--sdnotify=ignore and Type=simple keep launch with it",
			},
		);
	}
	if (sdnotify === "healthy") return undefined; // launch stays until then
	if (socket !== undefined && sdnotify !== "ignore") return { socket, ready: sdnotify === "conmon" };
	return detach ? { ready: false } : undefined;
}

/** sd_listen_fds(3): the first process of a PID namespace is 1, and behind --init the payload is 2. */
function socketEnv({ LISTEN_FDNAMES: names }: Environment, fds: number, { init }: RunRequest): string[] {
	if (fds === 0) return [];
	return [`LISTEN_FDS=${fds}`, `LISTEN_PID=${init ? 2 : 1}`, ...(names === undefined ? [] : [`LISTEN_FDNAMES=${names}`])];
}

/** sd_watchdog_enabled(3): without WATCHDOG_PID it holds for whoever reads it. */
function watchdogEnv({ WATCHDOG_USEC: time }: Environment, socket: string | undefined): string[] {
	if (socket === undefined) return [];
	return [`NOTIFY_SOCKET=${socket}`, ...(time === undefined ? [] : [`WATCHDOG_USEC=${time}`])];
}

function unitMounts(env: Environment, socket: string | undefined, { mounts, network }: RunRequest): MountRequest[] {
	const bind = (source: string, readonly: boolean): MountRequest => ({
		...{ kind: "bind", source, target: source, readonly: readonly ? "yes" : "no", recursive: false, propagation: "rprivate" },
		...{ flags: ["nosuid", "nodev"], createSource: false, at: "the unit" },
	});
	const credentials = env.CREDENTIALS_DIRECTORY ?? "";
	if (socket?.startsWith("@") === true && network !== "host") {
		throw new CortenError("unsupported", `cannot show the abstract socket "${socket}" to a container with a network of its own`, {
			at: "--sdnotify",
		});
	}
	const all = [
		...(credentials.startsWith("/") ? [bind(credentials, true)] : []),
		...unitDirectories(env).map(({ path, readonly }) => bind(path, readonly)),
		...(socket?.startsWith("/") === true ? [bind(socket, false)] : []),
	];
	// A volume of the person's own choice at such a place is meant.
	return all.filter(({ target }) => !mounts.some((mount) => mount.target === target));
}
