// Edits of the list in store/index.json, as pure functions: names move between images, images without a name stay until somebody
// removes them.

import { formatReference, parseReference } from "./reference.ts";
import { entryName, previousKey, refNameKey, type StoreEntry, shortNames, shortNamesKey } from "./store.ts";

function withoutName(entry: StoreEntry): StoreEntry {
	const { [refNameKey]: _name, [shortNamesKey]: _short, ...annotations } = entry.annotations ?? {};
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

function withShortNames(entry: StoreEntry, names: readonly string[]): StoreEntry {
	const { [shortNamesKey]: _short, ...annotations } = entry.annotations ?? {};
	return { ...entry, annotations: names.length === 0 ? annotations : { ...annotations, [shortNamesKey]: names.join(" ") } };
}

function forgetShortNames(entries: readonly StoreEntry[], forgotten: (short: string) => boolean): readonly StoreEntry[] {
	if (!entries.some((entry) => shortNames(entry).some(forgotten))) return entries;
	return entries.map((entry) =>
		shortNames(entry).length === 0
			? entry
			: withShortNames(
					entry,
					shortNames(entry).filter((short) => !forgotten(short)),
				),
	);
}

/**
 * Lets a short name mean the image of a full name, until it is resolved anew or an image is given what it stands for without configuration.
 * @param short `alpine:latest`
 * @returns the entries; the same array when all was so already
 */
export function rememberShortName(entries: readonly StoreEntry[], short: string, name: string): readonly StoreEntry[] {
	const found = entries.find((entry) => entryName(entry) === name);
	if (found !== undefined && shortNames(found).includes(short)) return entries;
	const freed = forgetShortNames(entries, (other) => other === short);
	if (name === formatReference(parseReference(short))) return freed;
	return freed.map((entry) => (entryName(entry) === name ? withShortNames(entry, [...shortNames(entry), short]) : entry));
}

/**
 * Gives a name to an image; whoever had it loses it.
 * @param entry without a name
 * @param name undefined: the image is only to be there
 * @returns the entries; the same array when all was so already
 */
export function nameEntry(before: readonly StoreEntry[], entry: StoreEntry, name: string | undefined): readonly StoreEntry[] {
	// Who is given "docker.io/library/alpine:3" is what "alpine:3" means from now on, by whatever way that was another.
	const entries = name === undefined ? before : forgetShortNames(before, (short) => formatReference(parseReference(short)) === name);
	const same = entries.filter((other) => other.digest === entry.digest);
	if (name === undefined) return same.length > 0 ? entries : [...entries, entry];
	const holder = entries.find((other) => entryName(other) === name) ?? entries.find((other) => other.annotations?.[previousKey] === name);
	// Short names belong to the name, so they go where it goes.
	const short = holder === undefined ? [] : shortNames(holder);
	const named = withShortNames({ ...entry, annotations: { ...entry.annotations, [refNameKey]: name } }, short);
	if (same.some((other) => Bun.deepEquals(other, named))) return entries;
	const freed = same.some((other) => entryName(other) === name) ? unnameEntry(entries, name, false) : unnameEntry(entries, name, true);
	return [...freed.filter((other) => other.digest !== entry.digest || entryName(other) !== ""), named];
}
