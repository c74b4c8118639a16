// HOME, which the clients expect of a runtime: containerd and Docker name a user by number and leave it to the runtime to look up where
// they live. The specification leaves it open; runc and crun both do it.

import { isError } from "../base/errors.ts";
import { readUserFiles } from "../bundle/user-files.ts";
import type { Process } from "../spec/runtime.ts";

/**
 * The process with HOME in its environment: as it is there, else from the /etc/passwd of `root`, else "/".
 * @param root folder of the container's root filesystem; it is not trusted, links do not lead out of it
 */
export function withHome(process: Process, root: string): Process {
	const { env, user } = process;
	if (env.some((entry) => entry.startsWith("HOME=") && entry.length > 5)) return process;
	return { ...process, env: [...env.filter((entry) => entry !== "HOME="), `HOME=${homeOf(user.uid, root)}`] };
}

function homeOf(uid: number, root: string): string {
	for (const line of passwdOf(root).split("\n")) {
		const [, , id, , , home = ""] = line.split(":");
		if (Number(id) === uid && id !== "" && home.startsWith("/")) return home;
	}
	return "/";
}

function passwdOf(root: string): string {
	try {
		return readUserFiles(root).passwd;
	} catch (error) {
		if (isError(error)) return "";
		throw error;
	}
}
