// The registry as a source of documents and blobs: the pull half of the distribution specification.
// @see distribution-spec spec.md#pull

import { CortenError, isError } from "../../base/errors.ts";
import { decodeJson, fallback, list, object, quote, string } from "../../spec/decode.ts";
import type { Descriptor, Digest } from "../../spec/image.ts";
import { digestOf, verifyBytes } from "../digest.ts";
import { maxManifestBytes } from "../manifest.ts";
import { manifestAccept } from "../media-types.ts";
import { formatReference, type Reference } from "../reference.ts";
import { type AuthContext, answerChallenge } from "./auth.ts";
import { trustedAuthorities } from "./certificates.ts";
import { type Credentials, findCredentials } from "./credentials.ts";
import { defaultPatience, isCertificateError, type Patience, type Reply, readReply, send } from "./http.ts";
import type { ImageSource } from "./source.ts";

/** How to reach a registry. */
export type RegistryOptions = {
	/** false accepts any certificate, and plain http. */
	readonly tlsVerify: boolean;
	readonly patience?: Patience;
	/** Where to look for credentials files; the program's environment if not given. */
	readonly environment?: Readonly<Record<string, string | undefined>>;
	/** Where to look for certificate authorities; the system's folders if not given. */
	readonly certificateFolders?: readonly string[];
};

type Session = RegistryOptions & {
	readonly reference: Reference;
	readonly patience: Patience;
	readonly authorities: readonly string[] | undefined;
	base: Promise<URL> | undefined;
	authorization: string | undefined;
};

/** Opens the source of one reference. Nothing is sent before the first document is asked for. Credentials belong to this registry alone. */
export function registrySource(reference: Reference, options: RegistryOptions): ImageSource {
	const authorities = trustedAuthorities(reference.domain, options.certificateFolders);
	const session: Session = { patience: defaultPatience, ...options, reference, authorities, base: undefined, authorization: undefined };
	const wanted = reference.digest ?? reference.tag ?? "latest";
	return {
		names: () => [formatReference(reference)],
		root: () => fetchManifest(session, wanted, reference.digest),
		manifest: async (descriptor) => (await fetchManifest(session, descriptor.digest, descriptor.digest)).bytes,
		blob: (descriptor) => blob(session, descriptor),
		[Symbol.asyncDispose]: async () => undefined,
	};
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
		const { tlsVerify, authorities, patience } = session;
		const reply = await send({ url: secure, tlsVerify, authorities, patience: { ...patience, attempts: 1 } });
		await reply.discard();
		return secure;
	} catch (error) {
		if (isError(error) && isCertificateError(error.cause)) throw error;
		return new URL(`http://${host}/v2/`);
	}
}

async function request(session: Session, path: string, headers: Readonly<Record<string, string>>, what: string): Promise<Reply> {
	session.base ??= findBase(session);
	const base = await session.base;
	const url = new URL(`${session.reference.repository}/${path}`, base);
	const common = { url, headers, tlsVerify: session.tlsVerify, authorities: session.authorities, patience: session.patience };
	const reply = await send({ ...common, authorization: session.authorization });
	// Only the registry itself may ask for credentials, not a host it redirected to.
	if (reply.status !== 401 || reply.url.origin !== base.origin) return reply;
	await reply.discard();
	const context: AuthContext = {
		registry: base,
		repository: session.reference.repository,
		tlsVerify: session.tlsVerify,
		authorities: session.authorities,
		patience: session.patience,
		credentials: () => credentialsOf(session),
	};
	const challenge = reply.headers.get("www-authenticate");
	if (challenge === null)
		throw new CortenError("permission-denied", `cannot read ${what}: "${base.host}" refuses, and names no way to authenticate`);
	session.authorization = await answerChallenge(challenge, context);
	return await send({ ...common, authorization: session.authorization });
}

function credentialsOf(session: Session): Promise<Credentials | undefined> {
	return findCredentials(session.reference.domain, session.reference.repository, session.environment ?? process.env);
}

async function refusal(reply: Reply, what: string): Promise<CortenError> {
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
	return new CortenError(code, `cannot read ${what}: "${reply.url.host}" answered with status ${reply.status}${why}`);
}

const errorDocument = object({ errors: list(object({ code: fallback(string, ""), message: fallback(string, "") })) });

async function fetchManifest(session: Session, wanted: string, digest: Digest | undefined) {
	const what = `manifest "${session.reference.domain}/${session.reference.repository}${digest === undefined ? ":" : "@"}${wanted}"`;
	const reply = await request(session, `manifests/${wanted}`, { accept: manifestAccept }, what);
	if (reply.status !== 200) throw await refusal(reply, what);
	const bytes = await readReply(reply, maxManifestBytes, what);
	const announced = reply.headers.get("docker-content-digest");
	const found = digestOf(bytes);
	if (digest !== undefined) verifyBytes(bytes, { digest }, what);
	else if (announced?.startsWith("sha256:") && announced !== found) {
		throw new CortenError(
			"integrity",
			`cannot verify ${what}: its bytes have digest ${found}, but the registry announced ${quote(announced)}`,
		);
	}
	const type = reply.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
	// Simple file servers say these of everything; then the document's own word counts.
	const vague = ["", "application/json", "application/octet-stream", "text/plain", "binary/octet-stream"].includes(type);
	return { bytes, digest: digest ?? found, mediaType: vague ? undefined : type };
}

// A connection that breaks is taken up where it broke, so the reader sees one stream; hash and size are the reader's business.
async function* blob(session: Session, descriptor: Descriptor): AsyncGenerator<Uint8Array, void, undefined> {
	const what = `blob "${descriptor.digest}" of "${session.reference.domain}/${session.reference.repository}"`;
	let received = 0;
	let failures = 0;
	for (let round = 0; round < 100; round++) {
		const before = received;
		const reply = await request(session, `blobs/${descriptor.digest}`, received === 0 ? {} : { range: `bytes=${received}-` }, what);
		const resumed = reply.status === 206 && reply.headers.get("content-range")?.startsWith(`bytes ${received}-`) === true;
		if (!resumed && reply.status !== 200) throw await refusal(reply, what);
		let skip = resumed ? 0 : received;
		let cause: unknown;
		try {
			for await (const chunk of reply.body) {
				const fresh = chunk.subarray(Math.min(skip, chunk.length));
				skip -= chunk.length - fresh.length;
				received += fresh.length;
				if (fresh.length > 0) yield fresh;
			}
		} catch (error) {
			cause = error;
		}
		if (cause === undefined && received >= descriptor.size) return;
		failures = received > before ? 0 : failures + 1;
		if (failures < session.patience.attempts - 1) {
			await Bun.sleep(session.patience.backoffMs);
			continue;
		}
		if (cause === undefined) return; // shorter than promised: the reader's verification says so
		throw new CortenError("unavailable", `cannot read ${what}`, { cause });
	}
	throw new CortenError("unavailable", `cannot read ${what}: the connection broke 100 times`);
}
