// Whether a registry, or an image in it, is not there at all.

import { isError } from "../../base/errors.ts";

/** Nobody listens, no such host, or no such image. */
export function isRegistryAbsent(error: unknown): boolean {
	if (isError(error, "not-found")) return true;
	for (let link: unknown = error; link instanceof Error; link = link.cause)
		if (
			"code" in link &&
			["ECONNREFUSED", "ConnectionRefused", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"].includes(String(link.code))
		)
			return true;
	return false;
}
