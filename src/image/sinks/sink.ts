// Where an image can be copied to: a registry, an OCI layout, an archive, an ACI. copy.ts is the only caller.

import type { Descriptor } from "../../spec/image.ts";

/** Whose media types a manifest uses. */
export type ImageFormat = "oci" | "docker";

/**
 * One image on its way to a place. Calls come in this order: `has` and `blob` for all blobs, several at a time; `manifest` for every
 * manifest and index, those that an index names before it; `commit` once. Disposing before `commit` leaves nothing behind that anybody
 * would take for an image.
 */
export type ImageSink = AsyncDisposable & {
	/** What it can keep; an image that is something else is converted on the way, and loses its digest. */
	readonly takes: {
		readonly formats: readonly ImageFormat[];
		/** Whether it can hold several platforms of an image. */
		readonly index: boolean;
		/** Whether it wants the blobs of foreign layers too, which registries need not have. */
		readonly foreign: boolean;
	};
	/** Whether the blob is there already, or could be had without sending it: a registry mounts it from another repository. */
	readonly has: (descriptor: Descriptor) => Promise<boolean>;
	/**
	 * Takes a blob. The bytes are verified while they flow: when the iteration throws, nothing of it may stay.
	 * @throws what the iteration throws, and the sink's own errors
	 */
	readonly blob: (descriptor: Descriptor, content: AsyncIterable<Uint8Array>) => Promise<void>;
	/** Takes a manifest or an index; what it names is there. */
	readonly manifest: (descriptor: Descriptor, bytes: Uint8Array) => Promise<void>;
	/** Makes the image visible under its name, durably. @param root the document the name leads to */
	readonly commit: (root: Descriptor) => Promise<void>;
};
