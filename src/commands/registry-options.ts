// The options of every command that speaks with a registry, and what they mean.

import { CortenError } from "../base/errors.ts";
import type { RegistryOptions } from "../image/sources/registry-session.ts";
import { parseTlsVerify } from "./tls-verify.ts";

/** Spread into the options of a command. */
export const registryOptions = {
	"tls-verify": {
		kind: "value",
		metavar: "BOOL",
		help: "false: accept any certificate, and plain http (default: as registries.conf says, else true)",
	},
	authfile: { kind: "value", metavar: "FILE", help: "credentials file (default: $REGISTRY_AUTH_FILE, or podman's and docker's)" },
	"cert-dir": {
		kind: "value",
		metavar: "FOLDER",
		help: "*.crt: authorities; *.cert and *.key: client certificates (default: /etc/containers/certs.d/HOST)",
	},
	creds: { kind: "value", metavar: "USER:PASSWORD", help: "credentials, instead of those of files" },
} as const;

/** @throws `invalid-argument` */
export function parseRegistryOptions(options: {
	readonly "tls-verify": string | undefined;
	readonly authfile: string | undefined;
	readonly "cert-dir": string | undefined;
	readonly creds: string | undefined;
}): RegistryOptions {
	const colon = options.creds?.indexOf(":") ?? -1;
	if (options.creds !== undefined && colon < 1) throw new CortenError("invalid-argument", "cannot parse --creds: expected USER:PASSWORD");
	return {
		tlsVerify: parseTlsVerify(options["tls-verify"]),
		tlsVerifyGiven: options["tls-verify"] !== undefined,
		...(options.authfile === undefined ? {} : { environment: { ...process.env, REGISTRY_AUTH_FILE: options.authfile } }),
		...(options["cert-dir"] === undefined ? {} : { certificateFolder: options["cert-dir"] }),
		...(options.creds === undefined
			? {}
			: { credentials: { username: options.creds.slice(0, colon), password: options.creds.slice(colon + 1) } }),
	};
}
