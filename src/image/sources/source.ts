// What an image can be pulled from: a registry, an OCI layout folder, an archive. All are hostile; whoever reads verifies.

import type { Descriptor, Digest } from "../../spec/image.ts";
import type { Reference } from "../reference.ts";

/** The document a reference leads to first: an index or a manifest. */
export type RootDocument = {
	readonly bytes: Uint8Array;
	/** Computed from, or verified against, the bytes; of a signed schema 1 manifest its payload (schema1/envelope.ts). */
	readonly digest: Digest;
	/** As the source states it; undefined if it does not. */
	readonly mediaType: string | undefined;
};

/** Where an image comes from: what a signature policy judges it by. @see containers-policy.json(5) */
export type ImageOrigin = {
	/** `docker`, `oci`, `docker-archive`... */
	readonly transport: string;
	/** Of a registry's: the name asked for, wherever a mirror has it. Known once `root` has returned. */
	readonly reference?: () => Reference;
	/** Of a file's or folder's, with the image's name in it. */
	readonly path?: string;
	readonly name?: string;
	/** The policy to follow; this machine's if not given. */
	readonly policyFile?: string;
};

/** A signature, not verified. */
export type ImageSignature = {
	/** An OpenPGP message that holds what is signed, or with `signature` what is signed. */
	readonly message: Uint8Array;
	/** Base64: sigstore's. */
	readonly signature?: string;
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
	/** The same from a byte on, where that costs less than all of it. @see readBlobFrom */
	readonly blobFrom?: (descriptor: Descriptor, from: number) => AsyncIterable<Uint8Array>;
	/**
	 * A file in the store's temporary folder that is this blob: the source wrote it itself and took its digest while it did. The store
	 * may link it in place of copying what `blob` yields.
	 */
	readonly spooled?: (descriptor: Descriptor) => string | undefined;
	/** What a person should know of the image: what it asks for and will not get. Known once `root` has returned. */
	readonly warnings?: () => readonly string[];
	/**
	 * Of a manifest that was made here of another document (schema 1): the digest of that, which is what the place it comes from knows it by, and
	 * what signatures are made for. Known once `root` has returned.
	 */
	readonly madeFrom?: (digest: Digest) => Digest | undefined;
	/** undefined: the image is of this machine, no policy is asked about it. */
	readonly origin?: ImageOrigin;
	/** Signatures that are kept with the image, by the digest of its manifest. @throws as `root`, but never `not-found` */
	readonly signatures?: (digest: Digest, form: "simple" | "sigstore") => Promise<readonly ImageSignature[]>;
};

/** A blob from a byte on, of any source. */
export async function* readBlobFrom(
	source: ImageSource,
	descriptor: Descriptor,
	from: number,
): AsyncGenerator<Uint8Array, void, undefined> {
	if (from > 0 && source.blobFrom !== undefined) return yield* source.blobFrom(descriptor, from);
	let left = from;
	for await (const chunk of source.blob(descriptor)) {
		const fresh = chunk.subarray(Math.min(left, chunk.length));
		left -= chunk.length - fresh.length;
		if (fresh.length > 0) yield fresh;
	}
}
