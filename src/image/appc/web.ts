// How web servers of images are asked: over TLS, with the authorities and credentials configured for each host, and in plain http only where
// an operator said so. Redirects, stalls and retries are sources/http.ts's.

import { CortenError } from "../../base/errors.ts";
import type { Insecure } from "../../base/insecure.ts";
import { findCertificates } from "../sources/certificates.ts";
import { defaultPatience, type Patience, type Reply, readReply, send } from "../sources/http.ts";
import { findAuthorization } from "./auth.ts";
import { defaultKeystore, type Keystore } from "./keystore.ts";

/** How images are discovered and fetched. */
export type Web = {
	readonly insecure: Insecure;
	readonly keystore: Keystore;
	readonly patience: Patience;
	/** The port of a name's host, as actool has it; 443, and 80 for http, if not given. */
	readonly port?: number;
	/** Where else than in the system's folders to look. */
	readonly authFolders?: readonly string[];
	readonly certificateFolders?: readonly string[];
};

/** What a caller may leave out. */
export type WebOptions = Partial<Web>;

/** The usual settings, but for what is given. */
export function webOf(options: WebOptions | undefined): Web {
	return { insecure: new Set(), keystore: defaultKeystore, patience: { ...defaultPatience, attempts: 2 }, ...options };
}

/**
 * Asks for a URL.
 * @param plainHttp whether it, and what it redirects to, may be plain http
 * @throws `unavailable` when no reply came; `invalid-spec` for a redirect that must not be followed
 */
export async function ask(web: Web, url: URL, plainHttp: boolean, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
	return await send({
		url,
		headers,
		plainHttp,
		tlsVerify: !web.insecure.has("tls"),
		certificates: findCertificates(url.host, undefined, web.certificateFolders),
		patience: web.patience,
		// Who listens on the way must not read it.
		authorization: url.protocol === "https:" ? findAuthorization(url.host, web.authFolders) : undefined,
	});
}

/**
 * Fetches a small file.
 * @returns undefined when the server does not have it (404, 410)
 * @throws as {@link ask}; `permission-denied`, `unavailable` for other answers; `invalid-spec` beyond maxBytes
 */
export async function fetchSmall(web: Web, url: URL, plainHttp: boolean, maxBytes: number, what: string): Promise<Uint8Array | undefined> {
	const reply = await ask(web, url, plainHttp);
	if (reply.status === 200) return await readReply(reply, maxBytes, what);
	await reply.discard();
	if (reply.status === 404 || reply.status === 410) return undefined;
	throw refusal(reply, what);
}

/** The error of an answer that is no success. */
export function refusal(reply: Reply, what: string): CortenError {
	const denied = reply.status === 401 || reply.status === 403;
	const code = denied ? "permission-denied" : reply.status === 404 || reply.status === 410 ? "not-found" : "unavailable";
	return new CortenError(code, `cannot read ${what}: "${reply.url.host}" answered with status ${reply.status}`, {
		...(denied ? { hint: "passwords and tokens for hosts of images are in /etc/corten/auth.d" } : {}),
	});
}

/** A URL of a page's, if it may be used: https, or http where that is allowed; no password in it. @returns why not, as a string */
export function usableUrl(text: string, plainHttp: boolean): URL | string {
	// The parser of URLs would drop tabs and newlines and take the rest for one word.
	if (/[\u0000-\u0020\u007f\\]/.test(text)) return "it holds spaces, backslashes or control characters";
	if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return "it is no absolute URL";
	const url = URL.parse(text);
	if (url === null) return "it is no URL";
	if (url.protocol === "http:" && !plainHttp) return "it is plain http";
	if (url.protocol !== "https:" && url.protocol !== "http:") return `its scheme is ${url.protocol.slice(0, -1)}`;
	if (url.username !== "" || url.password !== "") return "it holds a password";
	url.hash = "";
	return url;
}
