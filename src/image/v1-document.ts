// What docker said of a layer before its schema 2: one JSON document each, in archives as `ID/json`, in schema 1 manifests as a string.
// @see moby image/spec v1.md "Image JSON Description"

import { anything, boolean, fallback, type Infer, list, object, optional, quote, refine, string } from "../spec/decode.ts";

/** 64 hexadecimal digits: an ID, not a digest of anything. */
export const layerID = refine(string, (text) => (/^[0-9a-f]{64}$/.test(text) ? undefined : `${quote(text)} is no layer ID`));

/** The document of one layer. That of the topmost has what the image is run by. */
export const layerDocument = object({
	id: optional(layerID),
	/** "" or nothing: the lowest. */
	parent: optional(string),
	created: optional(string),
	author: optional(string),
	comment: optional(string),
	architecture: optional(string),
	os: optional(string),
	config: optional(anything),
	container_config: optional(object({ Cmd: optional(list(string, 10_000)) })),
	/** It changed no file: whatever stands in its layer's place is not used. */
	throwaway: fallback(boolean, false),
});

/** {@link layerDocument} decoded. */
export type LayerDocument = Infer<typeof layerDocument>;

/**
 * The entry of a config's history that a layer becomes. Empty words are left out, and the members come in the order of docker's own, so that others
 * who translate the same make the same bytes.
 * @see image-spec config.md#properties history
 */
export function historyOf({ created, author, container_config, comment, throwaway }: LayerDocument) {
	return {
		created,
		author: author || undefined,
		created_by: container_config?.Cmd?.join(" ") || undefined,
		comment: comment || undefined,
		empty_layer: throwaway || undefined,
	};
}
