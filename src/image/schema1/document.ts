// Decodes the payload of a schema 1 manifest: layers from the topmost down, each with a document of docker's first image format as a string.
// @see distribution manifest-v2-1.md "Manifest Field Descriptions"

import { CortenError } from "../../base/errors.ts";
import { type Decoder, decodeJson, fail, integer, list, object, optional, quote, refine, string } from "../../spec/decode.ts";
import type { Digest } from "../../spec/image.ts";
import { digest, maxLayers } from "../manifest.ts";
import { decodeStrict } from "../policy/strict-json.ts";
import { type LayerDocument, layerDocument } from "../v1-document.ts";

/** Entries that changed no file are entries too. */
const maxEntries = 4096;

/** A layer, or a step that made none. */
export type Schema1Entry = { readonly blob: Digest; readonly document: LayerDocument };

/** A schema 1 manifest. */
export type Schema1 = {
	/** What the document calls itself: repository without registry, and tag. A claim, no more. */
	readonly name: string | undefined;
	readonly tag: string | undefined;
	readonly architecture: string | undefined;
	/** The lowest first, as everywhere else; at least one makes a layer. */
	readonly entries: readonly Schema1Entry[];
	/** The topmost layer's document as it was written: what the config is made of. */
	readonly top: string;
};

/** Go takes a property in any case for the one it knows, so one that differs in case alone would be read by docker and passed over here. */
function spelled<T>(decoder: Decoder<T>, names: readonly string[]): Decoder<T> {
	return (value, at, issues) => {
		for (const key of typeof value === "object" && value !== null ? Object.keys(value) : []) {
			const known = names.find((name) => name !== key && name.toLowerCase() === key.toLowerCase());
			if (known !== undefined) return fail(issues, at, `has ${quote(key)} where ${quote(known)} is meant`);
		}
		return decoder(value, at, issues);
	};
}

const strange = optional<never>((_value, at, issues) => fail(issues, at, "does not belong into a schema 1 manifest"));

const fields = {
	schemaVersion: refine(integer(), (version) => (version === 1 ? undefined : `${version} is unsupported, expected 1`)),
	name: optional(string),
	tag: optional(string),
	architecture: optional(string),
	fsLayers: list(spelled(object({ blobSum: digest }), ["blobSum"]), maxEntries),
	history: list(spelled(object({ v1Compatibility: string }), ["v1Compatibility"]), maxEntries),
	// Signatures are not inside what they sign; the others would make two readings of one document.
	signatures: strange,
	config: strange,
	layers: strange,
	manifests: strange,
};
const manifest = spelled(object(fields), Object.keys(fields));
const entryDocument = spelled(layerDocument, [
	"id",
	"parent",
	"created",
	"author",
	"comment",
	"architecture",
	"os",
	"config",
	"container_config",
	"throwaway",
]);

/**
 * Decodes a payload.
 * @param what the manifest in messages: `manifest "docker.io/library/alpine:3"`
 * @throws `invalid-spec` with all issues, and when the layers are no chain of parents, or are too many or none
 */
export function decodeSchema1(payload: Uint8Array, what: string): Schema1 {
	const { fsLayers, history, name, tag, architecture } = decodeStrict(manifest, payload, what);
	if (fsLayers.length !== history.length) throw refuse(what, `it has ${fsLayers.length} layers and a history of ${history.length}`);
	const entries: Schema1Entry[] = [];
	let above: string | undefined;
	for (const [at, { v1Compatibility }] of history.entries()) {
		const blob = fsLayers[at]?.blobSum;
		const before = history[at - 1];
		// Docker before 1.10 wrote some entries twice; one that is the same to the last letter says nothing new.
		if (blob === undefined || (v1Compatibility === before?.v1Compatibility && blob === fsLayers[at - 1]?.blobSum)) continue;
		const document = decodeJson(entryDocument, v1Compatibility, `/history/${at}/v1Compatibility of ${what}`);
		if (document.id === undefined) throw refuse(what, `/history/${at} has no id`);
		if (above !== undefined && document.id !== above)
			throw refuse(what, `the parent of /history/${at - 1} is ${quote(above)}, but ${quote(document.id)} follows`);
		above = document.parent ?? "";
		entries.unshift({ blob, document });
	}
	checkChain(entries, above, what);
	return { name, tag, architecture, entries, top: history[0]?.v1Compatibility ?? "" };
}

function checkChain(entries: readonly Schema1Entry[], above: string | undefined, what: string): void {
	if (above !== undefined && above !== "") throw refuse(what, `its lowest layer has the parent ${quote(above)}, which is not there`);
	const ids = new Set(entries.map(({ document }) => document.id));
	if (ids.size !== entries.length) throw refuse(what, "a layer is its own ancestor");
	const layers = entries.filter(({ document }) => !document.throwaway).length;
	if (layers === 0) throw refuse(what, "no entry of it is a layer: an image without layers has no root filesystem");
	if (layers > maxLayers) throw refuse(what, `it has ${layers} layers, more than ${maxLayers}`);
}

function refuse(what: string, why: string): CortenError {
	return new CortenError("invalid-spec", `cannot decode ${what}: ${why}`);
}
