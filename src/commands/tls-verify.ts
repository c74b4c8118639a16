// --tls-verify=BOOL, as podman and skopeo spell it.

import { CortenError } from "../base/errors.ts";

/** Parses the option's value; true if it was not given. @throws `invalid-argument` */
export function parseTlsVerify(text: string | undefined): boolean {
	if (text === undefined || /^(?:true|1)$/i.test(text)) return true;
	if (/^(?:false|0)$/i.test(text)) return false;
	throw new CortenError("invalid-argument", `cannot use "${text}" as --tls-verify: expected true or false`, { at: "--tls-verify" });
}
