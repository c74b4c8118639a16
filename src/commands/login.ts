// corten login: credentials of a registry, checked and kept where podman and skopeo find them too.

import { isatty } from "node:tty";
import { CortenError } from "../base/errors.ts";
import { findCredentials } from "../image/sources/credentials.ts";
import { keepCredentials } from "../image/sources/credentials-write.ts";
import { checkCredentials } from "../image/sources/login.ts";
import { defineCommand } from "./command.ts";
import { readLine, readSecret } from "./prompt.ts";
import { parseRegistryOptions } from "./registry-options.ts";

/** `corten login` */
export const command = defineCommand({
	summary: "log in to a registry",
	usage: "[OPTIONS] [REGISTRY]",
	options: {
		username: { kind: "value", short: "u", metavar: "USER", help: "the user (default: asked for on a terminal)" },
		password: { kind: "value", short: "p", metavar: "PASSWORD", help: "the password; others can see it in the list of processes" },
		"password-stdin": { kind: "flag", help: "read the password from standard input" },
		"get-login": { kind: "flag", help: "print the user that is logged in, and no more" },
		authfile: { kind: "value", metavar: "FILE", help: "credentials file (default: $REGISTRY_AUTH_FILE, or podman's)" },
		"cert-dir": { kind: "value", metavar: "FOLDER", help: "certificates (default: /etc/containers/certs.d/HOST)" },
		"tls-verify": { kind: "value", metavar: "BOOL", help: "false: accept any certificate, and plain http (default true)" },
	},
	operands: { min: 0, max: 1 },
	description: [
		"Asks the registry (docker.io if none is named) whether it takes the credentials, and keeps them in $XDG_RUNTIME_DIR/containers/auth.json, as podman does, or in the " +
			"credential helper that this file names. REGISTRY may have a path: the credentials are for what is below it.",
	],
	examples: [
		["corten login quay.io", "asks for user and password"],
		["corten login -u ci --password-stdin registry.example.com < token", "in a script"],
	],
	seeAlso: ["corten-logout(1)", "corten-push(1)", "containers-auth.json(5)"],
	run: async (context, options, [registry = "docker.io"]) => {
		const key = registryKey(registry);
		const [domain = ""] = key.split("/");
		const parsed = parseRegistryOptions({ ...options, creds: undefined });
		const environment = parsed.environment ?? process.env;
		if (options["get-login"]) {
			const found = await findCredentials(domain, key.slice(domain.length + 1), environment);
			if (found === undefined || !("username" in found)) throw new CortenError("not-found", `cannot find a login for "${key}"`);
			context.print(`${found.username}\n`);
			return 0;
		}
		if (options["password-stdin"] && options.password !== undefined)
			throw new CortenError("invalid-argument", "cannot use --password and --password-stdin together");
		if (options["password-stdin"] && options.username === undefined)
			throw new CortenError("invalid-argument", "cannot use --password-stdin without --username");
		const username = options.username ?? (isatty(0) ? readLine("Username: ") : undefined);
		const password = options["password-stdin"] ? readLine("") : (options.password ?? (isatty(0) ? readSecret("Password: ") : undefined));
		if (!username || !password)
			throw new CortenError("invalid-argument", "cannot log in: no credentials", { hint: "give --username and --password-stdin" });
		await checkCredentials(domain, { username, password }, parsed);
		context.log("info", `kept in ${await keepCredentials(key, username, password, environment)}`);
		context.print("Login Succeeded!\n");
		return 0;
	},
});

/** The key of a registry in credentials files. @throws `invalid-argument` */
export function registryKey(text: string): string {
	const bare = text
		.replace(/^https?:\/\//, "")
		.replace(/\/+$/, "")
		.replace(/^(?:index|registry-1)\.docker\.io(?=\/|$)/, "docker.io")
		.replace(/\/v[12]$/, "");
	if (/^[A-Za-z0-9.[\]:-]+(?:\/[a-z0-9._/-]+)?$/.test(bare)) return bare;
	throw new CortenError("invalid-argument", `cannot parse registry ${JSON.stringify(text.slice(0, 200))}`);
}
