// The list of an image's referrers where the registry keeps none itself: an index under a tag made of the image's digest, which whoever pushes or
// deletes a manifest with a subject keeps up to date. Where a registry heeds conditions, nobody's change is lost to another's; where it does not, each
// change is read again, which leaves a moment in which two that write at once may lose one.
// @see distribution-spec spec.md#pushing-manifests-with-subject, spec.md#deleting-manifests, spec.md#referrers-tag-schema

import { CortenError, isError } from "../../base/errors.ts";
import { decodeJson, object, optional, record, string } from "../../spec/decode.ts";
import type { Descriptor, Digest } from "../../spec/image.ts";
import { digestOf } from "../digest.ts";
import { decodeManifest, digest, maxManifestBytes } from "../manifest.ts";
import { ociIndex } from "../media-types.ts";
import { readReply } from "../sources/http.ts";
import { hasReferrersApi, referrersTag } from "../sources/registry-list.ts";
import { refusal, request, type Session } from "../sources/registry-session.ts";
import { putManifest } from "./put-manifest.ts";

/** So many times others may come between. */
const maxRounds = 8;

const links = object({
	subject: optional(object({ digest })),
	artifactType: optional(string),
	config: optional(object({ mediaType: string })),
	annotations: optional(record(string)),
});

/** An entry of the list, as it stands there. */
type Entry = { readonly digest?: unknown };

/**
 * The subject a manifest or an index names, and the entry that its list has of it.
 * @throws `invalid-spec` when these members are not what the specification says
 */
export function referrerOf({ mediaType, digest: own, size }: Descriptor, bytes: Uint8Array) {
	const { subject, artifactType, config, annotations } = decodeJson(links, bytes, `manifest "${own}"`);
	if (subject === undefined) return undefined;
	const type = artifactType || config?.mediaType;
	const entry = { mediaType, digest: own, size, ...(type === undefined ? {} : { artifactType: type }) };
	return { subject: subject.digest, entry: annotations === undefined ? entry : { ...entry, annotations } };
}

/**
 * Sees to it that a manifest that was pushed is found as a referrer of its subject, if it has one.
 * @param answer the registry's to the push: with OCI-Subject it has seen to it itself
 * @throws `invalid-spec` when the tag of the list names something else; `busy` when others do not stop changing it
 */
export async function addReferrer(session: Session, descriptor: Descriptor, bytes: Uint8Array, answer: Headers): Promise<void> {
	const found = referrerOf(descriptor, bytes);
	if (found === undefined || answer.has("oci-subject")) return;
	await editReferrers(session, found.subject, (entries) =>
		entries.some((entry) => entry.digest === descriptor.digest) ? entries : [...entries, found.entry],
	);
}

/** Takes a manifest that was deleted out of its subject's list, where the registry does not do so itself. @throws as {@link addReferrer} */
export async function removeReferrer(session: Session, subject: Digest, gone: Digest): Promise<void> {
	if (await hasReferrersApi(session, subject)) return;
	await editReferrers(session, subject, (entries) =>
		entries.some((entry) => entry.digest === gone) ? entries.filter((entry) => entry.digest !== gone) : entries,
	);
}

async function editReferrers(session: Session, subject: Digest, edit: (entries: readonly Entry[]) => readonly Entry[]): Promise<void> {
	const tag = referrersTag(subject);
	for (let round = 0; round < maxRounds; round++) {
		const { document, etag } = await readIndex(session, tag);
		const manifests = edit(document.manifests);
		if (manifests === document.manifests) return;
		const bytes = new TextEncoder().encode(JSON.stringify({ ...document, manifests }));
		const condition = etag === null ? {} : { "if-match": etag };
		try {
			await putManifest(session, { mediaType: ociIndex, digest: digestOf(bytes), size: bytes.length }, bytes, tag, condition);
		} catch (error) {
			if (!isError(error, "busy")) throw error;
		}
	}
	throw new CortenError("busy", `cannot list the referrers of "${subject}": others change the list under tag "${tag}" all the time`);
}

type Index = { readonly document: { readonly manifests: readonly Entry[] }; readonly etag: string | null };

/** The index as it is, with members that corten does not know; an empty one where there is none. */
async function readIndex(session: Session, tag: string): Promise<Index> {
	const what = `referrers "${session.reference.domain}/${session.reference.repository}:${tag}"`;
	const reply = await request(session, `manifests/${tag}`, { headers: { accept: ociIndex } }, `read ${what}`);
	const empty = { schemaVersion: 2, mediaType: ociIndex, manifests: [] };
	if (reply.status === 404) {
		await reply.discard();
		return { document: empty, etag: null };
	}
	if (reply.status !== 200) throw await refusal(reply, `read ${what}`);
	const bytes = await readReply(reply, maxManifestBytes, what);
	if (decodeManifest(bytes, undefined, what).kind !== "index")
		throw new CortenError("invalid-spec", `cannot add to ${what}: it is a manifest, and no index`);
	return { document: { ...empty, ...(JSON.parse(new TextDecoder().decode(bytes)) as object) }, etag: reply.headers.get("etag") };
}
