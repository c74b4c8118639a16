// Whether this process is a service of systemd's, and what its manager told it. @see systemd.exec(5) "Environment Variables Set or
// Propagated by the Service Manager", sd_notify(3)

/** The unit that started this process. */
export type Service = {
	/** `web.service` */
	readonly name: string;
	/** Of a user's manager. */
	readonly user: boolean;
	/** 32 hexadecimal digits, another one with each start; "" when the manager gave none. */
	readonly invocation: string;
	/** Where the manager takes messages, when it does from this process. */
	readonly socket: string | undefined;
};

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The unit this process is the main process of. One that merely runs somewhere in a unit (a shell of a session, a job of a runner) is not
 * its service: nobody waits for that one to hand over.
 * @param pid of this process: the manager names the process it has started
 * @param readCgroups the caller's cgroups by controller; asked only in a unit
 * @param asked whether the caller insists on messages (`--sdnotify`): then the manager's socket is enough
 * @returns undefined outside of a service
 */
export function findService(
	env: Environment,
	pid: number,
	readCgroups: () => Readonly<Record<string, string>>,
	asked: boolean,
): Service | undefined {
	const socket = env.NOTIFY_SOCKET === "" ? undefined : env.NOTIFY_SOCKET;
	if (env.SYSTEMD_EXEC_PID !== String(pid) && !(asked && socket !== undefined)) return undefined;
	const own = readCgroups();
	// In a container the machine may have a hierarchy that the container's own manager does not use.
	const path = [own["name=systemd"], own[""]].find((found) => found?.includes(".service")) ?? "";
	const name = path.split("/").findLast((part) => part.endsWith(".service"));
	if (name === undefined) return undefined;
	return { name, user: path.includes("/user@") && !name.startsWith("user@"), invocation: env.INVOCATION_ID ?? "", socket };
}

/** What the manager, or the login of its user, sets for the process that it starts, and not for the payload. */
const managers = new Set(
	"PATH HOME USER LOGNAME SHELL PWD OLDPWD SHLVL TERM _ NOTIFY_SOCKET SYSTEMD_EXEC_PID JOURNAL_STREAM MANAGERPID MANAGERPIDFDID MAINPID MAINPIDFDID LISTEN_PID LISTEN_PIDFDID LISTEN_FDS LISTEN_FDNAMES WATCHDOG_PID WATCHDOG_USEC XDG_RUNTIME_DIR XDG_SESSION_ID XDG_DATA_DIRS DBUS_SESSION_BUS_ADDRESS DBUS_SYSTEM_BUS_ADDRESS CORTEN_OPEN_FILES CORTEN_UID BUN_JSC_forceRAMSize MEMORY_PRESSURE_WATCH MEMORY_PRESSURE_WRITE PIDFILE FDSTORE REMOTE_ADDR REMOTE_PORT".split(
		" ",
	),
);

/** Environment= and EnvironmentFile= of the unit, as `NAME=value`. */
export function unitEnvironment(env: Environment): string[] {
	return Object.entries(env).flatMap(([name, value]) => (value === undefined || managers.has(name) ? [] : [`${name}=${value}`]));
}

/** Folders that the manager has made for the service, with the variable that names them. @see systemd.exec(5) RuntimeDirectory= */
export const directoryVariables = [
	"RUNTIME_DIRECTORY",
	"STATE_DIRECTORY",
	"CACHE_DIRECTORY",
	"LOGS_DIRECTORY",
	"CONFIGURATION_DIRECTORY",
] as const;

/** The absolute paths in a variable of {@link directoryVariables}. */
export function unitDirectories(env: Environment): { readonly path: string; readonly readonly: boolean }[] {
	return directoryVariables.flatMap((name) =>
		(env[name] ?? "")
			.split(":")
			.filter((path) => path.startsWith("/"))
			.map((path) => ({ path, readonly: name === "CONFIGURATION_DIRECTORY" })),
	);
}

/** How many descriptors from 3 up the manager has passed; 0 without, or when they are another process's. */
export function listenFds(env: Environment, pid: number): number {
	const count = Number(env.LISTEN_FDS ?? 0);
	return env.LISTEN_PID === String(pid) && Number.isInteger(count) && count > 0 && count <= 4096 ? count : 0;
}
