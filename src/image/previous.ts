// What an update keeps: the image that a name meant before, so that the update can be taken back. It stays in the index without a name,
// with an annotation that says whose it was; garbage collection goes by the index.

import { CortenError } from "../base/errors.ts";
import type { Digest } from "../spec/image.ts";
import { updateEntries } from "./blobs.ts";
import { nameEntry } from "./entries.ts";
import { collectGarbage } from "./remove.ts";
import { entryName, previousKey, refNameKey, type StoreEntry } from "./store.ts";

function withAnnotations(entry: StoreEntry, change: Readonly<Record<string, string | undefined>>): StoreEntry {
	const { annotations: before, ...rest } = entry;
	const after = Object.entries({ ...before, ...change }).filter((pair): pair is [string, string] => pair[1] !== undefined);
	return after.length === 0 ? rest : { ...rest, annotations: Object.fromEntries(after) };
}

/**
 * Marks an image as the one that a name meant before. Of those marked for the name the last `keep` stay, this one among them; an earlier one goes
 * unless something else names it.
 * @returns the entries; the same array when the image is not there
 */
export function markPrevious(entries: readonly StoreEntry[], name: string, digest: Digest, keep = 1): readonly StoreEntry[] {
	const found = entries.find((entry) => entry.digest === digest);
	if (found === undefined) return entries;
	const others = entries.filter((entry) => entryName(entry) !== "" || entry.digest !== digest);
	const earlier = others.filter((entry) => entryName(entry) === "" && entry.annotations?.[previousKey] === name);
	const gone = earlier.slice(0, Math.max(0, earlier.length - (keep - 1)));
	return [...others.filter((entry) => !gone.includes(entry)), withAnnotations(found, { [refNameKey]: undefined, [previousKey]: name })];
}

/** @see markPrevious. Call it before the name moves. */
export function keepPrevious(root: string, name: string, digest: Digest, keep: number): void {
	updateEntries(root, (entries) => markPrevious(entries, name, digest, keep));
}

/**
 * Gives a name back to an image that is in the store, and forgets the one that had it meanwhile.
 * @throws `not-found` when the image is no longer there
 */
export function takeNameBack(root: string, name: string, digest: Digest): void {
	updateEntries(root, (entries) => {
		const entry = entries.find((candidate) => candidate.digest === digest);
		if (entry === undefined) throw new CortenError("not-found", `cannot take "${name}" back: image "${digest}" is no longer in the store`);
		const bad = entries.find((candidate) => entryName(candidate) === name);
		const plain = withAnnotations(entry, { [refNameKey]: undefined, [previousKey]: undefined });
		return nameEntry(entries, plain, name).filter((candidate) => entryName(candidate) !== "" || candidate.digest !== bad?.digest);
	});
	collectGarbage(root);
}
