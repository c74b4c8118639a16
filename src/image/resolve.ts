// From a root document to the manifest of one platform: indexes are followed, each document verified before it is decoded.
// @see image-spec image-index.md

import { CortenError } from "../base/errors.ts";
import type { Descriptor, Digest, ImageConfig, Platform } from "../spec/image.ts";
import { verifyBytes } from "./digest.ts";
import { decodeManifest, type Manifest } from "./manifest.ts";
import { mediaKind } from "./media-types.ts";
import { choosePlatform, formatPlatform, hostPlatform, platformSuits } from "./platform.ts";
import type { ImageSource } from "./sources/source.ts";

/** A manifest with the documents that led to it. */
export type Resolved = {
	readonly descriptor: Descriptor;
	readonly manifest: Manifest;
	/** Of the first document: an index, or the manifest itself. */
	readonly rootDigest: Digest;
	/** Of the document the manifest was made of, if it was. */
	readonly madeFrom?: Digest;
	readonly documents: readonly { readonly descriptor: Descriptor; readonly bytes: Uint8Array }[];
};

/**
 * Finds the manifest a source leads to.
 * @param text the source as typed, for messages
 * @throws `not-found` when nothing is made for the platform; `invalid-spec`, `unsupported`, `integrity`, and what the source throws
 */
export async function resolveManifest(source: ImageSource, text: string, platform: Platform): Promise<Resolved> {
	const first = await source.root();
	const what = `manifest of "${source.names()[0] ?? text}"`;
	const documents: { descriptor: Descriptor; bytes: Uint8Array }[] = [];
	let bytes = first.bytes;
	let digest = first.digest;
	let stated = first.mediaType;
	// An index may lead to an index; three levels are more than anybody builds.
	for (let depth = 0; depth < 4; depth++) {
		const decoded = decodeManifest(bytes, stated, what);
		const descriptor: Descriptor = { mediaType: decoded.mediaType, digest, size: bytes.length };
		documents.push({ descriptor, bytes });
		if (decoded.kind === "manifest") {
			const madeFrom = source.madeFrom?.(digest);
			return { descriptor, manifest: decoded, rootDigest: first.digest, documents, ...(madeFrom === undefined ? {} : { madeFrom }) };
		}
		const chosen = choosePlatform(decoded.manifests, platform);
		if (chosen === undefined) {
			const offered = decoded.manifests.flatMap((entry) => (entry.platform === undefined ? [] : [formatPlatform(entry.platform)]));
			const list = [...new Set(offered)].filter((name) => !name.startsWith("unknown")).slice(0, 20);
			const isOld = decoded.manifests.some((entry) => mediaKind(entry.mediaType) === "docker-schema1");
			throw new CortenError(
				"not-found",
				`cannot find platform "${formatPlatform(platform)}" in the ${what}: it has ${JSON.stringify(list.join(", "))}`,
				isOld ? { hint: "docker schema 1 manifests are not read inside an index" } : {},
			);
		}
		bytes = await source.manifest(chosen);
		verifyBytes(bytes, chosen, `manifest "${chosen.digest}"`);
		digest = chosen.digest;
		stated = chosen.mediaType;
	}
	throw new CortenError("invalid-spec", `cannot decode ${what}: indexes lead to indexes without end`);
}

/**
 * Compares what a config says it is made for with what is wanted.
 * @param asked the platform the person named, if any
 * @param what the image in messages
 * @returns a warning when the image was taken for want of a better one
 * @throws `not-found` when another platform was asked for
 */
export function checkPlatform(config: ImageConfig, asked: Platform | undefined, what: string): string | undefined {
	if (platformSuits(config, asked ?? hostPlatform())) return undefined;
	if (asked === undefined) return `image ${what} is made for ${formatPlatform(config)}, this machine is ${formatPlatform(hostPlatform())}`;
	throw new CortenError(
		"not-found",
		`cannot find platform "${formatPlatform(asked)}" in ${what}: it is made for ${formatPlatform(config)}`,
	);
}
