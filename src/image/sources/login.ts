// Whether a registry takes credentials: asked before they are kept.
// @see distribution-spec spec.md#endpoints end-1

import { CortenError } from "../../base/errors.ts";
import type { Credentials } from "./credentials.ts";
import { createSession, type RegistryOptions, refusal, request } from "./registry-session.ts";

/**
 * Asks a registry's `/v2/` with credentials.
 * @param domain host and port
 * @throws `permission-denied` when it does not take them; `unavailable`; `unsupported`
 */
export async function checkCredentials(domain: string, credentials: Credentials, options: RegistryOptions): Promise<void> {
	const what = `log in to "${domain}"`;
	const session = createSession({ domain, repository: "" }, { ...options, credentials }, []);
	// The address is that of the repository "", so the registry's own.
	const reply = await request(session, "../v2/", {}, what);
	if (reply.status === 200) return await reply.discard();
	if (reply.status === 404) {
		await reply.discard();
		throw new CortenError("unavailable", `cannot ${what}: it is no registry, it knows no /v2/`);
	}
	throw await refusal(reply, what);
}
