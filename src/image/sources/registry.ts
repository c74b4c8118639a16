// The registry as a source of documents and blobs: the pull half of the distribution specification.
// @see distribution-spec spec.md#pull

import { CortenError, isError } from "../../base/errors.ts";
import { decodeJson, quote } from "../../spec/decode.ts";
import type { Descriptor, Digest } from "../../spec/image.ts";
import { collectVerified } from "../blobs.ts";
import { digestOf, verifyBytes } from "../digest.ts";
import { maxManifestBytes } from "../manifest.ts";
import { manifestAccept } from "../media-types.ts";
import { formatReference, type Reference } from "../reference.ts";
import { identifiedBytes } from "../schema1/envelope.ts";
import { readReply } from "./http.ts";
import { createSession, type RegistryOptions, refusal, request, type Session } from "./registry-session.ts";
import type { ImageSignature, ImageSource } from "./source.ts";

/** What a signature signs is a name and a digest. */
const maxPayloadBytes = 1 << 20;

/**
 * Opens the source of one reference. Nothing is sent before the first document is asked for. Credentials belong to this registry alone.
 * @param more retryRoot false: a registry that fails at the first document is not asked again; name: what it was asked for by, if not by `reference`
 */
export function registrySource(
	reference: Reference,
	options: RegistryOptions,
	{ retryRoot = true, name = reference }: { readonly retryRoot?: boolean; readonly name?: Reference } = {},
): ImageSource {
	const session = createSession(reference, options);
	const wanted = reference.digest ?? reference.tag ?? "latest";
	return {
		names: () => [formatReference(reference)],
		root: () => fetchManifest(session, wanted, reference.digest, retryRoot),
		manifest: async (descriptor) => (await fetchManifest(session, descriptor.digest, descriptor.digest)).bytes,
		blob: (descriptor) => blob(session, descriptor),
		blobFrom: (descriptor, from) => blob(session, descriptor, from),
		signatures: async (digest, form) => {
			const { findSignaturePlaces, readLookaside } = await import("../policy/lookaside.ts");
			const { lookaside, attachments } = findSignaturePlaces(name, options.environment ?? process.env);
			if (form === "sigstore") return attachments ? await attachedSignatures(session, digest) : [];
			return lookaside === undefined ? [] : (await readLookaside(lookaside, name, digest)).map((message) => ({ message }));
		},
		[Symbol.asyncDispose]: async () => undefined,
	};
}

/**
 * One document of a repository.
 * @param wanted a tag or a digest
 * @param digest what it must have; undefined: whatever the tag names
 * @throws `not-found`, `integrity`; `invalid-spec` beyond 4 MiB; what {@link request} throws
 */
export async function fetchManifest(session: Session, wanted: string, digest: Digest | undefined, retry = true) {
	const what = `manifest "${session.reference.domain}/${session.reference.repository}${digest === undefined ? ":" : "@"}${wanted}"`;
	const reply = await request(session, `manifests/${wanted}`, { headers: { accept: manifestAccept }, retry }, `read ${what}`);
	if (reply.status !== 200) throw await refusal(reply, `read ${what}`);
	const bytes = await readReply(reply, maxManifestBytes, what);
	const announced = reply.headers.get("docker-content-digest");
	const type = reply.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
	// Simple file servers say these of everything; then the document's own word counts.
	const vague = ["", "application/json", "application/octet-stream", "text/plain", "binary/octet-stream"].includes(type);
	const mediaType = vague ? undefined : type;
	const identified = identifiedBytes(bytes, mediaType, what);
	const found = digestOf(identified);
	if (digest !== undefined) verifyBytes(identified, { digest }, what);
	else if (announced?.startsWith("sha256:") && announced !== found) {
		throw new CortenError(
			"integrity",
			`cannot verify ${what}: its bytes have digest ${found}, but the registry announced ${quote(announced)}`,
		);
	}
	return { bytes, digest: digest ?? found, mediaType };
}

async function attachedSignatures(session: Session, digest: Digest): Promise<readonly ImageSignature[]> {
	const { payloadType, signatureKey, signatureManifest, signatureTag } = await import("../policy/sigstore.ts");
	let document: Awaited<ReturnType<typeof fetchManifest>>;
	try {
		document = await fetchManifest(session, signatureTag(digest), undefined);
	} catch (error) {
		if (isError(error, "not-found")) return [];
		throw error;
	}
	const { layers } = decodeJson(signatureManifest, document.bytes, `signatures of "${digest}"`);
	const found: ImageSignature[] = [];
	for (const layer of layers) {
		const signature = layer.annotations?.[signatureKey];
		if (layer.mediaType !== payloadType || signature === undefined) continue;
		found.push({ message: await collectVerified(blob(session, layer), layer, maxPayloadBytes), signature });
	}
	return found;
}

// A connection that breaks is taken up where it broke, so the reader sees one stream; hash and size are the reader's business.
async function* blob(session: Session, descriptor: Descriptor, from = 0): AsyncGenerator<Uint8Array, void, undefined> {
	const what = `blob "${descriptor.digest}" of "${session.reference.domain}/${session.reference.repository}"`;
	let received = from;
	let failures = 0;
	for (let round = 0; round < 100; round++) {
		const before = received;
		const reply = await request(
			session,
			`blobs/${descriptor.digest}`,
			received === 0 ? {} : { headers: { range: `bytes=${received}-` } },
			`read ${what}`,
		);
		const resumed = reply.status === 206 && reply.headers.get("content-range")?.startsWith(`bytes ${received}-`) === true;
		if (!resumed && reply.status !== 200) throw await refusal(reply, `read ${what}`);
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
