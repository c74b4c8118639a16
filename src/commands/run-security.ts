// The words of --security-opt.
// @see docker-run(1) --security-opt

import { CortenError } from "../base/errors.ts";
import type { RunRequest } from "../bundle/request.ts";
import { decodeSeccompProfile } from "../bundle/seccomp-profile.ts";
import { parseBoolean } from "../bundle/size.ts";

type SecurityRequest = Pick<RunRequest, "noNewPrivileges" | "seccomp" | "protectSystemPaths" | "writableCgroups">;

const at = "--security-opt";

/**
 * Parses the words; the last of a kind wins.
 * @param readOptionFile reads a seccomp profile
 * @throws `invalid-argument`; `unsupported` for AppArmor and SELinux confinement; `invalid-spec` for a broken profile
 */
export function parseSecurityOptions(words: readonly string[], readOptionFile: (path: string, at: string) => Uint8Array): SecurityRequest {
	let request: SecurityRequest = { noNewPrivileges: false, seccomp: "default", protectSystemPaths: true, writableCgroups: false };
	for (const word of words) {
		// The colon is docker's older spelling.
		const [, key = "", value = ""] = /^([a-z-]+)(?:[=:]([\s\S]*))?$/.exec(word) ?? [];
		if (key === "no-new-privileges") request = { ...request, noNewPrivileges: parseBoolean(value || "true", key, at) };
		else if (key === "writable-cgroups") request = { ...request, writableCgroups: parseBoolean(value || "true", key, at) };
		else if (key === "seccomp" && value !== "") {
			const seccomp =
				value === "unconfined" ? value : value === "builtin" ? "default" : decodeSeccompProfile(readOptionFile(value, at), value);
			request = { ...request, seccomp };
		} else if (key === "systempaths" && value === "unconfined") request = { ...request, protectSystemPaths: false };
		else if ((key === "apparmor" && value === "unconfined") || (key === "label" && value === "disable")) continue;
		else if (["apparmor", "label", "credentialspec", "mask", "unmask", "proc-opts"].includes(key)) {
			throw new CortenError("unsupported", `cannot use security option "${word}": corten does not do this yet`, { at });
		} else throw new CortenError("invalid-argument", `cannot parse security option "${word}"`, { at });
	}
	return request;
}
