// The process of an exec: the container's own as config.json has it, changed by the options; or a whole one from a file.

import { CortenError } from "../base/errors.ts";
import { decodeProcess } from "../bundle/config-decode.ts";
import { readFile } from "../linux/file.ts";
import type { CapabilitySets, Process } from "../spec/runtime.ts";

/** What the options of exec change. */
export type ExecChanges = {
	readonly process: string | undefined;
	readonly cwd: string | undefined;
	readonly env: readonly string[];
	readonly tty: boolean;
	readonly user: string | undefined;
	readonly "additional-gids": readonly string[];
	readonly "process-label": string | undefined;
	readonly apparmor: string | undefined;
	readonly "no-new-privs": boolean;
	readonly cap: readonly string[];
};

/**
 * Composes it.
 * @param args the command and its arguments; empty only with --process
 * @throws `invalid-argument` for a user, group or command that cannot be; `invalid-spec` for a file that is no process
 */
export function composeProcess(own: Process, changes: ExecChanges, args: readonly string[]): Process {
	if (changes.process !== undefined) return decodeProcess(readFile(changes.process, 16 << 20), `process "${changes.process}"`);
	if (args.length === 0) throw new CortenError("invalid-argument", "cannot exec nothing: process args cannot be empty");
	const gids = changes["additional-gids"].map((text) => parseId(text, "--additional-gids"));
	return {
		...own,
		args,
		env: [...own.env, ...changes.env],
		cwd: changes.cwd ?? own.cwd,
		terminal: changes.tty,
		user: { ...own.user, ...parseUser(changes.user), additionalGids: [...own.user.additionalGids, ...gids] },
		...(changes.apparmor !== undefined && { apparmorProfile: changes.apparmor }),
		...(changes["process-label"] !== undefined && { selinuxLabel: changes["process-label"] }),
		...(changes["no-new-privs"] && { noNewPrivileges: true }),
		...(changes.cap.length > 0 && { capabilities: withCapabilities(own.capabilities, changes.cap) }),
	};
}

function parseUser(text: string | undefined): { uid?: number; gid?: number } {
	if (text === undefined) return {};
	const [uid = "", gid, ...rest] = text.split(":");
	if (rest.length > 0) throw new CortenError("invalid-argument", `cannot use "${text}" as a user`, { at: "--user" });
	return { uid: parseId(uid, "--user"), ...(gid !== undefined && { gid: parseId(gid, "--user") }) };
}

function parseId(text: string, at: string): number {
	const id = Number(text);
	if (text.trim() !== "" && Number.isInteger(id) && id >= 0 && id < 0xffff_ffff) return id;
	throw new CortenError("invalid-argument", `cannot use "${text}" as an id: it is not a number`, { at });
}

/** In all sets but the ambient one, which an unprivileged program would keep over execve. */
function withCapabilities(own: CapabilitySets | undefined, added: readonly string[]): CapabilitySets {
	const join = (names: readonly string[] = []): readonly string[] => [...new Set([...names, ...added])];
	return {
		bounding: join(own?.bounding),
		effective: join(own?.effective),
		permitted: join(own?.permitted),
		inheritable: own?.inheritable ?? [],
		ambient: own?.ambient ?? [],
	};
}
