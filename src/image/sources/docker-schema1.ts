// A source whose root document may be a schema 1 manifest, as one that has it in schema 2: whoever reads it learns nothing of the difference. Schema 1
// does not say what schema 2 must, sizes and diffIDs, so all layers are fetched before the first document is there, into temporary files, which the store
// takes over; unless it has the image already. The signature policy is asked before that, about the document as it was signed.
// @see distribution manifest-v2-1.md; decision 31

import { mkdtempSync, rmSync } from "node:fs";
import { CortenError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image.ts";
import { mediaKind } from "../media-types.ts";
import { isSchema1, openEnvelope } from "../schema1/envelope.ts";
import type { Made } from "../schema1/translate.ts";
import { once } from "../sinks/blob-file.ts";
import type { ImageSource, RootDocument } from "./source.ts";

/** Where layers wait, and who is told. */
export type Schema1Options = {
	/** Of the store; it must exist, and be held while the source is used. */
	readonly temporaryFolder: string;
	/** The store whose blobs need not be fetched; none if not given. */
	readonly root?: string;
	readonly onProgress?: (progress: { digest: Digest; state: "downloading" | "done"; bytes: number; size: number }) => void;
};

type Translated = {
	readonly manifest: Made;
	readonly config: Made;
	/** The digest of the schema 1 manifest. */
	readonly from: Digest;
	/** Blobs on this machine; the others are still where the image is. */
	readonly layers: ReadonlyMap<Digest, { readonly path: string; readonly own: boolean }>;
	readonly warnings: readonly string[];
};

/**
 * Wraps a source, whose own disposal goes with this one's. Its `root` throws, for a schema 1 manifest, also `integrity` for a bad signature or blob,
 * `invalid-spec` for what is wrong with it, and what {@link enforcePolicy} throws. What is no schema 1 manifest comes through as it is.
 */
export function withSchema1(source: ImageSource, options: Schema1Options): ImageSource {
	let folder: string | undefined;
	let translated: Translated | undefined;
	let reading: Promise<RootDocument> | undefined;
	const read = async (): Promise<RootDocument> => {
		const document = await source.root();
		if (!isSchema1(document.bytes, document.mediaType)) return document;
		folder = mkdtempSync(`${options.temporaryFolder}/schema1-`);
		translated = await translate(source, document, folder, options);
		const { descriptor, bytes } = translated.manifest;
		return { bytes, digest: descriptor.digest, mediaType: descriptor.mediaType };
	};
	return {
		...source,
		root: async () => {
			// Once: who copies an index whole asks twice.
			reading ??= read();
			return await reading;
		},
		manifest: async (descriptor) => {
			// Docker read such entries for a while, warned of them, and stopped.
			if (mediaKind(descriptor.mediaType) !== "docker-schema1") return await source.manifest(descriptor);
			throw new CortenError("unsupported", `cannot read manifest "${descriptor.digest}": it is a docker schema 1 manifest in an index`);
		},
		blob: (descriptor) => {
			if (descriptor.digest === translated?.config.descriptor.digest) return once(translated.config.bytes);
			const layer = translated?.layers.get(descriptor.digest);
			return layer === undefined ? source.blob(descriptor) : Bun.file(layer.path).stream();
		},
		spooled: (descriptor) => {
			if (translated === undefined) return source.spooled?.(descriptor);
			const layer = translated.layers.get(descriptor.digest);
			return layer?.own === true ? layer.path : undefined;
		},
		madeFrom: (digest) => (digest === translated?.manifest.descriptor.digest ? translated.from : undefined),
		warnings: () => [...(source.warnings?.() ?? []), ...(translated?.warnings ?? [])],
		[Symbol.asyncDispose]: async () => {
			if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
			await source[Symbol.asyncDispose]();
		},
	};
}

async function translate(source: ImageSource, document: RootDocument, folder: string, options: Schema1Options): Promise<Translated> {
	const what = `manifest "${source.names()[0] ?? document.digest}"`;
	const envelope = openEnvelope(document.bytes, document.mediaType, what);
	(await import("../schema1/signature.ts")).verifySignatures(envelope, what);
	const schema1 = (await import("../schema1/document.ts")).decodeSchema1(envelope.payload, what);
	await (await import("../policy/enforce.ts")).enforcePolicy(source, document.digest);
	const common = { from: document.digest, warnings: claimWarnings(source, schema1) };
	const known =
		options.root === undefined ? undefined : await (await import("../schema1/known.ts")).readKnown(options.root, document.digest);
	if (known !== undefined) return { ...common, ...known, layers: new Map() };
	const blobs = new Set(schema1.entries.flatMap((entry) => (entry.document.throwaway ? [] : [entry.blob])));
	const layers = await (await import("../schema1/layers.ts")).takeLayers([...blobs], source, folder, options);
	return { ...common, ...(await import("../schema1/translate.ts")).translateSchema1(schema1, layers, what), layers };
}

// Docker compares neither. The key that signed the claim is anybody's, so keeping to it would protect nobody, and would refuse mirrors and images that
// were given another tag. A person is told, where a tag alone says what is wanted.
function claimWarnings(
	{ origin }: ImageSource,
	{ name, tag }: { readonly name: string | undefined; readonly tag: string | undefined },
): readonly string[] {
	const reference = origin?.reference?.();
	if (reference === undefined || reference.digest !== undefined) return [];
	const { repository, tag: asked = "latest" } = reference;
	const isName = name === undefined || name === repository || (reference.domain === "docker.io" && `library/${name}` === repository);
	if (isName && (tag === undefined || tag === asked)) return [];
	return [`its manifest (docker schema 1) says it is ${JSON.stringify(`${name ?? repository}:${tag ?? asked}`.slice(0, 200))}`];
}
