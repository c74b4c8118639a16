// Names of images in the store: given and taken without touching what they name.

import { CortenError } from "../base/errors.ts";
import { updateEntries } from "./blobs.ts";
import { nameEntry, unnameEntry } from "./entries.ts";
import { formatReference, parseReference } from "./reference.ts";
import { findStored } from "./sources/store.ts";
import { previousKey, readEntries, refNameKey, type StoreEntry } from "./store.ts";

/**
 * Gives an image further names; whoever had one loses it, and stays without a name. Idempotent, atomic and durable.
 * @param text name, digest or the beginning of an ID
 * @param names as typed; no digests
 * @throws `not-found`; `invalid-argument` for a broken reference, one with a digest or an ambiguous ID
 */
export function tagImage(root: string, text: string, names: readonly string[]): void {
	const full = names.map(parseName);
	updateEntries(root, (entries) => {
		const found = findStored(root, entries, text);
		if (found === undefined) throw new CortenError("not-found", `cannot find image ${JSON.stringify(text)} in the store`);
		const { annotations: before, ...rest } = found;
		const { [refNameKey]: _name, [previousKey]: _previous, ...annotations } = before ?? {};
		const plain: StoreEntry = Object.keys(annotations).length === 0 ? rest : { ...rest, annotations };
		return full.reduce((all, name) => nameEntry(all, plain, name), entries);
	});
}

/**
 * Takes names from an image, all of them if none is given; the image stays.
 * @returns the names that were taken
 * @throws `not-found` for an image that is not there, or a name it does not have
 */
export function untagImage(root: string, text: string, names: readonly string[]): readonly string[] {
	const taken: string[] = [];
	if (findStored(root, readEntries(root), text) === undefined)
		throw new CortenError("not-found", `cannot find image ${JSON.stringify(text)} in the store`);
	updateEntries(root, (entries) => {
		const found = findStored(root, entries, text);
		const own = entries.flatMap(({ digest, annotations }) =>
			digest === found?.digest && annotations?.[refNameKey] ? [annotations[refNameKey]] : [],
		);
		const wanted = names.length === 0 ? own : names.map(parseName);
		const missing = wanted.find((name) => !own.includes(name));
		if (missing !== undefined)
			throw new CortenError("not-found", `cannot take name "${missing}": image ${JSON.stringify(text)} does not have it`);
		taken.push(...wanted);
		return wanted.reduce((all, name) => unnameEntry(all, name, true), entries);
	});
	return taken;
}

function parseName(text: string): string {
	const reference = parseReference(text);
	if (reference.digest === undefined) return formatReference(reference);
	throw new CortenError("invalid-argument", `cannot name an image ${JSON.stringify(text)}: a name has a tag and no digest`);
}
