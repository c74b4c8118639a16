// Artifacts in the store: made of files, brought in, found again. They are entries of the same index as images, told apart by `artifactType`, so that
// other tools find them in the layout; nobody runs them, so they have no record and no layer files.
// @see image-spec manifest.md#guidelines-for-artifact-usage, image-index.md

import { statSync } from "node:fs";
import { CortenError } from "../base/errors.ts";
import type { Descriptor, Digest } from "../spec/image.ts";
import { type Artifact, decodeArtifact, emptyDescriptor, titleKey } from "./artifact-manifest.ts";
import { readBlob, temporaryFolder, updateEntries, writeBlob } from "./blobs.ts";
import { type CopyProgress, copyImage } from "./copy.ts";
import { digestOf } from "./digest.ts";
import { nameEntry } from "./entries.ts";
import { maxManifestBytes } from "./manifest.ts";
import { ociManifest } from "./media-types.ts";
import { formatReference, parseReference } from "./reference.ts";
import { once } from "./sinks/blob-file.ts";
import { storeSink } from "./sinks/store.ts";
import type { ImageSource } from "./sources/source.ts";
import { entryName, findEntry, isArtifact, readEntries, type StoreEntry } from "./store.ts";

const digestGrammar = /^(?:sha256:)?([0-9a-f]{3,64})$/;

/** An artifact of the store. */
export type StoredArtifact = {
	/** Full name, "" if it has none. */
	readonly name: string;
	readonly entry: StoreEntry;
	readonly artifact: Artifact;
};

/** What to make an artifact of. */
export type ArtifactDraft = {
	/** Full reference with a tag. */
	readonly name: string;
	readonly artifactType: string;
	readonly files: readonly { readonly path: string; readonly title: string; readonly mediaType: string }[];
	/** Of each file's descriptor. */
	readonly fileAnnotations: Readonly<Record<string, string>>;
	readonly annotations: Readonly<Record<string, string>>;
	readonly subject?: Descriptor;
	/** Its files and what else it has come first. */
	readonly base?: Artifact;
	/** An artifact or image that has the name may lose it. */
	readonly replace: boolean;
};

/**
 * Makes an artifact of files. Nothing in it is of this moment, so that the same files make the same one. Atomic and durable; the caller holds the
 * blobs ({@link holdBlobs}).
 * @returns the descriptor of its manifest
 * @throws `already-exists` for a name that is taken, and for two files of one title; `integrity` when a file changes while it is read; `system`
 */
export async function createArtifact(root: string, draft: ArtifactDraft): Promise<Descriptor> {
	checkName(readEntries(root), draft);
	const { base, subject = base?.subject } = draft;
	const layers: Descriptor[] = base === undefined || isEmpty(base) ? [] : [...base.layers];
	for (const file of draft.files) {
		if (layers.some(({ annotations }) => annotations?.[titleKey] === file.title))
			throw new CortenError("already-exists", `cannot add file "${file.path}": the artifact has one with title "${file.title}"`);
		const annotations = { ...draft.fileAnnotations, [titleKey]: file.title };
		layers.push({ mediaType: file.mediaType, ...(await storeFile(root, file.path)), annotations });
	}
	const annotations = { ...base?.annotations, ...draft.annotations };
	const config = base?.config ?? emptyDescriptor;
	if (config.digest === emptyDescriptor.digest || layers.length === 0)
		await writeBlob(root, emptyDescriptor, once(new TextEncoder().encode("{}")));
	const { artifactType } = base ?? draft;
	const document = {
		schemaVersion: 2,
		mediaType: ociManifest,
		artifactType,
		config,
		layers: layers.length === 0 ? [emptyDescriptor] : layers,
		...(subject === undefined ? {} : { subject }),
		...(Object.keys(annotations).length === 0 ? {} : { annotations }),
	};
	const bytes = new TextEncoder().encode(JSON.stringify(document));
	const descriptor = { mediaType: ociManifest, digest: digestOf(bytes), size: bytes.length };
	await writeBlob(root, descriptor, once(bytes));
	updateEntries(root, (entries) => {
		checkName(entries, draft);
		return nameArtifact(entries, { ...descriptor, artifactType }, draft.name);
	});
	return descriptor;
}

function checkName(entries: readonly StoreEntry[], { name, replace, base }: ArtifactDraft): void {
	if (replace || base !== undefined || !entries.some((entry) => entryName(entry) === name)) return;
	throw new CortenError("already-exists", `cannot make artifact "${name}": the name is taken`, { hint: "see --append and --replace" });
}

function isEmpty({ layers }: Artifact): boolean {
	return layers.length === 1 && layers[0]?.mediaType === emptyDescriptor.mediaType;
}

// Read twice: its name in the store is its digest, which is known when it has been read.
async function storeFile(root: string, path: string): Promise<{ readonly digest: Digest; readonly size: number }> {
	if (!statSync(path, { throwIfNoEntry: false })?.isFile())
		throw new CortenError("invalid-argument", `cannot add "${path}": it is no regular file, or not there`);
	const hasher = new Bun.CryptoHasher("sha256");
	let size = 0;
	for await (const chunk of Bun.file(path).stream()) {
		hasher.update(chunk);
		size += chunk.length;
	}
	const descriptor = { digest: `sha256:${hasher.digest("hex")}` as const, size };
	await writeBlob(root, { mediaType: "", ...descriptor }, Bun.file(path).stream());
	return descriptor;
}

/**
 * Brings an artifact into the store, with all its blobs. Atomic: its name is written last. The caller holds the blobs.
 * @param text the source as typed, for messages
 * @returns its full names and the digest of its manifest
 * @throws `unsupported` for a container image or an index; what source and policy throw
 */
export async function pullArtifact(
	root: string,
	source: ImageSource,
	text: string,
	onProgress: (progress: CopyProgress) => void,
): Promise<{ readonly names: readonly string[]; readonly digest: Digest }> {
	const { bytes, mediaType: stated } = await source.root();
	const { mediaType, artifactType } = decodeArtifact(bytes, stated, `manifest of "${source.names()[0] ?? text}"`);
	await using sink = storeSink(root);
	const { digest, size } = await copyImage(source, text, sink, { temporary: temporaryFolder(root), all: true, onProgress });
	const names = source.names();
	const entry: StoreEntry = { mediaType, digest, size, artifactType };
	updateEntries(root, (before) =>
		names.length === 0 ? nameEntry(before, entry, undefined) : names.reduce((entries, name) => nameArtifact(entries, entry, name), before),
	);
	return { names, digest };
}

// Unlike an image, an artifact that loses its last name to another goes: nothing runs from it, and nobody goes back to it.
function nameArtifact(before: readonly StoreEntry[], entry: StoreEntry, name: string): readonly StoreEntry[] {
	const loser = before.find((other) => entryName(other) === name && isArtifact(other));
	const after = nameEntry(before, entry, name);
	return loser === undefined || after === before
		? after
		: after.filter((other) => other.digest !== loser.digest || entryName(other) !== "" || other.digest === entry.digest);
}

/** The artifacts of the store, by name. One whose manifest is damaged is left out: `store check` tells of it. */
export async function listArtifacts(root: string): Promise<readonly StoredArtifact[]> {
	const found: StoredArtifact[] = [];
	for (const entry of readEntries(root).filter(isArtifact)) {
		try {
			found.push(await readArtifact(root, entry));
		} catch (error) {
			if (!(error instanceof CortenError)) throw error;
		}
	}
	return found.sort((a, b) => a.name.localeCompare(b.name));
}

async function readArtifact(root: string, entry: StoreEntry): Promise<StoredArtifact> {
	const name = entryName(entry);
	const bytes = await readBlob(root, entry, maxManifestBytes);
	return { name, entry, artifact: decodeArtifact(bytes, entry.mediaType, `manifest of artifact "${name || entry.digest}"`) };
}

/**
 * Finds an artifact by name, or by digest or its beginning (3 digits or more).
 * @throws `not-found`; `invalid-argument` when several begin so; `unsupported` when it is an image
 */
export async function findArtifact(root: string, text: string): Promise<StoredArtifact> {
	const entries = readEntries(root);
	const hex = digestGrammar.exec(text)?.[1];
	const begun = hex === undefined ? [] : entries.filter((entry) => isArtifact(entry) && entry.digest.startsWith(`sha256:${hex}`));
	if (new Set(begun.map(({ digest }) => digest)).size > 1)
		throw new CortenError("invalid-argument", `cannot find artifact "${text}": more than one digest begins so`);
	const entry = begun[0] ?? (hex?.length === 64 ? undefined : findEntry(entries, parseReference(text)));
	if (entry === undefined)
		throw new CortenError("not-found", `cannot find artifact "${text}" in the store`, { hint: "see: corten artifact ls" });
	return await readArtifact(root, entry);
}

/** The name an artifact gets, as typed. @throws `invalid-argument` for a broken reference or one with a digest */
export function parseArtifactName(text: string): string {
	const reference = parseReference(text);
	if (reference.digest === undefined) return formatReference(reference);
	throw new CortenError("invalid-argument", `cannot name an artifact "${text}": a name has a tag and no digest`);
}

/**
 * Takes an artifact's name away, or by its digest all its names; what has none left is gone with the next collection of garbage. Durable.
 * @returns the digest of its manifest
 * @throws as {@link findArtifact}
 */
export async function removeArtifact(root: string, text: string): Promise<Digest> {
	const { name, entry } = await findArtifact(root, text);
	const named = name !== "" && !digestGrammar.test(text);
	updateEntries(root, (entries) => entries.filter((other) => other.digest !== entry.digest || (named && entryName(other) !== name)));
	return entry.digest;
}
