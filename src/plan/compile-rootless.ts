// What makes the caller root of a user namespace, a new one or that of a process, and then begins the program anew, with the same number.

import type { IdMapping } from "../spec/runtime.ts";
import { CLONE_NEWUSER } from "./namespaces.ts";
import type { Plan } from "./ops.ts";
import { add, type Steps, startSteps, takeSlot } from "./steps.ts";

/** Who is who in the namespace, and what begins there. */
export type RootlessEntry = {
	/** Whose namespace is joined; without it a new one is made. */
	readonly join?: { readonly pid: number; readonly startTime: bigint } | undefined;
	readonly uids: readonly IdMapping[];
	readonly gids: readonly IdMapping[];
	/** newuidmap and newgidmap, for mappings of more than the caller's own ids. */
	readonly helpers?: { readonly uid: string; readonly gid: string };
	readonly program: string;
	readonly argv: readonly string[];
	readonly env: readonly string[];
	/** launch changes it. */
	readonly umask: number;
};

/** @see enter_userns of ops.ts */
export function compileRootlessEntry(entry: RootlessEntry): Plan {
	const { join, program, argv, env, umask } = entry;
	const steps = startSteps();
	if (join === undefined) addNew(steps, entry);
	else {
		const slot = takeSlot(steps);
		add(steps, "pidfd_open", { out: slot, ...join }, `find process ${join.pid}`);
		add(steps, "setns", { slot, flags: CLONE_NEWUSER }, "join the user namespace of a container");
	}
	add(steps, "umask", { mask: umask }, "set the umask");
	add(steps, "execve", { candidates: [program], argv, envp: env }, `run "${program}"`);
	return { ops: steps.ops };
}

function addNew(steps: Steps, { uids, gids, helpers }: RootlessEntry): void {
	const lines = (mappings: readonly IdMapping[]): string =>
		helpers === undefined ? mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("") : "";
	const words = (helper: string | undefined, mappings: readonly IdMapping[]): string[] =>
		helper === undefined
			? []
			: [helper, ...mappings.flatMap(({ containerID, hostID, size }) => [`${containerID}`, `${hostID}`, `${size}`])];
	add(
		steps,
		"enter_userns",
		{ uids: lines(uids), gids: lines(gids), uidHelper: words(helpers?.uid, uids), gidHelper: words(helpers?.gid, gids) },
		"enter a user namespace",
	);
}
