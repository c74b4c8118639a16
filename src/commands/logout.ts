// corten logout: forgets the credentials of a registry.

import { CortenError } from "../base/errors.ts";
import { forgetCredentials } from "../image/sources/credentials-write.ts";
import { defineCommand } from "./command.ts";
import { registryKey } from "./login.ts";

/** `corten logout` */
export const command = defineCommand({
	summary: "log out of a registry",
	usage: "[OPTIONS] [REGISTRY]",
	options: {
		all: { kind: "flag", short: "a", help: "of every registry" },
		authfile: { kind: "value", metavar: "FILE", help: "credentials file (default: $REGISTRY_AUTH_FILE, or podman's and docker's)" },
	},
	operands: { min: 0, max: 1 },
	description: [
		"Removes the credentials of REGISTRY (docker.io if none is named) from the files in which pull and push look for them, and from the credential helper.",
	],
	examples: [["corten logout quay.io", "forget one"]],
	seeAlso: ["corten-login(1)"],
	run: async (context, options, [registry = "docker.io"]) => {
		const environment = options.authfile === undefined ? process.env : { ...process.env, REGISTRY_AUTH_FILE: options.authfile };
		const forgotten = await forgetCredentials(options.all ? undefined : registryKey(registry), environment);
		if (forgotten.length === 0 && !options.all) throw new CortenError("not-found", `cannot log out of "${registry}": not logged in`);
		for (const name of forgotten) context.print(`Removed login credentials for ${name}\n`);
		return 0;
	},
});
