// How a tar is made again, byte for byte, of another one whose members have another stem: an ACI of a layer, a layer of an ACI. What
// follows from the other tar is not in it: an ordinary recipe is some hundred bytes, whatever the image's size.

import { gunzipSync, gzipSync } from "node:zlib";
import { CortenError } from "../../base/errors.ts";
import { decodeJson, fallback, type Infer, integer, list, object, optional, refine, string } from "../../spec/decode.ts";
import { type Member, type Members, openRead, type Reader, readAt, tailStart } from "./members.ts";
import { retarHeaders, reversed, type Stem } from "./retar.ts";

/** GNU tar pads to 10 KiB; more than this nobody does. */
const maxTailBytes = 16 << 20;
const base64 = refine(string, (text) => (/^[A-Za-z0-9+/]*={0,2}$/.test(text) ? undefined : "is no base64"));
const stemWord = refine(string, (text) => (/^(?:\.\/)?(?:rootfs\/)?$/.test(text) ? undefined : "is no stem"));
const step = object({ at: integer(0), bytes: base64 });
const document = object({
	version: integer(1, 1),
	/** What the names of the tar to be made begin with; and those of the other. */
	stem: object({ from: stemWord, to: stemWord }),
	/** Of the tar to be made. */
	sha256: refine(string, (text) => (/^[0-9a-f]{64}$/.test(text) ? undefined : "is no sha256")),
	bytes: integer(0),
	/** Where the manifest is, with its headers. */
	manifest: optional(step),
	/** Members that the other tar has not, whole. */
	inserts: fallback(list(step, 1 << 20), []),
	/** Members whose headers do not follow from the other's. */
	headers: fallback(list(step, 1 << 20), []),
	/** Members of the other tar (by number) that this one has not. */
	skips: fallback(list(integer(0), 1 << 20), []),
	/** What follows the last member: as many zero bytes, or these. */
	tail: object({ zeros: optional(integer(0, maxTailBytes)), bytes: optional(base64) }),
});

/** A recipe; `at` counts the members of the tar to be made. */
export type Recipe = Infer<typeof document>;

/** An annotation of a manifest may not be larger: all of them share 4 MiB. */
const maxRecipeBytes = 2 << 20;
const maxInsertBytes = 1 << 20;
const maxRecipeJson = 32 << 20;

/** The recipe as a string: JSON, and compressed where it is long. Undefined when it is too large to travel. */
export function encodeRecipe(recipe: Recipe): string | undefined {
	const json = JSON.stringify(recipe);
	const text = json.length <= 16 << 10 ? json : `gzip:${gzipSync(json, { level: 9 }).toString("base64")}`;
	return text.length > maxRecipeBytes || json.length > maxRecipeJson ? undefined : text;
}

/** Reads it back. @throws `invalid-spec` */
export function decodeRecipe(text: string, what: string): Recipe {
	let json = text;
	if (text.startsWith("gzip:")) {
		try {
			json = gunzipSync(Buffer.from(text.slice(5), "base64"), { maxOutputLength: maxRecipeJson }).toString("utf8");
		} catch (cause) {
			throw new CortenError("invalid-spec", `cannot decode ${what}: it does not inflate`, { cause });
		}
	}
	return decodeJson(document, json, what);
}

/** What becomes of one member of the tar a recipe is made for: `headers` only where they are not what {@link retarHeaders} makes of its own. */
export type Made =
	| { readonly kind: "kept"; readonly headers: Uint8Array | undefined }
	| { readonly kind: "left" }
	| { readonly kind: "manifest" };

/** What becomes of most members: one object for all, since a list of their headers would be half a kilobyte for each. */
export const retarred: Made = { kind: "kept", headers: undefined };

/** The headers that a member has in the other tar. */
export function madeHeaders(file: Reader, { start, data }: Member, headers: Uint8Array | undefined, stem: Stem): Uint8Array {
	const made = headers ?? retarHeaders(readAt(file, start, data), stem);
	if (made === undefined) throw new CortenError("bug", "a member's headers cannot be made");
	return made;
}

/**
 * Writes down how a tar is made again.
 * @param tar the one to be made again
 * @param made by the number of a member: its headers in the other tar, or that it is not there
 * @param added numbers of the other tar's members that come from nowhere here
 * @param stem from this tar's names to the other's
 * @returns undefined when what the other tar lacks is too much to be carried, or its end is not as tars end
 */
export function writeRecipe(tar: Members, made: readonly Made[], added: readonly number[], stem: Stem): Recipe | undefined {
	if (tar.padded) return undefined;
	using file = openRead(tar.file);
	const inserts: { at: number; bytes: string }[] = [];
	const headers: { at: number; bytes: string }[] = [];
	let manifest: { at: number; bytes: string } | undefined;
	let carried = 0;
	const text = (from: number, to: number) => Buffer.from(readAt(file, from, to)).toString("base64");
	for (const [at, member] of tar.members.entries()) {
		const what = made[at];
		if (what === undefined) throw new CortenError("bug", "a member has no place in the recipe");
		if (what.kind === "manifest") manifest = { at, bytes: text(member.start, member.data) };
		else if (what.kind === "left") {
			carried += member.end - member.start;
			if (carried > maxInsertBytes) return undefined;
			inserts.push({ at, bytes: text(member.start, member.end) });
		} else {
			const back = retarHeaders(madeHeaders(file, member, what.headers, stem), reversed(stem));
			const own = readAt(file, member.start, member.data);
			if (back === undefined || Buffer.compare(back, own) !== 0) headers.push({ at, bytes: Buffer.from(own).toString("base64") });
		}
	}
	const from = tailStart(tar);
	const length = tar.bytes - from;
	if (length > maxTailBytes) return undefined;
	const tail = readAt(file, from, tar.bytes);
	const zeros = tail.every((byte) => byte === 0);
	if (!zeros && length > maxInsertBytes) return undefined;
	return {
		version: 1,
		stem: { from: stem.from, to: stem.to },
		sha256: tar.sha256,
		bytes: tar.bytes,
		...(manifest === undefined ? {} : { manifest }),
		inserts,
		headers,
		skips: added,
		tail: zeros ? { zeros: length } : { bytes: Buffer.from(tail).toString("base64") },
	};
}

/**
 * Makes the tar again.
 * @param others the other tar's members that may be its source, in order; `skips` counts these
 * @param manifest what the manifest's member holds
 * @throws (from the iteration) `integrity` when the other tar is not the one the recipe was made with
 */
export async function* followRecipe(
	recipe: Recipe,
	file: string,
	others: readonly Member[],
	manifest: Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
	using source = openRead(file);
	const inserts = new Map(recipe.inserts.map(({ at, bytes }) => [at, bytes]));
	const headers = new Map(recipe.headers.map(({ at, bytes }) => [at, bytes]));
	const skips = new Set(recipe.skips);
	const stem = reversed(recipe.stem);
	let at = 0;
	function* beside(): Generator<Uint8Array, void, undefined> {
		for (; ; at++) {
			const insert = inserts.get(at);
			if (insert !== undefined) yield Buffer.from(insert, "base64");
			else if (recipe.manifest?.at === at) {
				yield Buffer.from(recipe.manifest.bytes, "base64");
				yield manifest;
				yield new Uint8Array((512 - (manifest.length % 512)) % 512);
			} else return;
		}
	}
	for (const [index, member] of others.entries()) {
		if (skips.has(index)) continue;
		yield* beside();
		const own = headers.get(at);
		const made = own === undefined ? retarHeaders(readAt(source, member.start, member.data), stem) : Buffer.from(own, "base64");
		if (made === undefined) throw new CortenError("integrity", "cannot make a tar again: it is not the one the recipe was made with");
		yield made;
		yield* dataOf(source, member);
		at++;
	}
	yield* beside();
	yield recipe.tail.bytes === undefined ? new Uint8Array(recipe.tail.zeros ?? 0) : Buffer.from(recipe.tail.bytes, "base64");
}

/** A member's content with its padding, in pieces. */
export function* dataOf(file: Reader, member: Pick<Member, "data" | "end">): Generator<Uint8Array, void, undefined> {
	for (let from = member.data; from < member.end; from += 1 << 20) yield readAt(file, from, Math.min(member.end, from + (1 << 20)));
}
