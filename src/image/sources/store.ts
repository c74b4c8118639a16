// An image of the store as a source: what push, save and convert read. The blobs are those that were pulled, byte for byte.

import { CortenError } from "../../base/errors.ts";
import type { Descriptor, Digest } from "../../spec/image.ts";
import { holdBlobs, readBlob, streamBlob } from "../blobs.ts";
import { maxManifestBytes } from "../manifest.ts";
import { parseReference } from "../reference.ts";
import { blobPath, entryName, findById, findEntry, findShortName, indexDigestKey, readEntries, type StoreEntry } from "../store.ts";
import type { ImageSource } from "./source.ts";

/** Which document of an image is the root: its manifest, or the index it was chosen from, with all platforms. */
export type StoreSourceOptions = { readonly index: boolean };

/**
 * Opens an image of the store by its name, digest or the beginning of its ID. Holds the blobs until it is disposed: nothing is collected.
 * @throws `not-found`; with `index` also when the index is not in the store; `invalid-argument`
 */
export function storeSource(root: string, text: string, options: StoreSourceOptions): ImageSource {
	const entry = findStored(root, readEntries(root), text);
	if (entry === undefined) throw new CortenError("not-found", `cannot find image ${JSON.stringify(text)} in the store`);
	return entrySource(root, entry, options);
}

/** As {@link storeSource}, of an entry that was found. */
export function entrySource(root: string, entry: StoreEntry, options: StoreSourceOptions): ImageSource {
	const hold = holdBlobs(root);
	const document = async (descriptor: Descriptor) => await readBlob(root, descriptor, maxManifestBytes);
	const name = entryName(entry);
	return {
		names: () => (name === "" ? [] : [name]),
		root: async () => {
			const index = options.index ? (entry.annotations?.[indexDigestKey] as Digest | undefined) : undefined;
			if (index === undefined) return { bytes: await document(entry), digest: entry.digest, mediaType: entry.mediaType };
			const { size } = Bun.file(blobPath(root, index));
			return { bytes: await document({ mediaType: "", digest: index, size }), digest: index, mediaType: undefined };
		},
		manifest: document,
		blob: (descriptor) => streamBlob(root, descriptor),
		[Symbol.asyncDispose]: async () => hold?.[Symbol.dispose](),
	};
}

/** The entry that a name, a digest or the beginning of an ID means. @throws `invalid-argument` for a broken reference or an ambiguous ID */
export function findStored(root: string, entries: readonly StoreEntry[], text: string): StoreEntry | undefined {
	const isId = /^(?:sha256:)?[0-9a-f]{3,64}$/.test(text);
	const named = isId && text.length >= 64 ? undefined : (findShortName(entries, text) ?? findEntry(entries, parseReference(text)));
	return named ?? (isId ? findById(root, entries, text)[0]?.entry : undefined);
}
