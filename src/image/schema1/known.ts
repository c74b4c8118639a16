// A schema 1 manifest that was translated before: what the store keeps of it is not made again, so that a pull of what is here costs what others cost.

import { isError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image.ts";
import { readBlob } from "../blobs.ts";
import { decodeManifest, maxConfigBytes, maxManifestBytes } from "../manifest.ts";
import { madeFromKey, readEntries } from "../store.ts";
import type { Made } from "./translate.ts";

/**
 * The documents that were made of a schema 1 manifest.
 * @param from its digest
 * @returns undefined when the store has none, or not whole
 */
export async function readKnown(root: string, from: Digest): Promise<{ readonly manifest: Made; readonly config: Made } | undefined> {
	const entry = readEntries(root).find(({ annotations }) => annotations?.[madeFromKey] === from);
	if (entry === undefined) return undefined;
	const descriptor = { mediaType: entry.mediaType, digest: entry.digest, size: entry.size };
	try {
		const bytes = await readBlob(root, descriptor, maxManifestBytes);
		const decoded = decodeManifest(bytes, entry.mediaType, `manifest "${entry.digest}"`);
		if (decoded.kind !== "manifest") return undefined;
		return {
			manifest: { descriptor, bytes },
			config: { descriptor: decoded.config, bytes: await readBlob(root, decoded.config, maxConfigBytes) },
		};
	} catch (error) {
		if (isError(error)) return undefined;
		throw error;
	}
}
