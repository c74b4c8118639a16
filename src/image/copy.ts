// Copies an image from a source to a sink: the one engine under push, save and convert. What the sink can keep goes over byte for byte, so
// that digests stay; what it cannot keep is converted (convert.ts). Blobs first, manifests from the leaves to the root, the name last.
// @see image-spec manifest.md, image-index.md

import { CortenError } from "../base/errors.ts";
import { decodeJson, type Infer, object, optional } from "../spec/decode.ts";
import type { Descriptor, Digest, Platform } from "../spec/image.ts";
import { threeAtATime } from "./concurrency.ts";
import { type Compression, type Converted, convertIndex, convertManifest, formatOf, recompressed } from "./convert.ts";
import { verifyBytes, verifyStream } from "./digest.ts";
import { descriptor, descriptors } from "./manifest.ts";
import { mediaKind } from "./media-types.ts";
import { hostPlatform } from "./platform.ts";
import { enforcePolicy } from "./policy/enforce.ts";
import { resolveManifest } from "./resolve.ts";
import type { ImageFormat, ImageSink } from "./sinks/sink.ts";
import type { ImageSource } from "./sources/source.ts";

/** What happens to one blob. */
export type CopyProgress = {
	readonly digest: Digest;
	readonly state: "copying" | "present" | "done";
	/** Bytes so far, and in all. */
	readonly bytes: number;
	readonly size: number;
};

/** What to copy, and as what. */
export type CopyOptions = {
	/** A folder for what is compressed anew; it must exist. */
	readonly temporary: string;
	/** One image of an index: this one; this machine's if not given. */
	readonly platform?: Platform;
	/** The index with all its manifests, artifacts among them, as they are. */
	readonly all?: boolean;
	/** Media types wanted; as the source has them if not given and the sink takes them. */
	readonly format?: ImageFormat;
	/** Layers are compressed anew so; as they are if not given. */
	readonly compression?: Compression;
	readonly onProgress?: (progress: CopyProgress) => void;
};

type Node = { readonly descriptor: Descriptor; readonly bytes: Uint8Array };

// Deliberately loose: an index may lead to attestations and other artifacts, whose blobs are copied like any others.
const links = object({ config: optional(descriptor), layers: optional(descriptors), manifests: optional(descriptors) });
type Links = Infer<typeof links>;

const maxDocuments = 1000;

/**
 * Copies one image, or an index with all that it leads to. Blobs go three at a time, each once.
 * @param text the source as typed, for messages
 * @returns the descriptor of the root document in the sink
 * @throws `not-found` when nothing is made for the platform; `integrity`; `unsupported` for an index in a sink that holds one image;
 * what source and sink throw
 */
export async function copyImage(source: ImageSource, text: string, sink: ImageSink, options: CopyOptions): Promise<Descriptor> {
	const copy = new Copy(source, sink, options);
	let root: Descriptor;
	if (options.all === true) {
		const first = await source.root();
		const mediaType = first.mediaType ?? mediaTypeOf(first.bytes);
		root = await copy.document({ descriptor: { mediaType, digest: first.digest, size: first.bytes.length }, bytes: first.bytes }, 0);
	} else {
		const { descriptor: found, documents } = await resolveManifest(source, text, options.platform ?? hostPlatform());
		root = await copy.document({ descriptor: found, bytes: documents.at(-1)?.bytes ?? new Uint8Array(0) }, 0);
	}
	await sink.commit(root);
	return root;
}

function mediaTypeOf(bytes: Uint8Array): string {
	const { mediaType } = JSON.parse(new TextDecoder().decode(bytes)) as { mediaType?: unknown };
	return typeof mediaType === "string" ? mediaType : "application/vnd.oci.image.manifest.v1+json";
}

/** One copy under way: what has been copied already is copied once. */
class Copy {
	readonly #source: ImageSource;
	readonly #sink: ImageSink;
	readonly #options: CopyOptions;
	/** Blob of the source -> its descriptor in the sink. */
	readonly #blobs = new Map<Digest, Promise<Descriptor>>();
	readonly #documents = new Map<Digest, Descriptor>();

	constructor(source: ImageSource, sink: ImageSink, options: CopyOptions) {
		this.#source = source;
		this.#sink = sink;
		this.#options = options;
	}

	/** Copies a manifest or an index with what it leads to. @returns its descriptor in the sink */
	async document(node: Node, depth: number): Promise<Descriptor> {
		const known = this.#documents.get(node.descriptor.digest);
		if (known !== undefined) return known;
		const what = `manifest "${node.descriptor.digest}"`;
		if (depth > 4) throw new CortenError("invalid-spec", `cannot copy ${what}: indexes lead to indexes without end`);
		if (this.#documents.size > maxDocuments) throw new CortenError("invalid-spec", `cannot copy ${what}: its index leads to too much`);
		const found = decodeJson(links, node.bytes, what);
		const isIndex = mediaKind(node.descriptor.mediaType) === "index";
		if (isIndex && !this.#sink.takes.index)
			throw new CortenError("unsupported", `cannot copy ${what}: the place it goes to holds one platform`, {
				hint: "name one by --platform",
			});
		const converted = isIndex ? await this.#index(node, found.manifests ?? [], depth) : await this.#manifest(node, found);
		await this.#sink.manifest(converted.descriptor, converted.bytes);
		this.#documents.set(node.descriptor.digest, converted.descriptor);
		return converted.descriptor;
	}

	async #index(node: Node, manifests: readonly Descriptor[], depth: number): Promise<Converted> {
		const copied: Descriptor[] = [];
		for (const manifest of manifests) {
			const bytes = await this.#source.manifest(manifest);
			verifyBytes(bytes, manifest, `manifest "${manifest.digest}"`);
			copied.push(await this.document({ descriptor: manifest, bytes }, depth + 1));
		}
		return convertIndex(node, copied, this.#format(node.descriptor.mediaType));
	}

	async #manifest(node: Node, { config, layers = [] }: Links): Promise<Converted> {
		await enforcePolicy(this.#source, node.descriptor.digest);
		const format = this.#format(node.descriptor.mediaType);
		const copied: Descriptor[] = [];
		await threeAtATime(layers, async (layer, index) => {
			copied[index] = await this.#blob(layer, format);
		});
		if (config !== undefined) await this.#blob(config, format);
		return convertManifest(node, copied, format);
	}

	#format(mediaType: string): ImageFormat {
		const { formats } = this.#sink.takes;
		const own = this.#options.format ?? formatOf(mediaType);
		const format = formats.includes(own) ? own : formats[0];
		if (format === undefined || (this.#options.format !== undefined && format !== own))
			throw new CortenError("unsupported", `cannot write format "${own}" there`);
		return format;
	}

	async #blob(blob: Descriptor, format: ImageFormat): Promise<Descriptor> {
		const known = this.#blobs.get(blob.digest);
		if (known !== undefined) return await known;
		const copying = this.#copyBlob(blob, format);
		this.#blobs.set(blob.digest, copying);
		return await copying;
	}

	async #copyBlob(blob: Descriptor, format: ImageFormat): Promise<Descriptor> {
		const kind = mediaKind(blob.mediaType);
		if (kind === "foreign-layer" && !this.#sink.takes.foreign) return blob;
		const what = `blob "${blob.digest}"`;
		const content = () => verifyStream(this.#source.blob(blob), blob, what);
		await using fresh = kind === "layer" ? await recompressed(blob, content, format, this.#options) : undefined;
		const sent = fresh?.descriptor ?? blob;
		const tell = (state: CopyProgress["state"], bytes: number) =>
			this.#options.onProgress?.({ digest: sent.digest, state, bytes, size: sent.size });
		if (await this.#sink.has(sent)) {
			tell("present", sent.size);
			return sent;
		}
		tell("copying", 0);
		await this.#sink.blob(
			sent,
			counted(fresh?.content() ?? content(), (bytes) => tell("copying", bytes)),
		);
		tell("done", sent.size);
		return sent;
	}
}

async function* counted(stream: AsyncIterable<Uint8Array>, tell: (bytes: number) => void): AsyncGenerator<Uint8Array, void, undefined> {
	let bytes = 0;
	for await (const chunk of stream) {
		bytes += chunk.length;
		yield chunk;
		tell(bytes);
	}
}
