// A registry as a sink: the push half of the distribution specification. Blobs go in parts, so that memory is bounded and a connection that
// breaks costs one part; where an upload goes next is the registry's word, followed with credentials only on its own origin.
// @see distribution-spec spec.md#push

import { CortenError, isError } from "../../base/errors.ts";
import { quote } from "../../spec/decode.ts";
import type { Descriptor, Digest } from "../../spec/image.ts";
import type { Reference } from "../reference.ts";
import type { Reply } from "../sources/http.ts";
import { baseOf, createSession, type RegistryOptions, refusal, request, type Session } from "../sources/registry-session.ts";
import { putManifest } from "./put-manifest.ts";
import { addReferrer } from "./referrers.ts";
import type { ImageSink } from "./sink.ts";

/** Bytes of one part of an upload; three blobs go at a time. */
const partBytes = 8 << 20;

/** How to push. */
export type RegistrySinkOptions = RegistryOptions & {
	/** Repositories of the same registry that may have the blobs already. */
	readonly mountFrom?: readonly string[];
};

/**
 * Opens a repository for one image. Nothing is sent before the first blob is asked for.
 * @param reference with a digest the image gets no tag; its digest must be that one
 */
export function registrySink(reference: Reference, options: RegistrySinkOptions): ImageSink {
	const { mountFrom = [], ...rest } = options;
	const others = mountFrom.filter((repository) => repository !== reference.repository).slice(0, 8);
	const scopes = [`repository:${reference.repository}:pull,push`, ...others.map((repository) => `repository:${repository}:pull`)];
	const session = createSession(reference, rest, scopes);
	// Elsewhere those repositories are others, or none.
	if (placeOf(session) !== `${reference.domain}/${reference.repository}`) others.length = 0;
	/** Uploads that a refused mount has begun. */
	const begun = new Map<Digest, URL>();
	let last: { readonly descriptor: Descriptor; readonly bytes: Uint8Array } | undefined;
	const put = async (descriptor: Descriptor, bytes: Uint8Array, name: string) =>
		await addReferrer(session, descriptor, bytes, await putManifest(session, descriptor, bytes, name));
	return {
		takes: { formats: ["oci", "docker"], index: true, foreign: false },
		has: async (descriptor) => (await isThere(session, descriptor)) || (await mount(session, descriptor, others, begun)),
		blob: async (descriptor, content) => await upload(session, descriptor, content, begun.get(descriptor.digest)),
		manifest: async (descriptor, bytes) => {
			// The last one is the root: it gets the tag.
			if (last !== undefined) await put(last.descriptor, last.bytes, last.descriptor.digest);
			last = { descriptor, bytes };
		},
		commit: async (root) => {
			if (last?.descriptor.digest !== root.digest) throw new CortenError("bug", "the root is not the last manifest");
			if (reference.digest !== undefined && reference.digest !== root.digest) {
				throw new CortenError("invalid-argument", `cannot push to "${reference.digest}": the image has digest ${root.digest}`);
			}
			await put(root, last.bytes, reference.digest ?? reference.tag ?? "latest");
		},
		[Symbol.asyncDispose]: async () => undefined,
	};
}

function placeOf(session: Session): string {
	return `${session.reference.domain}/${session.reference.repository}`;
}

async function isThere(session: Session, { digest }: Descriptor): Promise<boolean> {
	const what = `look for blob "${digest}" in "${placeOf(session)}"`;
	const reply = await request(session, `blobs/${digest}`, { method: "HEAD" }, what);
	await reply.discard();
	if (reply.status === 200) return true;
	// Some registries let nobody look who may push.
	if (reply.status === 404 || reply.status === 405) return false;
	throw await refusal(reply, what);
}

async function mount(session: Session, { digest }: Descriptor, from: readonly string[], begun: Map<Digest, URL>): Promise<boolean> {
	for (const repository of from) {
		const what = `mount blob "${digest}" from "${repository}"`;
		const query = new URLSearchParams({ mount: digest, from: repository });
		const reply = await request(session, `blobs/uploads/?${query}`, { method: "POST" }, what);
		await reply.discard();
		if (reply.status === 201) return true;
		if (reply.status !== 202) continue; // it may not be mounted; then it is sent
		begun.set(digest, await locationOf(session, reply, what));
		return false;
	}
	return false;
}

async function locationOf(session: Session, reply: Reply, what: string): Promise<URL> {
	const base = await baseOf(session);
	const text = reply.headers.get("location") ?? "";
	const url = URL.parse(text, reply.url.href);
	const refused = (why: string) =>
		new CortenError("invalid-spec", `cannot ${what}: its registry sends the upload to ${quote(text)}, ${why}`);
	if (text === "" || url === null) throw refused("which is no URL");
	if (url.protocol !== "https:" && url.protocol !== "http:") throw refused("neither https nor http");
	if (url.protocol === "http:" && base.protocol === "https:" && session.tlsVerify) throw refused("from https to http");
	url.username = "";
	url.password = "";
	return url;
}

async function upload(session: Session, descriptor: Descriptor, content: AsyncIterable<Uint8Array>, begun: URL | undefined): Promise<void> {
	const what = `push blob "${descriptor.digest}" to "${placeOf(session)}"`;
	let location = begun ?? (await beginUpload(session, what));
	let offset = 0;
	for await (const part of parts(content)) {
		location = await sendPart(session, location, part, offset, what);
		offset += part.length;
	}
	location.searchParams.set("digest", descriptor.digest);
	const headers = { "content-type": "application/octet-stream", "content-length": "0" };
	const reply = await request(session, location, { method: "PUT", headers, body: "" }, what);
	if (reply.status !== 201) throw await refusal(reply, what);
	await reply.discard();
}

async function beginUpload(session: Session, what: string): Promise<URL> {
	const reply = await request(session, "blobs/uploads/", { method: "POST", body: "" }, what);
	if (reply.status !== 202) throw await refusal(reply, what);
	await reply.discard();
	return await locationOf(session, reply, what);
}

/** Chunks gathered into parts of one size; an empty blob has none. */
async function* parts(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
	let gathered: Uint8Array[] = [];
	let size = 0;
	for await (const chunk of content) {
		// Kept past the next chunk, so it must be ours.
		for (let at = 0; at < chunk.length; ) {
			const piece = chunk.slice(at, at + partBytes - size);
			gathered.push(piece);
			size += piece.length;
			at += piece.length;
			if (size < partBytes) continue;
			yield Buffer.concat(gathered);
			gathered = [];
			size = 0;
		}
	}
	if (size > 0) yield Buffer.concat(gathered);
}

/** Sends one part; after a broken connection the registry says what of it has arrived. @returns where the next one goes */
async function sendPart(session: Session, to: URL, part: Uint8Array, offset: number, what: string): Promise<URL> {
	let location = to;
	let sent = 0;
	for (let attempt = 1; ; attempt++) {
		let failure: unknown;
		try {
			const rest = part.subarray(sent);
			const range = `${offset + sent}-${offset + part.length - 1}`;
			const headers = { "content-type": "application/octet-stream", "content-range": range, "content-length": `${rest.length}` };
			const reply = await request(session, location, { method: "PATCH", headers, body: rest, retry: false }, what);
			if (reply.status === 202) {
				await reply.discard();
				return await locationOf(session, reply, what);
			}
			if (reply.status < 500 && reply.status !== 429 && reply.status !== 416) throw await refusal(reply, what);
			failure = await refusal(reply, what);
		} catch (error) {
			if (!isError(error, "unavailable")) throw error;
			failure = error;
		}
		if (attempt >= session.patience.attempts) throw failure;
		await Bun.sleep(session.patience.backoffMs * 2 ** (attempt - 1));
		const state = await uploadState(session, location, what);
		location = state.location;
		sent = state.received - offset;
		if (sent < 0 || sent > part.length) throw failure;
		if (sent === part.length) return location;
	}
}

async function uploadState(session: Session, location: URL, what: string): Promise<{ readonly location: URL; readonly received: number }> {
	const reply = await request(session, location, {}, what);
	if (reply.status !== 204 && reply.status !== 202) throw await refusal(reply, what);
	await reply.discard();
	const end = /^(?:bytes=)?0-([0-9]{1,15})$/.exec(reply.headers.get("range") ?? "")?.[1];
	const next = reply.headers.has("location") ? await locationOf(session, reply, what) : location;
	// "0-0" is what registries say of nothing as well as of one byte; parts of one byte do not break.
	return { location: next, received: end === undefined || end === "0" ? 0 : Number(end) + 1 };
}
