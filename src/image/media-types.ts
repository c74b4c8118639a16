// The media types corten knows, OCI's and docker's for the same documents. Types are never guessed from content where a source states one.
// @see image-spec media-types.md

/** What a media type says a blob is. */
export type MediaKind = "index" | "manifest" | "config" | "layer" | "foreign-layer" | "encrypted-layer" | "docker-schema1" | "other";

/** An OCI index. */
export const ociIndex = "application/vnd.oci.image.index.v1+json";
/** An OCI manifest. */
export const ociManifest = "application/vnd.oci.image.manifest.v1+json";
/** An OCI image config. */
export const ociConfig = "application/vnd.oci.image.config.v1+json";
/** An OCI layer, uncompressed; +gzip and +zstd may follow. */
export const ociLayer = "application/vnd.oci.image.layer.v1.tar";
/** docker's manifest list. */
export const dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json";
/** docker's manifest, schema 2. */
export const dockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
/** docker's manifest, schema 1. */
export const dockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json";
/** The same with signatures. */
export const dockerSignedSchema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
/** docker's image config. */
export const dockerConfig = "application/vnd.docker.container.image.v1+json";

const kinds: Readonly<Record<string, MediaKind>> = {
	[ociIndex]: "index",
	[dockerIndex]: "index",
	[ociManifest]: "manifest",
	[dockerManifest]: "manifest",
	[ociConfig]: "config",
	[dockerConfig]: "config",
	[dockerSchema1]: "docker-schema1",
	[dockerSignedSchema1]: "docker-schema1",
};

/** The kind of a media type without parameters. */
export function mediaKind(mediaType: string): MediaKind {
	if (Object.hasOwn(kinds, mediaType)) return kinds[mediaType] ?? "other";
	const layer =
		/^application\/vnd\.(oci\.image\.layer\.(?<foreign>nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(?<docker>foreign\.)?diff\.tar)(?:[+.](?:gzip|zstd))?(?<encrypted>\+encrypted)?$/.exec(
			mediaType,
		);
	if (layer === null) return "other";
	if (layer.groups?.encrypted !== undefined) return "encrypted-layer";
	return layer.groups?.foreign !== undefined || layer.groups?.docker !== undefined ? "foreign-layer" : "layer";
}

/** Whether a text is a media type without parameters. @see RFC 6838 section 4.2 */
export function isMediaType(text: string): boolean {
	return /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/.test(text);
}

/** What a manifest request accepts, in order of preference: schema 1 where there is nothing else. */
export const manifestAccept = [ociIndex, dockerIndex, ociManifest, dockerManifest, dockerSignedSchema1, dockerSchema1].join(", ");
