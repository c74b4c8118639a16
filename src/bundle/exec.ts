// A further process of a container: its own `process` of config.json, changed by what exec was asked for.

import type { HostFacts } from "../linux/host.ts";
import type { Config, Process } from "../spec/runtime.ts";
import { composeCapabilities } from "./capabilities.ts";
import { resolveUser, type UserFiles } from "./user.ts";

/** What `corten exec` was asked for; absent values are the container's own. */
export type ExecRequest = {
	readonly args: readonly string[];
	readonly tty: boolean;
	/** `NAME=value`, or `NAME` alone, which removes it. */
	readonly env: readonly string[];
	readonly workdir: string | undefined;
	readonly user: string | undefined;
	readonly privileged: boolean;
};

/**
 * The process to start in a running container.
 * @param users /etc/passwd and /etc/group as the container has them now; called only for --user
 * @throws `invalid-argument` for a user that is not there
 */
export function composeExecProcess(container: Process, request: ExecRequest, users: () => UserFiles, host: HostFacts): Process {
	const user = request.user === undefined ? undefined : resolveUser(request.user, users());
	const env = new Map(container.env.map(splitVariable));
	if (request.tty && !env.has("TERM")) env.set("TERM", "xterm");
	if (user !== undefined) env.set("HOME", user.home);
	for (const word of request.env) {
		const [name, value] = splitVariable(word);
		if (word.includes("=")) env.set(name, value);
		else env.delete(name);
	}
	return {
		...container,
		terminal: request.tty,
		args: request.args,
		env: [...env].map(([name, value]) => `${name}=${value}`),
		cwd: request.workdir ?? container.cwd,
		...(user !== undefined && { user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids } }),
		...(request.privileged && { capabilities: composeCapabilities({ capAdd: [], capDrop: [], privileged: true }, host) }),
	};
}

/** The seccomp section the process gets: the container's, none with --privileged. */
export function execSeccomp(config: Config, request: Pick<ExecRequest, "privileged">): Config["linux"]["seccomp"] {
	return request.privileged ? undefined : config.linux.seccomp;
}

function splitVariable(word: string): readonly [name: string, value: string] {
	const equals = word.indexOf("=");
	return equals < 0 ? [word, ""] : [word.slice(0, equals), word.slice(equals + 1)];
}
