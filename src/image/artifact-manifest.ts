// Manifests that are no container images: files with media types, something that is said of an image, or both.
// @see image-spec manifest.md#guidelines-for-artifact-usage

import { CortenError } from "../base/errors.ts";
import { decode, failed, fallback, type Issue, list, object, optional, parseJson, record, string } from "../spec/decode.ts";
import type { Descriptor } from "../spec/image.ts";
import { descriptor, kindOf, maxManifestBytes } from "./manifest.ts";
import { mediaKind, ociManifest } from "./media-types.ts";

/** What a manifest has where there is nothing to say: two bytes, `{}`. @see image-spec manifest.md#guidance-for-an-empty-descriptor */
export const emptyDescriptor: Descriptor = {
	mediaType: "application/vnd.oci.empty.v1+json",
	digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
	size: 2,
};

/** The annotation of a blob that has a file's name. @see image-spec annotations.md */
export const titleKey = "org.opencontainers.image.title";

/** An artifact's manifest. */
export type Artifact = {
	readonly mediaType: string;
	/** What it is; of manifests before image-spec 1.1 the media type of the config. */
	readonly artifactType: string;
	readonly config: Descriptor;
	/** One blob each, as they are listed. */
	readonly layers: readonly Descriptor[];
	/** What it is said of. */
	readonly subject?: Descriptor;
	readonly annotations: Readonly<Record<string, string>>;
};

const fields = object({
	mediaType: optional(string),
	artifactType: fallback(string, ""),
	config: descriptor,
	layers: fallback(list(descriptor, 4096), []),
	subject: optional(descriptor),
	annotations: fallback(record(string), {}),
});

/**
 * Decodes the manifest of an artifact.
 * @param stated the media type that led here; undefined if the source stated none
 * @param what the document in messages
 * @throws `invalid-spec` with all issues; `unsupported` for an index and for a container image
 */
export function decodeArtifact(bytes: Uint8Array, stated: string | undefined, what: string): Artifact {
	if (bytes.length > maxManifestBytes)
		throw new CortenError("invalid-spec", `cannot decode ${what}: it is larger than ${maxManifestBytes} bytes`);
	const decoder = (value: unknown, at: string | undefined, issues: Issue[]) => {
		const kind = kindOf(value, stated, issues);
		if (kind === "index" && issues.length === 0) issues.push({ at: "", message: "is an index, and no artifact", unsupported: true });
		return issues.length > 0 ? failed : fields(value, at, issues);
	};
	const { mediaType, artifactType, ...rest } = decode(decoder, parseJson(bytes, what), what);
	if (artifactType === "" && mediaKind(rest.config.mediaType) === "config")
		throw new CortenError("unsupported", `cannot decode ${what} as an artifact: it is a container image`, { hint: "see: corten pull" });
	return { ...rest, mediaType: stated ?? mediaType ?? ociManifest, artifactType: artifactType || rest.config.mediaType };
}
