// The images in the store, for `images`, `inspect` and completion.

import type { Digest, ImageRecord } from "../spec/image.ts";
import { rebuildRecord } from "./rebuild.ts";
import { parseReference } from "./reference.ts";
import { entryName, indexDigestKey, madeFromKey, readEntries, readRecord } from "./store.ts";

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
 * Lists the images, newest first. Lost records are made again; an image whose blobs are damaged is left out.
 * @throws `invalid-spec` for a damaged index
 */
export async function listImages(root: string): Promise<readonly ListedImage[]> {
	const images: ListedImage[] = [];
	for (const entry of readEntries(root)) {
		const record = readRecord(root, entry.digest) ?? (await rebuildRecord(root, entry));
		if (record === undefined) continue;
		const name = entryName(entry);
		const { [indexDigestKey]: index, [madeFromKey]: madeFrom } = entry.annotations ?? {};
		const digest = ((index ?? madeFrom) as Digest | undefined) ?? entry.digest;
		images.push({ name, digest, record, ...partsOf(name) });
	}
	return images.sort((a, b) => (b.record.config.created ?? "").localeCompare(a.record.config.created ?? ""));
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
