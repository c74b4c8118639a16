// What a repository has: its tags, its referrers; and what a registry has: its repositories. All come in pages, and the registry says where
// the next one is: its word is taken for the path and the query alone, so that no other host is ever asked, with or without credentials.
// @see distribution-spec spec.md#listing-tags, spec.md#listing-referrers

import { CortenError, isError } from "../../base/errors.ts";
import {
	type Decoder,
	decodeJson,
	fallback,
	int64,
	list,
	map,
	object,
	optional,
	quote,
	record,
	refine,
	string,
} from "../../spec/decode.ts";
import type { Digest } from "../../spec/image.ts";
import { digestAlgorithm, digestHex, digestOf, isDigest } from "../digest.ts";
import { digest, maxManifestBytes } from "../manifest.ts";
import { manifestAccept, ociIndex } from "../media-types.ts";
import { identifiedBytes } from "../schema1/envelope.ts";
import { type Reply, readReply } from "./http.ts";
import { baseOf, refusal, request, type Session } from "./registry-session.ts";

/** Pages and entries a listing may have; an honest one with more needs a limit. */
const maxPages = 1000;
const maxEntries = 100_000;
const maxPageBytes = 4 << 20;

/** A manifest that names another as its subject. */
export type Referrer = {
	readonly mediaType: string;
	readonly digest: Digest;
	readonly size: bigint;
	readonly artifactType: string;
	readonly annotations: Readonly<Record<string, string>>;
};

const tag = refine(string, (text) => (/^\w[\w.-]{0,127}$/.test(text) ? undefined : `${quote(text)} is no tag`));
const repository = refine(string, (text) =>
	text.length <= 255 && /^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/.test(text) ? undefined : `${quote(text)} is no repository`,
);
/** Some registries say null for none. */
const entries =
	(element: Decoder<string>): Decoder<readonly string[]> =>
	(value, at, issues) =>
		value === null ? [] : list(element, maxEntries)(value, at, issues);
const tagPage = map(object({ tags: fallback(entries(tag), []) }), ({ tags }) => tags);
const catalogPage = map(object({ repositories: fallback(entries(repository), []) }), ({ repositories }) => repositories);
const referrerPage: Decoder<readonly Referrer[]> = map(
	object({
		manifests: list(
			object({
				mediaType: string,
				digest,
				size: int64,
				artifactType: fallback(string, ""),
				annotations: optional(record(string)),
			}),
		),
	}),
	({ manifests }) => manifests.map(({ annotations = {}, ...referrer }) => ({ ...referrer, annotations })),
);

/**
 * The tags of the session's repository, sorted: not every registry does so.
 * @param limit no more pages are asked for when there are so many; all of them without it
 * @throws `not-found`; `invalid-spec` for pages that go in circles or on for ever, and for what is no tag; what {@link request} throws
 */
export async function listTags(session: Session, limit = Number.POSITIVE_INFINITY): Promise<readonly string[]> {
	const what = `list the tags of "${session.reference.domain}/${session.reference.repository}"`;
	const query = Number.isFinite(limit) ? `?n=${limit}` : "";
	const first = await request(session, `tags/list${query}`, {}, what);
	return [...new Set(await readPages(session, first, tagPage, limit, what))].sort().slice(0, limit);
}

/**
 * The repositories of a registry that tells them. The session is one of the repository "".
 * @param wanted those to take; others do not count for the limit
 * @throws as {@link listTags}
 */
export async function listRepositories(
	session: Session,
	wanted: (name: string) => boolean,
	limit = Number.POSITIVE_INFINITY,
): Promise<readonly string[]> {
	const what = `list the repositories of "${session.reference.domain}"`;
	const first = await request(session, new URL("_catalog", await baseOf(session)), {}, what);
	const page = map(catalogPage, (names) => names.filter(wanted));
	return [...new Set(await readPages(session, first, page, limit, what))].slice(0, limit);
}

/**
 * The manifests whose subject is the digest: by the referrers API, or where a registry has none, by the index under the tag that stands in for it.
 * @param artifactType only those of this type, whether the registry filters or not
 * @throws as {@link listTags}; none at all are no error
 */
export async function listReferrers(session: Session, subject: Digest, artifactType?: string): Promise<readonly Referrer[]> {
	const what = `list the referrers of "${session.reference.domain}/${session.reference.repository}@${subject}"`;
	let first = await askReferrers(session, subject, what, artifactType);
	if (first === undefined) {
		first = await request(session, `manifests/${referrersTag(subject)}`, { headers: { accept: ociIndex } }, what);
		if (first.status === 404) {
			await first.discard();
			return [];
		}
	}
	const found = await readPages(session, first, referrerPage, Number.POSITIVE_INFINITY, what);
	return artifactType === undefined ? found : found.filter((referrer) => referrer.artifactType === artifactType);
}

/** @returns undefined where the registry has no such API */
async function askReferrers(session: Session, subject: Digest, what: string, artifactType?: string): Promise<Reply | undefined> {
	const query = artifactType === undefined ? "" : `?${new URLSearchParams({ artifactType })}`;
	const reply = await request(session, `referrers/${subject}${query}`, { headers: { accept: ociIndex } }, what);
	const type = reply.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
	// Some answer what they do not know with a page for people.
	if (reply.status !== 404 && (reply.status !== 200 || type === ociIndex)) return reply;
	await reply.discard();
	return undefined;
}

/** Whether the registry keeps the lists of referrers itself. @throws what {@link request} throws */
export async function hasReferrersApi(session: Session, subject: Digest): Promise<boolean> {
	const reply = await askReferrers(session, subject, `list the referrers of "${subject}"`);
	await reply?.discard();
	return reply !== undefined;
}

/** The tag that stands in for the referrers API. @see distribution-spec spec.md#referrers-tag-schema */
export function referrersTag(subject: Digest): string {
	return `${digestAlgorithm(subject)}-${digestHex(subject).slice(0, 64)}`;
}

async function readPages<T>(session: Session, first: Reply, page: Decoder<readonly T[]>, limit: number, what: string): Promise<T[]> {
	const base = await baseOf(session);
	const found: T[] = [];
	const seen = new Set<string>();
	for (let reply = first; ; ) {
		if (reply.status !== 200) throw await refusal(reply, what);
		const link = reply.headers.get("link");
		found.push(...decodeJson(page, await readReply(reply, maxPageBytes, `a page of "${reply.url.host}"`), `a page of "${reply.url.host}"`));
		if (found.length > maxEntries) throw endless(what, `it has more than ${maxEntries} entries`);
		const next = link === null ? undefined : nextPage(link, reply.url, base);
		if (next === undefined || found.length >= limit) return found;
		if (seen.has(next.href)) throw endless(what, "its pages go in circles");
		seen.add(next.href);
		if (seen.size >= maxPages) throw endless(what, `it has more than ${maxPages} pages`);
		reply = await request(session, next, {}, what);
	}
}

function endless(what: string, why: string): CortenError {
	return new CortenError("invalid-spec", `cannot ${what}: ${why}`);
}

/** @see RFC 8288 section 3 */
function nextPage(header: string, from: URL, base: URL): URL | undefined {
	for (const [, target = "", parameters = ""] of header.slice(0, 8192).matchAll(/<([^<>]*)>([^<]*)/g)) {
		if (!/;\s*rel\s*=\s*(?:next\b|"(?:[^"]* )?next(?: [^"]*)?")/i.test(parameters)) continue;
		const url = URL.parse(target, from.href);
		if (url === null) return undefined;
		return new URL(url.pathname.replace(/^\/+/, "/") + url.search, base.origin);
	}
	return undefined;
}

/**
 * The digest of what a tag or digest names in the registry now.
 * @throws `not-found`; what {@link request} throws
 */
export async function resolveDigest(session: Session, name: string): Promise<Digest> {
	const what = `resolve "${session.reference.domain}/${session.reference.repository}${isDigest(name) ? "@" : ":"}${name}"`;
	const headers = { accept: manifestAccept };
	const head = await request(session, `manifests/${name}`, { method: "HEAD", headers }, what);
	await head.discard();
	const announced = head.headers.get("docker-content-digest") ?? "";
	if (head.status === 200 && isDigest(announced)) return announced;
	const reply = await request(session, `manifests/${name}`, { headers }, what);
	if (reply.status !== 200) throw await refusal(reply, what);
	return digestOf(identifiedBytes(await readReply(reply, maxManifestBytes, what), undefined, what));
}

/** The other tags of the repository that name the digest. @throws as {@link listTags} */
export async function tagsOf(session: Session, wanted: Digest, except: string | undefined): Promise<readonly string[]> {
	const tags = (await listTags(session)).filter((name) => name !== except);
	const found: string[] = [];
	for (let at = 0; at < tags.length; at += 8) {
		const batch = tags.slice(at, at + 8);
		const digests = await Promise.all(
			batch.map(async (name) => {
				try {
					return await resolveDigest(session, name);
				} catch (error) {
					// Deleted manifests leave their tags behind in some registries.
					if (isError(error, "not-found")) return undefined;
					throw error;
				}
			}),
		);
		found.push(...batch.filter((_, index) => digests[index] === wanted));
	}
	return found;
}

/**
 * Deletes a manifest, and with it every tag that names it.
 * @throws `not-found`; `unsupported` where the registry lets nobody delete; what {@link request} throws
 */
export async function deleteManifest(session: Session, wanted: Digest): Promise<void> {
	const what = `delete "${session.reference.domain}/${session.reference.repository}@${wanted}"`;
	const reply = await request(session, `manifests/${wanted}`, { method: "DELETE" }, what);
	if (reply.status === 202 || reply.status === 200 || reply.status === 204) return await reply.discard();
	if (reply.status !== 405) throw await refusal(reply, what);
	await reply.discard();
	throw new CortenError("unsupported", `cannot ${what}: the registry lets nobody delete`, {
		hint: "docker's registry does with REGISTRY_STORAGE_DELETE_ENABLED=true",
	});
}

/**
 * Takes a tag away; what it named stays.
 * @throws `not-found`; `unsupported` where the registry deletes by digest alone; what {@link request} throws
 */
export async function deleteTag(session: Session, tag: string): Promise<void> {
	const what = `untag "${session.reference.domain}/${session.reference.repository}:${tag}"`;
	const reply = await request(session, `manifests/${tag}`, { method: "DELETE" }, what);
	if (reply.status === 202 || reply.status === 200 || reply.status === 204) return await reply.discard();
	if (reply.status !== 400 && reply.status !== 405) throw await refusal(reply, what);
	await reply.discard();
	throw new CortenError("unsupported", `cannot ${what}: the registry takes no tags away alone`);
}
