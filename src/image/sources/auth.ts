// Answers a registry's WWW-Authenticate challenge: Basic, or Bearer with a token from the service the challenge names.
// @see RFC 9110 section 11, and distribution's token specification

import { CortenError } from "../../base/errors.ts";
import { decodeJson, object, optional, quote, string } from "../../spec/decode.ts";
import type { Certificates } from "./certificates.ts";
import type { Credentials } from "./credentials.ts";
import { type Patience, readReply, send } from "./http.ts";

/** One challenge; parameter names are lower case. */
export type Challenge = { readonly scheme: string; readonly parameters: ReadonlyMap<string, string> };

/**
 * Parses a WWW-Authenticate header: several challenges may be joined by commas.
 * @returns those that could be parsed, in order; the scheme in lower case
 */
export function parseChallenges(header: string): readonly Challenge[] {
	const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
	const token = /[\s,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]*)))?/y;
	while (challenges.length < 16) {
		const match = token.exec(header);
		if (match?.[1] === undefined) break;
		const value = match[2]?.replace(/\\(.)/g, "$1") ?? match[3];
		if (value === undefined) challenges.push({ scheme: match[1].toLowerCase(), parameters: new Map() });
		else challenges.at(-1)?.parameters.set(match[1].toLowerCase(), value);
	}
	return challenges;
}

/** Whom a challenge is answered to. */
export type AuthContext = {
	/** The registry's own address, with the scheme in use. */
	readonly registry: URL;
	/** What a token must be good for: `repository:NAME:pull,push`. */
	readonly scopes: readonly string[];
	readonly tlsVerify: boolean;
	readonly certificates: Certificates;
	readonly patience: Patience;
	/** Looks up the credentials of this registry; called only when they are needed. */
	readonly credentials: () => Promise<Credentials | undefined>;
};

/**
 * Makes the Authorization header that answers a challenge.
 * @throws `permission-denied` without or with wrong credentials; `invalid-spec` for a challenge that must not be answered; `unavailable`
 */
export async function answerChallenge(header: string, context: AuthContext): Promise<string> {
	const challenges = parseChallenges(header);
	const bearer = challenges.find((challenge) => challenge.scheme === "bearer");
	const credentials = await context.credentials();
	if (bearer !== undefined) return `Bearer ${await fetchToken(bearer, context, credentials)}`;
	if (!challenges.some((challenge) => challenge.scheme === "basic")) {
		throw new CortenError("unsupported", `cannot authenticate to "${context.registry.host}": it asks for ${quote(header)}`);
	}
	if (credentials === undefined || !("username" in credentials)) {
		throw new CortenError("permission-denied", `cannot authenticate to "${context.registry.host}": there are no credentials for it`);
	}
	return basic(credentials.username, credentials.password);
}

function basic(username: string, password: string): string {
	return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

// The realm is the registry's word for who gets the password. Anything but https could be read on the way, so plain http is good
// only for the very host that is spoken to in plain http already.
function realmOf(challenge: Challenge, context: AuthContext): URL {
	const text = challenge.parameters.get("realm") ?? "";
	const realm = URL.parse(text);
	const sameHost = realm?.protocol === "http:" && context.registry.protocol === "http:" && realm.hostname === context.registry.hostname;
	if (realm === null || (realm.protocol !== "https:" && !sameHost) || realm.username !== "" || realm.password !== "") {
		const message = `cannot authenticate to "${context.registry.host}": its token service ${quote(text)} is neither https nor the same host`;
		throw new CortenError("invalid-spec", message);
	}
	return realm;
}

async function fetchToken(challenge: Challenge, context: AuthContext, credentials: Credentials | undefined): Promise<string> {
	const url = realmOf(challenge, context);
	const service = challenge.parameters.get("service");
	// The scope is made here and not taken from the challenge: a registry must not choose what a token is good for.
	const query = new URLSearchParams();
	for (const scope of context.scopes) query.append("scope", scope);
	if (service !== undefined) query.set("service", service);
	const common = { tlsVerify: context.tlsVerify, certificates: context.certificates, patience: context.patience };
	const identity = credentials !== undefined && "identityToken" in credentials ? credentials.identityToken : undefined;
	if (identity === undefined) for (const [name, value] of query) url.searchParams.append(name, value);
	else {
		// Here the scopes are one parameter, with blanks between.
		query.set("scope", context.scopes.join(" "));
		query.set("grant_type", "refresh_token");
		query.set("refresh_token", identity);
		query.set("client_id", "corten");
	}
	const reply =
		identity === undefined
			? await send({
					...common,
					url,
					authorization:
						credentials !== undefined && "username" in credentials ? basic(credentials.username, credentials.password) : undefined,
				})
			: await send({
					...common,
					url,
					method: "POST",
					body: query.toString(),
					headers: { "content-type": "application/x-www-form-urlencoded" },
				});
	const what = `token of "${url.origin}"`;
	if (reply.status !== 200) {
		await reply.discard();
		const code = reply.status === 401 || reply.status === 403 || reply.status === 400 ? "permission-denied" : "unavailable";
		throw new CortenError(code, `cannot authenticate to "${context.registry.host}": "${url.origin}" answered with status ${reply.status}`);
	}
	const answer = decodeJson(
		object({ token: optional(string), access_token: optional(string) }),
		await readReply(reply, 1 << 20, what),
		what,
	);
	const token = answer.token || answer.access_token || "";
	// It becomes part of a header.
	if (!/^[\x21-\x7e]{1,65536}$/.test(token))
		throw new CortenError("invalid-spec", `cannot use the ${what}: it is empty or holds control characters`);
	return token;
}
