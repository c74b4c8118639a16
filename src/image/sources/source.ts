// What an image can be pulled from: a registry, an OCI layout folder, an archive. All are hostile; whoever reads verifies.

import type { Descriptor, Digest } from "../../spec/image.ts";

/** The document a reference leads to first: an index or a manifest. */
export type RootDocument = {
	readonly bytes: Uint8Array;
	/** Computed from, or verified against, the bytes. */
	readonly digest: Digest;
	/** As the source states it; undefined if it does not. */
	readonly mediaType: string | undefined;
};

/** One image, opened for reading. Nothing of it is verified but the root document's digest. */
export type ImageSource = AsyncDisposable & {
	/** Full references the image gets in the store; known once `root` has returned. */
	readonly names: () => readonly string[];
	/** @throws `not-found`, `permission-denied`, `unavailable`, `integrity` */
	readonly root: () => Promise<RootDocument>;
	/** A manifest or index that an index led to. @throws as `root`, and `invalid-spec` beyond 4 MiB */
	readonly manifest: (descriptor: Descriptor) => Promise<Uint8Array>;
	/** A blob as a stream, as distributed. Errors come while it is read. */
	readonly blob: (descriptor: Descriptor) => AsyncIterable<Uint8Array>;
	/**
	 * A file in the store's temporary folder that is this blob: the source wrote it itself and took its digest while it did. The store
	 * may link it in place of copying what `blob` yields.
	 */
	readonly spooled?: (descriptor: Descriptor) => string | undefined;
	/** What a person should know of the image: what it asks for and will not get. Known once `root` has returned. */
	readonly warnings?: () => readonly string[];
};
