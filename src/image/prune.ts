// Removes images that nobody needs: those without a name, or all that no container uses.

import { LOCK_EX } from "../linux/file.ts";
import type { Digest } from "../spec/image.ts";
import { writeEntries } from "./blobs.ts";
import { collectGarbage, readContainers } from "./remove.ts";
import { entryName, holdStore, previousKey, readEntries, readRecord } from "./store.ts";

/** What a prune did. */
export type Pruned = {
	readonly untagged: readonly string[];
	/** Config digests. */
	readonly deleted: readonly Digest[];
	/** Bytes of the images' blobs as they were distributed. */
	readonly bytes: number;
};

/**
 * Removes images and what only they needed. One that a container uses stays, and so does, without `all`, what an update keeps to go back to.
 * @param options.wanted whether an image may go: by name and manifest
 */
export function pruneImages(
	root: string,
	options: { readonly all: boolean; readonly wanted: (name: string, digest: Digest) => boolean },
): Pruned {
	const untagged: string[] = [];
	const deleted = new Set<Digest>();
	let bytes = 0;
	{
		using hold = holdStore(root, LOCK_EX);
		if (hold === undefined) return { untagged, deleted: [], bytes };
		const entries = readEntries(root);
		const uses = readContainers(root);
		const used = new Set(uses.readable.flatMap(({ digest }) => digest ?? []));
		const layers = new Set(uses.readable.filter(({ digest }) => digest === undefined).flatMap((container) => container.layers));
		const kept = entries.filter((entry) => {
			const name = entryName(entry);
			const record = readRecord(root, entry.digest);
			if (used.has(entry.digest) || !uses.complete || record?.layers.some(({ path }) => layers.has(path)) === true) return true;
			if (!options.all && (name !== "" || entry.annotations?.[previousKey] !== undefined)) return true;
			// What another tool has put there without a record is not ours to judge.
			return record === undefined || !options.wanted(name, entry.digest);
		});
		for (const entry of entries) {
			if (kept.includes(entry)) continue;
			const name = entryName(entry);
			if (name !== "") untagged.push(name);
			if (kept.some(({ digest }) => digest === entry.digest)) continue;
			const record = readRecord(root, entry.digest);
			if (record === undefined || deleted.has(record.configDigest)) continue;
			deleted.add(record.configDigest);
			bytes += record.size;
		}
		if (kept.length < entries.length) writeEntries(root, kept);
	}
	collectGarbage(root);
	return { untagged, deleted: [...deleted], bytes };
}
