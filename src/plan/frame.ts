// What surrounds a container's start and is not in config.json: where its folder is, who watches it, what happens at its end.
// The command decides it; compile.ts turns it into the ops before clone3 and after execve.

import type { CgroupFolder } from "./cgroup-paths.ts";

/** A start in a unit of systemd's: the payload is the unit's main process. @see sd_notify(3) */
export type HandOver = {
	/** The manager's socket; without one nobody is told. */
	readonly socket?: string;
	/** Whether the new process says READY=1 before it becomes the payload. */
	readonly ready: boolean;
};

/** @see compile */
export type Frame = {
	/** The container's folder on the host (absolute): pid and exit files go there. */
	readonly folder: string;
	/** A folder that is always empty on the host, on which the container's mount namespace builds its root (absolute). */
	readonly stage: string;
	/** Given for `-d`: launch detaches and the first process prints this line when the payload runs. */
	readonly detachMessage?: string;
	/** `inherit`: the caller's own descriptors. `log`: pipes, copied into the log file `<folder>/log`. */
	readonly output: "inherit" | "log";
	/** `inherit` for -i, else /dev/null. */
	readonly input: "inherit" | "null";
	/** For a terminal: its first size. */
	readonly terminalSize?: { readonly rows: number; readonly columns: number };
	/**
	 * Bind sources that exist nowhere on the host: launch writes them on the stage, so that they need neither making nor removing.
	 * `source` is the mount's source in config.json.
	 */
	readonly files?: readonly { readonly source: string; readonly content: string }[];
	/** A further file that receives the payload's pid (`--pidfile`). */
	readonly pidFile?: string;
	/**
	 * `supervise`, the default: launch stays until the payload ends. `leave`: it ends when the payload runs. `gate`: it ends when the new
	 * process waits at its gate, the socket `start` in the folder.
	 */
	readonly watch?: "supervise" | "leave" | "gate";
	/** With `leave`: the new process becomes the caller's child, and its manager is told so. */
	readonly handOver?: HandOver;
	/** The container was there before, and stays when this start fails. */
	readonly again?: boolean;
	/** How launch, where it stays, has its container's health probed: by the plan `health.plan` in the folder. */
	readonly health?: {
		readonly intervalMs: number;
		readonly startMs: number;
		readonly startIntervalMs: number;
		/** What a probe that says something new goes on as. */
		readonly command: readonly string[];
		/** The socket of a unit's manager that waits for the first success; then nobody stays. */
		readonly manager?: string;
	};
	/** The cgroup v2 folder of the unit that the container is in: it gets the device rules, and nothing else is made. */
	readonly unitCgroup?: string;
	/** The caller's /proc/sys is not to be written (ProtectKernelTunables=): sysctls are set through a mount of proc of the plan's own. */
	readonly ownProc?: boolean;
	/** Where relative paths of config.json begin (absolute); the folder when it is not given. */
	readonly bundle?: string;
	/** Unix sockets that get the master end of the terminal, and the pidfd of the new process. */
	readonly consoleSocket?: string;
	readonly pidfdSocket?: string;
	/** So many descriptors from 3 up are the payload's. */
	readonly preserveFds?: number;
	/** Make the root by moving a mount onto /, for roots that cannot be pivoted to (an initramfs). */
	readonly noPivot?: boolean;
	/** Stay in the caller's session keyring. */
	readonly callersKeyring?: boolean;
	/** The container's state as hooks get it, without the pid that comes between the two parts; by the status at that point. */
	readonly hookState?: (status: "creating" | "created" | "running" | "stopped") => readonly [before: string, after: string];
	/** What a hook without `env` gets. */
	readonly hookEnv?: readonly string[];
	/** The container's cgroups, when the command has chosen them; else what config.json alone says. */
	readonly cgroups?: readonly CgroupFolder[];
	/** systemd makes a scope around the new process: the socket of whoever asks it to, see src/systemd/. */
	readonly scope?: { readonly fd: number };
	/** Without privilege over the host: device rules are tried. */
	readonly rootless?: boolean;
	/** At the end: keep the folder with its exit file, or remove everything and the name's link. */
	readonly atEnd: { readonly kind: "keep" } | { readonly kind: "remove"; readonly nameLink?: string };
};
