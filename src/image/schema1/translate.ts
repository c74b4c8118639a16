// A schema 1 manifest in the words of schema 2: a config made of the topmost layer's document, and a manifest that names it. The same input gives
// the same bytes, and they are those of containers-image, so that the image ID is what podman and skopeo make of the same image.
// @see moby image/v1 MakeConfigFromV1Config, containers-image manifest.Schema1.ToSchema2Config

import { CortenError } from "../../base/errors.ts";
import { quote } from "../../spec/decode.ts";
import type { Descriptor, Digest } from "../../spec/image.ts";
import { digestOf } from "../digest.ts";
import { maxConfigBytes } from "../manifest.ts";
import { dockerConfig, dockerManifest } from "../media-types.ts";
import { historyOf } from "../v1-document.ts";
import type { Schema1 } from "./document.ts";
import { compactJson, rawMembers } from "./raw-json.ts";

/** What schema 1 does not say of a layer, found out from its blob. */
export type KnownLayer = { readonly mediaType: string; readonly size: number; readonly diffID: Digest };

/** A document with its descriptor. */
export type Made = { readonly descriptor: Descriptor; readonly bytes: Uint8Array };

/** Of one layer's place in a chain, and its size as it once was: not of the image. */
const dropped = ["id", "parent", "Size", "parent_id", "layer_id", "throwaway"];

/**
 * Translates a decoded manifest.
 * @param known of every blob that is a layer
 * @param what the manifest in messages
 * @throws `invalid-spec` for a time that is none, or when the config becomes too large
 */
export function translateSchema1(schema1: Schema1, known: ReadonlyMap<Digest, KnownLayer>, what: string): { config: Made; manifest: Made } {
	const layers = schema1.entries
		.filter(({ document }) => !document.throwaway)
		.map(({ blob }) => {
			const found = known.get(blob);
			if (found === undefined) throw new CortenError("bug", "a layer was not fetched");
			return { digest: blob, ...found };
		});
	const history = schema1.entries.map(({ document }) => ({ ...historyOf(document), created: goTime(document.created, what) }));
	const rootfs = { type: "layers", diff_ids: layers.map(({ diffID }) => diffID) };
	const members = rawMembers(schema1.top);
	for (const name of dropped) members.delete(name);
	members.set("rootfs", JSON.stringify(rootfs)).set("history", JSON.stringify(history));
	// A config must have these. The manifest's own architecture is for information, and better than none; there was no other system then.
	const { architecture, os } = schema1.entries.at(-1)?.document ?? {};
	if (!architecture) members.set("architecture", JSON.stringify(schema1.architecture || "amd64"));
	if (!os) members.set("os", '"linux"');
	const sorted = [...members].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${JSON.stringify(name)}:${value}`);
	const config = made(dockerConfig, compactJson(`{${sorted.join(",")}}`));
	if (config.bytes.length > maxConfigBytes)
		throw new CortenError("invalid-spec", `cannot decode ${what}: its config is larger than ${maxConfigBytes} bytes`);
	const describe = ({ mediaType, size, digest }: Descriptor) => ({ mediaType, size, digest });
	const manifest = { schemaVersion: 2, mediaType: dockerManifest, config: describe(config.descriptor), layers: layers.map(describe) };
	return { config, manifest: made(dockerManifest, JSON.stringify(manifest)) };
}

function made(mediaType: string, text: string): Made {
	const bytes = new TextEncoder().encode(text);
	return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

// A time as Go writes one: no zeros at the end of its fraction, and year 1 for none.
function goTime(text: string | undefined, what: string): string {
	const [, whole, fraction = "", zone] =
		/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(text ?? "0001-01-01T00:00:00Z") ?? [];
	if (whole === undefined) throw new CortenError("invalid-spec", `cannot decode ${what}: ${quote(text ?? "")} is no time`);
	const digits = fraction.replace(/0+$/, "");
	return `${whole}${digits === "" ? "" : `.${digits}`}${zone}`;
}
