// The documents of an image as corten uses them after decoding: descriptor, index, manifest and config.
// @see image-spec v1.1 descriptor.md, image-index.md, manifest.md, config.md

import type { ImageHealthcheck } from "./health.ts";

/** `algorithm:encoded`, already checked against the digest grammar; only sha256 and sha512. */
export type Digest = `${"sha256" | "sha512"}:${string}`;

/** @see image-spec descriptor.md#properties */
export type Descriptor = {
	readonly mediaType: string;
	readonly digest: Digest;
	/** Bytes of the blob. */
	readonly size: number;
	readonly annotations?: Readonly<Record<string, string>>;
	readonly platform?: Platform;
	readonly urls?: readonly string[];
	readonly artifactType?: string;
};

/** GOOS/GOARCH words. @see image-spec image-index.md */
export type Platform = { readonly os: string; readonly architecture: string; readonly variant?: string };

/** The part of an image config that running needs; absent lists are empty. @see image-spec config.md#properties */
export type ImageConfig = {
	readonly architecture: string;
	readonly os: string;
	readonly variant?: string;
	readonly created?: string;
	readonly author?: string;
	readonly config: {
		readonly user: string;
		readonly exposedPorts: readonly string[];
		readonly env: readonly string[];
		readonly entrypoint: readonly string[];
		readonly cmd: readonly string[];
		readonly volumes: readonly string[];
		readonly workingDir: string;
		readonly labels: Readonly<Record<string, string>>;
		readonly stopSignal: string;
		readonly healthcheck?: ImageHealthcheck;
	};
	/** Digests of the uncompressed layer tars, lowest first. */
	readonly diffIDs: readonly Digest[];
	readonly history: readonly {
		readonly created?: string;
		readonly createdBy?: string;
		readonly comment?: string;
		readonly emptyLayer: boolean;
	}[];
};

/**
 * What the image stage yields and `corten run` starts from: one small derived file per image, so that a start reads one document
 * and not index, manifest and config. Made when an image enters the store; made again from the blobs if it is lost.
 */
export type ImageRecord = {
	/** Digest of the manifest (not of an index): the image's identity in the store. */
	readonly digest: Digest;
	/** Digest of the config blob: docker's IMAGE ID. */
	readonly configDigest: Digest;
	readonly config: ImageConfig;
	/** Lowest first, on this machine; as many as config.diffIDs. */
	readonly layers: readonly import("./rootfs.ts").LayerSource[];
	/** The blob each layer was made of, and found to be. */
	readonly blobs: readonly Digest[];
	/** Sum of the layer blobs as distributed, bytes. */
	readonly size: number;
	/** /etc/passwd and /etc/group as the layers together give them, "" when there is none: a start needs no mount to find a user. */
	readonly passwd: string;
	readonly group: string;
};
