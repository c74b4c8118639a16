// Decodes what a registry or an archive sends as a manifest: an index (manifest list) or a manifest. Hostile until proven otherwise.
// @see image-spec descriptor.md, image-index.md, manifest.md

import { CortenError } from "../base/errors.ts";
import {
	type At,
	type Decoder,
	decode,
	fail,
	failed,
	fallback,
	type Issue,
	integer,
	list,
	object,
	optional,
	parseJson,
	quote,
	record,
	refine,
	string,
} from "../spec/decode.ts";
import type { Descriptor, Digest } from "../spec/image.ts";
import { isDigest } from "./digest.ts";
import { isMediaType, type MediaKind, mediaKind, ociIndex, ociManifest } from "./media-types.ts";

/** A manifest or index may have this many bytes. Registries agree on it. @see distribution-spec */
export const maxManifestBytes = 4 << 20;
/** An image config may have this many bytes. */
export const maxConfigBytes = 8 << 20;
/** overlayfs takes 500 lower layers. */
export const maxLayers = 500;

/** @see image-spec manifest.md */
export type Manifest = {
	readonly kind: "manifest";
	readonly mediaType: string;
	readonly config: Descriptor;
	readonly layers: readonly Descriptor[];
};
/** @see image-spec image-index.md */
export type Index = { readonly kind: "index"; readonly mediaType: string; readonly manifests: readonly Descriptor[] };

/** A digest as a property of a document. */
export const digest: Decoder<Digest> = (value, at, issues) => {
	const text = string(value, at, issues);
	if (text === failed || isDigest(text)) return text;
	return fail(issues, at, `${quote(text)} is no sha256 or sha512 digest`);
};

const mediaType = refine(string, (text) => (isMediaType(text) ? undefined : `${quote(text)} is no media type`));

/** @see image-spec descriptor.md#properties */
export const descriptor: Decoder<Descriptor> = object({
	mediaType,
	digest,
	size: integer(0),
	annotations: optional(record(string)),
	platform: optional(object({ os: string, architecture: string, variant: optional(string) })),
	urls: optional(list(string)),
	artifactType: optional(string),
});

/** A list of descriptors, of whatever kind. */
export const descriptors: Decoder<readonly Descriptor[]> = list(descriptor, 4096);

const layer: Decoder<Descriptor> = (value, at, issues) => {
	const decoded = descriptor(value, at, issues);
	if (decoded === failed) return decoded;
	const kind = mediaKind(decoded.mediaType);
	// The urls of a foreign layer lead to hosts the registry chooses; asking them leaked credentials (CVE-2020-15157). They are never asked: it comes
	// from where the image comes from, or not at all.
	if (kind === "layer" || kind === "foreign-layer") return decoded;
	const why: Partial<Record<MediaKind, string>> = { "encrypted-layer": "is an encrypted layer" };
	return unsupportedHere(issues, at, why[kind] ?? `has media type ${quote(decoded.mediaType)}, which is no layer of a container image`);
};

const config: Decoder<Descriptor> = (value, at, issues) => {
	const decoded = descriptor(value, at, issues);
	if (decoded === failed || mediaKind(decoded.mediaType) === "config") return decoded;
	return unsupportedHere(
		issues,
		at,
		`has media type ${quote(decoded.mediaType)}: this is an artifact and no container image; see corten artifact`,
	);
};

function unsupportedHere(issues: Issue[], at: At, message: string): typeof failed {
	issues.push({ at: at ?? "", message, unsupported: true });
	return failed;
}

const schemaVersion = refine(integer(), (version) => (version === 2 ? undefined : `${version} is unsupported, expected 2`));
const manifestFields = object({
	schemaVersion,
	mediaType: optional(mediaType),
	config,
	layers: refine(list(layer, maxLayers), (layers) =>
		layers.length === 0 ? "is empty: an image without layers has no root filesystem" : undefined,
	),
});
const indexFields = object({ schemaVersion, mediaType: optional(mediaType), manifests: fallback(list(descriptor, 4096), []) });

// Sources translate schema 1 before anything of it comes here (sources/docker-schema1.ts).
const schema1Elsewhere =
	"is a docker schema 1 manifest, which is read only where a name leads to it and nothing announces it as something else";

// What Go would match without regard to case, so that a document cannot be an index to one reader and a manifest to the other.
const decisive = ["schemaVersion", "mediaType", "config", "layers", "manifests", "fsLayers"];

/** Whether a document is an index or a manifest; what speaks against either is an issue. */
export function kindOf(value: unknown, stated: string | undefined, issues: Issue[]): "index" | "manifest" {
	const members = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
	for (const key of Object.keys(members)) {
		const known = decisive.find((name) => name !== key && name.toLowerCase() === key.toLowerCase());
		if (known !== undefined) fail(issues, "", `has ${quote(key)} where ${quote(known)} is meant`);
	}
	const own = typeof members.mediaType === "string" ? members.mediaType : undefined;
	// One document, two readings: the CVE-2021-41190 class.
	if (own !== undefined && stated !== undefined && own !== stated) {
		fail(issues, "/mediaType", `is ${quote(own)}, but the document was announced as ${quote(stated)}`);
	}
	const kind = mediaKind(stated ?? own ?? ("manifests" in members ? ociIndex : ociManifest));
	if (kind === "docker-schema1" || "fsLayers" in members) unsupportedHere(issues, "", schema1Elsewhere);
	else if (kind !== "index" && kind !== "manifest") {
		unsupportedHere(issues, "", `has media type ${quote(stated ?? own ?? "")}, which is neither manifest nor index`);
	}
	for (const other of kind === "index" ? ["layers", "config", "fsLayers"] : ["manifests"]) {
		if (Object.hasOwn(members, other)) fail(issues, `/${other}`, `does not belong into ${kind === "index" ? "an index" : "a manifest"}`);
	}
	return kind === "index" ? "index" : "manifest";
}

/**
 * Decodes an index or a manifest.
 * @param stated the media type of the descriptor or the Content-Type that led here; undefined if the source stated none
 * @param what the document in messages: `manifest of "docker.io/library/alpine:3"`
 * @throws `invalid-spec` with all issues; `unsupported` for schema 1 (which is not for this decoder), artifacts and encrypted layers
 */
export function decodeManifest(bytes: Uint8Array, stated: string | undefined, what: string): Manifest | Index {
	if (bytes.length > maxManifestBytes) {
		throw new CortenError("invalid-spec", `cannot decode ${what}: it is larger than ${maxManifestBytes} bytes`);
	}
	// Said before the bytes are looked at: a login page is no broken JSON.
	if (stated !== undefined && !["index", "manifest"].includes(mediaKind(stated))) {
		const why = mediaKind(stated) === "docker-schema1" ? schema1Elsewhere : "is neither manifest nor index";
		throw new CortenError("unsupported", `cannot decode ${what}: ${quote(stated)} ${why}`);
	}
	const decoder: Decoder<Manifest | Index> = (value, at, issues) => {
		const kind = kindOf(value, stated, issues);
		if (issues.length > 0) return failed;
		if (kind === "index") {
			const decoded = indexFields(value, at, issues);
			return decoded === failed ? decoded : { kind, mediaType: stated ?? decoded.mediaType ?? ociIndex, manifests: decoded.manifests };
		}
		const decoded = manifestFields(value, at, issues);
		if (decoded === failed) return decoded;
		return { kind, mediaType: stated ?? decoded.mediaType ?? ociManifest, config: decoded.config, layers: decoded.layers };
	};
	return decode(decoder, parseJson(bytes, what), what);
}
