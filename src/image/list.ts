// The images in the store, for `images`, `inspect` and completion.

import { isError } from "../base/errors.ts";
import type { Digest, ImageRecord } from "../spec/image.ts";
import { rebuildRecord } from "./rebuild.ts";
import { parseReference } from "./reference.ts";
import { entryName, isArtifact, publicDigest, readEntries, readRecord, type StoreEntry } from "./store.ts";

/** One name of one image; an image without a name has one of these too. */
export type ListedImage = {
	/** Full name, "" if it has none. */
	readonly name: string;
	/** `docker.io/library/alpine` */
	readonly repository?: string;
	readonly tag?: string;
	/** Of the index the manifest was chosen from or the schema 1 manifest it was made of, else of the manifest: what `name@digest` takes. */
	readonly digest: Digest;
	readonly record: ImageRecord;
};

/**
 * Lists the images, newest first. Lost records are made again; an image whose blobs are damaged is left out, and so is what is no image.
 * @throws `invalid-spec` for a damaged index
 */
export async function listImages(root: string): Promise<readonly ListedImage[]> {
	const images: ListedImage[] = [];
	for (const entry of readEntries(root)) {
		const record = readRecord(root, entry.digest) ?? (await rebuilt(root, entry));
		if (record === undefined) continue;
		const name = entryName(entry);
		images.push({ name, digest: publicDigest(entry), record, ...partsOf(name) });
	}
	return images.sort((a, b) => (b.record.config.created ?? "").localeCompare(a.record.config.created ?? ""));
}

async function rebuilt(root: string, entry: StoreEntry): Promise<ImageRecord | undefined> {
	if (isArtifact(entry)) return undefined;
	try {
		return await rebuildRecord(root, entry);
	} catch (error) {
		// Another tool has put something else into the layout, and has not said so.
		if (isError(error, "unsupported")) return undefined;
		throw error;
	}
}

// Another tool may have written a name that is no reference; then it is shown as the repository.
function partsOf(name: string): { readonly repository?: string; readonly tag?: string } {
	if (name === "") return {};
	try {
		const reference = parseReference(name);
		return { repository: `${reference.domain}/${reference.repository}`, ...(reference.tag === undefined ? {} : { tag: reference.tag }) };
	} catch {
		return { repository: name };
	}
}
