// What pulling from and pushing to a registry share: where it is, who we are there, and what its refusals mean.
// @see distribution-spec spec.md#endpoints, spec.md#error-codes

import { CortenError, isError } from "../../base/errors.ts";
import { decodeJson, fallback, list, object, quote, string } from "../../spec/decode.ts";
import type { Reference } from "../reference.ts";
import { loadRegistries } from "../registries/load.ts";
import { checkAllowed, type Place, primaryPlace } from "../registries/places.ts";
import { type AuthContext, answerChallenge } from "./auth.ts";
import { type Certificates, findCertificates } from "./certificates.ts";
import { type Credentials, findCredentials } from "./credentials.ts";
import { defaultPatience, isCertificateError, type Patience, type Reply, type Request, readReply, send } from "./http.ts";

/** How to reach a registry. */
export type RegistryOptions = {
	/** false accepts any certificate, and plain http. */
	readonly tlsVerify: boolean;
	/** Whether a person has said so: then it counts for every place, whatever registries.conf says. */
	readonly tlsVerifyGiven?: boolean;
	/** The reference is a place already, and registries.conf has been asked. */
	readonly placed?: boolean;
	readonly patience?: Patience;
	/** Where to look for credentials files; the program's environment if not given. */
	readonly environment?: Readonly<Record<string, string | undefined>>;
	/** Instead of what the files say. */
	readonly credentials?: Credentials;
	/** The folder with the certificates of this registry, in place of that of its name. */
	readonly certificateFolder?: string;
	/** Where to look for such folders; the system's if not given. */
	readonly certificateFolders?: readonly string[];
};

/** One repository of one registry, while it is worked with. */
export type Session = Omit<RegistryOptions, "credentials"> & {
	readonly reference: Pick<Reference, "domain" | "repository">;
	readonly patience: Patience;
	readonly certificates: Certificates;
	/** What a token must be good for: `repository:NAME:pull`. */
	readonly scopes: readonly string[];
	readonly ownCredentials: Credentials | undefined;
	base: Promise<URL> | undefined;
	authorization: string | undefined;
	/** While a challenge is being answered: who meets another meanwhile waits for the same answer. */
	answering: Promise<string> | undefined;
};

// Whatever is asked of a registry obeys registries.conf: whether it may be spoken to, and how. Only reading an image is redirected (placedSource does
// that): what is pushed goes to the registry that was named.
function createPlaced(name: Session["reference"], options: RegistryOptions, scopes: readonly string[]): Session {
	const { reference, ...place } = primaryPlace(loadRegistries(options.environment ?? process.env), name);
	checkAllowed({ reference, ...place });
	return createSession(name, optionsFor(name.domain, { reference: name, ...place }, options), scopes);
}

/**
 * How a place is spoken to. Credentials of the command line are meant for the registry that was named, and go nowhere else.
 * @param domain of the name that led there
 */
export function optionsFor(domain: string, place: Place, { credentials, ...options }: RegistryOptions): RegistryOptions {
	const tlsVerify = options.tlsVerifyGiven === true ? options.tlsVerify : options.tlsVerify && !place.insecure;
	return {
		...options,
		tlsVerify,
		placed: true,
		...(credentials !== undefined && place.reference.domain === domain ? { credentials } : {}),
	};
}

/**
 * Begins a session; nothing is sent. Credentials belong to this registry alone.
 * @throws `permission-denied` for a registry that is blocked; what {@link loadRegistries} throws
 */
export function createSession(
	reference: Pick<Reference, "domain" | "repository">,
	given: RegistryOptions,
	scopes: readonly string[] = [`repository:${reference.repository}:pull`],
): Session {
	if (given.placed !== true) return createPlaced(reference, given, scopes);
	const { credentials, ...options } = given;
	const certificates = findCertificates(reference.domain, options.certificateFolder, options.certificateFolders);
	const common = {
		reference,
		certificates,
		scopes,
		ownCredentials: credentials,
		base: undefined,
		authorization: undefined,
		answering: undefined,
	};
	return { patience: defaultPatience, ...options, ...common };
}

/** Whether a registry host is this machine: the only ones spoken to without TLS unasked. */
export function isLoopback(domain: string): boolean {
	const host = domain.replace(/:[0-9]+$/, "").toLowerCase();
	return host === "localhost" || host === "[::1]" || /^127(?:\.[0-9]{1,3}){3}$/.test(host);
}

// Hosts that may speak plain http are asked once which they speak; https wins. All others are https, whatever happens.
async function findBase(session: Session): Promise<URL> {
	const { domain } = session.reference;
	const host = domain === "docker.io" ? "registry-1.docker.io" : domain;
	const secure = new URL(`https://${host}/v2/`);
	if (session.tlsVerify && !isLoopback(domain)) return secure;
	try {
		const { tlsVerify, certificates, patience } = session;
		const reply = await send({ url: secure, tlsVerify, certificates, patience: { ...patience, attempts: 1 } });
		await reply.discard();
		return secure;
	} catch (error) {
		if (isError(error) && isCertificateError(error.cause)) throw error;
		return new URL(`http://${host}/v2/`);
	}
}

/** The registry's `/v2/`. */
export async function baseOf(session: Session): Promise<URL> {
	session.base ??= findBase(session);
	return await session.base;
}

/** What a request may say beside its address. */
export type RequestOptions = Partial<Pick<Request, "method" | "headers" | "body">> & {
	/** false: tried once; whoever asks knows better how to go on. */
	readonly retry?: boolean;
};

/**
 * Asks the registry, and answers when it wants to know who asks. Credentials go to its own origin alone.
 * @param path below the repository, or a whole URL the registry has given
 * @param what is wanted, for messages
 * @throws `permission-denied`, `unavailable`, `invalid-spec`
 */
export async function request(session: Session, path: string | URL, options: RequestOptions, what: string): Promise<Reply> {
	const base = await baseOf(session);
	const url = typeof path === "string" ? new URL(`${session.reference.repository}/${path}`, base) : path;
	const { retry = true, ...rest } = options;
	const patience = retry ? session.patience : { ...session.patience, attempts: 1 };
	const common = { url, ...rest, tlsVerify: session.tlsVerify, certificates: session.certificates, patience };
	const own = url.origin === base.origin;
	const used = own ? session.authorization : undefined;
	const reply = await send({ ...common, authorization: used });
	// Only the registry itself may ask for credentials, not a host it redirected to. A token may also have ended meanwhile.
	if (reply.status !== 401 || reply.url.origin !== base.origin || !own) return reply;
	await reply.discard();
	const challenge = reply.headers.get("www-authenticate");
	if (challenge === null)
		throw new CortenError("permission-denied", `cannot ${what}: "${base.host}" refuses, and names no way to authenticate`);
	if (session.authorization === used) {
		session.answering ??= answerChallenge(challenge, contextOf(session, base)).finally(() => {
			session.answering = undefined;
		});
		session.authorization = await session.answering;
	}
	return await send({ ...common, authorization: session.authorization });
}

function contextOf(session: Session, registry: URL): AuthContext {
	const { scopes, tlsVerify, certificates, patience } = session;
	return { registry, scopes, tlsVerify, certificates, patience, credentials: () => credentialsOf(session) };
}

async function credentialsOf(session: Session): Promise<Credentials | undefined> {
	if (session.ownCredentials !== undefined) return session.ownCredentials;
	const { environment = process.env } = session;
	return await findCredentials(
		session.reference.domain,
		session.reference.repository,
		environment,
		loadRegistries(environment).credentialHelpers,
	);
}

/** The error a reply means; the body is read. @param what `read blob "..."`, `push manifest "..."` */
export async function refusal(reply: Reply, what: string): Promise<CortenError> {
	let why = "";
	try {
		const answer = decodeJson(errorDocument, await readReply(reply, 64 << 10, what), what);
		why = `: ${answer.errors
			.map((error) => quote(error.message || error.code))
			.slice(0, 3)
			.join(", ")}`;
	} catch {
		await reply.discard();
	}
	const code = reply.status === 401 || reply.status === 403 ? "permission-denied" : reply.status === 404 ? "not-found" : "unavailable";
	return new CortenError(code, `cannot ${what}: "${reply.url.host}" answered with status ${reply.status}${why}`);
}

const errorDocument = object({ errors: list(object({ code: fallback(string, ""), message: fallback(string, "") })) });
