// Edits of the list in store/index.json, as pure functions: names move between images, images without a name stay until somebody
// removes them.

import { entryName, refNameKey, type StoreEntry } from "./store.ts";

function withoutName(entry: StoreEntry): StoreEntry {
	const { [refNameKey]: _name, ...annotations } = entry.annotations ?? {};
	const { annotations: _annotations, ...rest } = entry;
	return Object.keys(annotations).length === 0 ? rest : { ...rest, annotations };
}

/**
 * Takes a name away.
 * @param keepUntagged an image that loses its last name stays as an untagged entry
 * @returns the entries; the same array when nothing has the name
 */
export function unnameEntry(entries: readonly StoreEntry[], name: string, keepUntagged: boolean): readonly StoreEntry[] {
	const old = entries.find((entry) => entryName(entry) === name);
	if (old === undefined) return entries;
	const rest = entries.filter((entry) => entry !== old);
	return !keepUntagged || rest.some((entry) => entry.digest === old.digest) ? rest : [...rest, withoutName(old)];
}

/**
 * Gives a name to an image; whoever had it loses it.
 * @param entry without a name
 * @param name undefined: the image is only to be there
 * @returns the entries; the same array when all was so already
 */
export function nameEntry(entries: readonly StoreEntry[], entry: StoreEntry, name: string | undefined): readonly StoreEntry[] {
	const same = entries.filter((other) => other.digest === entry.digest);
	if (name === undefined) return same.length > 0 ? entries : [...entries, entry];
	const named: StoreEntry = { ...entry, annotations: { ...entry.annotations, [refNameKey]: name } };
	if (same.some((other) => Bun.deepEquals(other, named))) return entries;
	const freed = same.some((other) => entryName(other) === name) ? unnameEntry(entries, name, false) : unnameEntry(entries, name, true);
	return [...freed.filter((other) => other.digest !== entry.digest || entryName(other) !== ""), named];
}
