// What surrounds a container's start and is not in config.json: where its folder is, who watches it, what happens at its end.
// The command decides it; compile.ts turns it into the ops before clone3 and after execve.

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
	/** At the end: keep the folder with its exit file, or remove everything and the name's link. */
	readonly atEnd: { readonly kind: "keep" } | { readonly kind: "remove"; readonly nameLink: string };
};
