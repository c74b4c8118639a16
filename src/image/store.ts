// The image store as a start sees it: from a name to an ImageRecord by two small files, store/index.json and one record. This is on the
// way of every `corten run`, so it imports no node:fs and nothing that pulls; what is rare (rebuilding) is loaded when it happens.
// Locks: the `store` folder is held shared by a start until container.json names its layers, exclusive by whoever edits the index or
// removes; `store/blobs` is held shared by a pull, and garbage is only collected by who gets it exclusive at once.
// @see image-spec image-layout.md; ARCHITECTURE.md "On disk"

import { CortenError, isError } from "../base/errors.ts";
import { exists, type Fd, type LOCK_EX, LOCK_SH, lock, O_DIRECTORY, O_RDONLY, openFd, readTextIfPresent } from "../linux/file.ts";
import type { Digest, ImageRecord, Platform } from "../spec/image.ts";
import { formatReference, hasTransport, parseSource, type Reference, shortNameOf } from "./reference.ts";

/** The annotation that names an image in a layout. @see image-spec annotations.md */
export const refNameKey = "org.opencontainers.image.ref.name";
/** Our annotation: digest of the index the manifest was chosen from, which is what registries and people call "the digest". */
export const indexDigestKey = "io.corten.index.digest";

/** Our annotation: digest of the schema 1 manifest that ours was made of, which is what its registry knows it by. */
export const madeFromKey = "io.corten.schema1.digest";

/** Our annotation, "true": all that the index leads to is kept, for every platform. */
export const wholeIndexKey = "io.corten.index.whole";

/** Our annotation of an entry without a name: the name it had before an update. */
export const previousKey = "io.corten.previous";

/** Our annotation: short names that were resolved to this entry's name when it was pulled, as `alpine:latest`, with blanks between. */
export const shortNamesKey = "io.corten.short-names";

/** An entry of store/index.json; other tools may have written it. */
export type StoreEntry = {
	readonly mediaType: string;
	readonly digest: Digest;
	readonly size: number;
	readonly platform?: Platform;
	readonly annotations?: Readonly<Record<string, string>>;
	/** What is no container image says what it is. @see image-spec descriptor.md#properties */
	readonly artifactType?: string;
};

/** Whether an entry is no container image: such are listed, checked and removed, and never run. */
export function isArtifact(entry: StoreEntry): boolean {
	return entry.artifactType !== undefined;
}

/** The image layout. */
export function storeFolder(root: string): string {
	return `${root}/store`;
}

/** Where layer files are. */
export function layersFolder(root: string): string {
	return `${root}/layers`;
}

/** Where the record of a manifest is. */
export function recordPath(root: string, digest: Digest): string {
	return `${root}/records/${digest.slice(7)}.json`;
}

/** Where a blob is. */
export function blobPath(root: string, digest: Digest): string {
	return `${root}/store/blobs/${digest.slice(0, 6)}/${digest.slice(7)}`;
}

/**
 * Holds the store so that no layer is removed: from findImage until container.json, which names the layers, is written. The hold
 * ends with the descriptor, also at execve.
 * @returns undefined when there is no store yet
 */
export function holdStore(root: string, operation: typeof LOCK_SH | typeof LOCK_EX = LOCK_SH): Fd | undefined {
	let folder: Fd;
	try {
		folder = openFd(storeFolder(root), O_RDONLY | O_DIRECTORY);
	} catch (error) {
		if (isError(error, "not-found")) return undefined;
		throw error;
	}
	lock(folder, operation, storeFolder(root));
	return folder;
}

/** The entries of store/index.json; none when there is no store. @throws `invalid-spec` when it is damaged */
export function readEntries(root: string): readonly StoreEntry[] {
	const path = `${storeFolder(root)}/index.json`;
	const text = readTextIfPresent(path);
	if (text === undefined) return [];
	try {
		const { manifests } = JSON.parse(text) as { manifests: readonly StoreEntry[] };
		if (manifests.every((entry) => /^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/.test(entry.digest))) return manifests;
	} catch {
		// falls through: what it was does not matter, there is one thing to do
	}
	throw new CortenError("invalid-spec", `cannot read the image store: "${path}" is damaged`, {
		hint: "corten pull makes it anew when the file is removed",
	});
}

/** The name of an entry, or "" for an untagged one. */
export function entryName(entry: StoreEntry): string {
	return entry.annotations?.[refNameKey] ?? "";
}

/** What `name@digest` takes: the digest its registry knows an image by. */
export function publicDigest(entry: StoreEntry): Digest {
	const { [indexDigestKey]: index, [madeFromKey]: madeFrom } = entry.annotations ?? {};
	return ((index ?? madeFrom) as Digest | undefined) ?? entry.digest;
}

/** The entry a reference means: by its full name, or by repository and the digest of manifest, index or what the manifest was made of. */
export function findEntry(entries: readonly StoreEntry[], reference: Reference): StoreEntry | undefined {
	const name = formatReference(reference);
	const named = entries.find((entry) => entryName(entry) === name);
	if (named !== undefined || reference.digest === undefined) return named;
	const repository = `${reference.domain}/${reference.repository}`;
	return entries.find(
		(entry) =>
			[entry.digest, entry.annotations?.[indexDigestKey], entry.annotations?.[madeFromKey]].includes(reference.digest) &&
			entryName(entry).startsWith(repository) &&
			":@".includes(entryName(entry).charAt(repository.length)),
	);
}

/** The short names that mean an entry. */
export function shortNames(entry: StoreEntry): readonly string[] {
	return entry.annotations?.[shortNamesKey]?.split(" ") ?? [];
}

/** The entry that a short name was resolved to when it was pulled, so that registries.conf need not be read to find it again (decision 29). */
export function findShortName(entries: readonly StoreEntry[], text: string): StoreEntry | undefined {
	// Most stores have none, and then this costs nothing.
	if (!entries.some((entry) => entry.annotations?.[shortNamesKey] !== undefined)) return undefined;
	const short = shortNameOf(text);
	return short === undefined ? undefined : entries.find((entry) => entryName(entry) !== "" && shortNames(entry).includes(short));
}

/**
 * The record of a manifest, checked only for what a start relies on: it is derived data, written by corten below a 0700 folder.
 * @returns undefined when it is lost, damaged, or speaks of layers that are not there
 */
export function readRecord(root: string, digest: Digest): ImageRecord | undefined {
	const text = readTextIfPresent(recordPath(root, digest));
	if (text === undefined) return undefined;
	let record: ImageRecord;
	try {
		record = JSON.parse(text) as ImageRecord;
	} catch {
		return undefined; // a power cut
	}
	const sound =
		record?.digest === digest &&
		typeof record.configDigest === "string" &&
		typeof record.passwd === "string" &&
		typeof record.group === "string" &&
		Array.isArray(record.config?.config?.env) &&
		Array.isArray(record.layers) &&
		record.layers.length === record.config.diffIDs?.length &&
		record.layers.length === record.blobs?.length &&
		record.layers.every(({ path }) => path.startsWith(`${root}/layers/`) && exists(path));
	return sound ? record : undefined;
}

/** Entries whose config digest begins with the hex digits, with their records. Costs one file per image. */
export function findById(
	root: string,
	entries: readonly StoreEntry[],
	text: string,
): readonly { readonly entry: StoreEntry; readonly record: ImageRecord }[] {
	const prefix = /^(?:sha256:)?([0-9a-f]{3,64})$/.exec(text)?.[1];
	if (prefix === undefined) return [];
	const found: { entry: StoreEntry; record: ImageRecord }[] = [];
	for (const entry of entries) {
		const record = readRecord(root, entry.digest);
		if (record?.configDigest.startsWith(`sha256:${prefix}`)) found.push({ entry, record });
	}
	if (new Set(found.map(({ record }) => record.configDigest)).size > 1) {
		throw new CortenError("invalid-argument", `cannot find image "${text}": more than one image ID begins so`);
	}
	return found;
}

function suits(record: ImageRecord, platform: Platform | undefined): boolean {
	if (platform === undefined) return true;
	const { os, architecture, variant } = record.config;
	return os === platform.os && architecture === platform.architecture && (platform.variant === undefined || variant === platform.variant);
}

/**
 * Finds an image in the store, by reference, by digest or by the beginning of its ID (3 digits or more). Two file reads when it is there
 * under its name; a lost record is made again from the blobs. Never asks the network. Hold the store ({@link holdStore}) while using
 * the result for a new container.
 * @param text as a person types it; `oci:` and `docker-archive:` images are not in the store by that name, see pullImage
 * @param platform an image of another platform does not count as found
 * @returns undefined when it is not there, or when its blobs are damaged: pull it
 * @throws `invalid-argument` for a broken reference or an ambiguous ID; `invalid-spec` for a damaged index
 */
export async function findImage(root: string, text: string, platform?: Platform): Promise<ImageRecord | undefined> {
	const entries = readEntries(root);
	const entry = findShortName(entries, text) ?? findShort(entries, text) ?? findTyped(entries, text);
	if (entry === undefined) {
		const record = findById(root, entries, text)[0]?.record;
		return record !== undefined && suits(record, platform) ? record : undefined;
	}
	const record = readRecord(root, entry.digest) ?? (await (await import("./rebuild.ts")).rebuildRecord(root, entry));
	return record !== undefined && suits(record, platform) ? record : undefined;
}

// "alpine" and "alpine:3", what people type most, need no parser: what equals a name in the index is a good name. Saves half a
// millisecond of regular expressions met for the first time.
function findShort(entries: readonly StoreEntry[], text: string): StoreEntry | undefined {
	// A colon may be that of a transport: "oci:1" names a folder.
	if (text.includes("/") || text.includes("@") || (text.includes(":") && hasTransport(text))) return undefined;
	const name = `docker.io/library/${text}${text.includes(":") ? "" : ":latest"}`;
	return entries.find((entry) => entryName(entry) === name);
}

// 64 digits, with or without algorithm, are an ID and no valid reference.
function findTyped(entries: readonly StoreEntry[], text: string): StoreEntry | undefined {
	if (/^(?:sha256:)?[0-9a-f]{64}$/.test(text)) return undefined;
	const source = parseSource(text);
	return source.transport === "docker" ? findEntry(entries, source.reference) : undefined;
}
