// An image in other words: OCI's media types or docker's, layers in another compression. The config stays as it is, byte for byte, so
// that the image ID does; docker's manifests know no annotations, and no zstd.
// @see image-spec media-types.md#compatibility-matrix

import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { createGzip, createZstdCompress } from "node:zlib";
import type { Descriptor, Digest } from "../spec/image.ts";
import { digestOf } from "./digest.ts";
import { inflate } from "./layer/inflate.ts";
import { dockerConfig, dockerIndex, dockerManifest, mediaKind, ociConfig, ociIndex, ociLayer, ociManifest } from "./media-types.ts";
import type { ImageFormat } from "./sinks/sink.ts";

/** How a layer is compressed. */
export type Compression = "gzip" | "zstd" | "none";

/** A document as it goes to the sink. */
export type Converted = { readonly descriptor: Descriptor; readonly bytes: Uint8Array };

const dockerLayer = "application/vnd.docker.image.rootfs.diff.tar";

/** Whose media type it is. */
export function formatOf(mediaType: string): ImageFormat {
	return mediaType.startsWith("application/vnd.docker.") ? "docker" : "oci";
}

/** The compression a layer's media type states. */
export function compressionOf(mediaType: string): Compression {
	if (mediaType.endsWith("zstd")) return "zstd";
	return mediaType.endsWith("gzip") ? "gzip" : "none";
}

/** The compression that the first four bytes of a layer show: for layers whose media type nobody has stated. */
export function sniffCompression(head: Uint8Array): Compression {
	if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
	return head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd ? "zstd" : "none";
}

/** The media type of a layer. docker has none for zstd: see {@link recompressed}. */
export function layerType(format: ImageFormat, compression: Compression): string {
	if (format === "docker") return compression === "none" ? dockerLayer : `${dockerLayer}.${compression}`;
	return compression === "none" ? ociLayer : `${ociLayer}+${compression}`;
}

function typeIn(format: ImageFormat, mediaType: string): string {
	if (formatOf(mediaType) === format) return mediaType;
	switch (mediaKind(mediaType)) {
		case "index":
			return format === "oci" ? ociIndex : dockerIndex;
		case "manifest":
			return format === "oci" ? ociManifest : dockerManifest;
		case "config":
			return format === "oci" ? ociConfig : dockerConfig;
		case "layer":
			return layerType(format, compressionOf(mediaType));
		case "foreign-layer": {
			const compression = compressionOf(mediaType);
			if (format === "docker")
				return `application/vnd.docker.image.rootfs.foreign.diff.tar${compression === "none" ? "" : `.${compression}`}`;
			return `application/vnd.oci.image.layer.nondistributable.v1.tar${compression === "none" ? "" : `+${compression}`}`;
		}
		default:
			return mediaType;
	}
}

function encodeDocument(document: object, mediaType: string, like: Descriptor): Converted {
	const bytes = new TextEncoder().encode(JSON.stringify(document));
	return { descriptor: { ...like, mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

/**
 * A manifest in a format, with layers as they were copied. The very bytes when nothing of it changes.
 * @param layers as many as the manifest has
 */
export function convertManifest(node: Converted, layers: readonly Descriptor[], format: ImageFormat): Converted {
	const document = JSON.parse(new TextDecoder().decode(node.bytes)) as {
		config?: Descriptor;
		layers?: readonly Descriptor[];
		annotations?: object;
	};
	const same = (document.layers ?? []).every((layer, index) => layer.digest === layers[index]?.digest);
	// An artifact is what it is: only images have two ways to be written.
	const isImage = document.config !== undefined && mediaKind(document.config.mediaType) === "config";
	if (same && (!isImage || formatOf(node.descriptor.mediaType) === format)) return node;
	const mediaType = typeIn(format, node.descriptor.mediaType);
	const { annotations, ...rest } = document;
	const changed = {
		...rest,
		mediaType,
		...(document.config === undefined ? {} : { config: { ...document.config, mediaType: typeIn(format, document.config.mediaType) } }),
		layers: (document.layers ?? []).map((layer, index) => {
			const { mediaType: type, digest, size } = layers[index] ?? layer;
			return { ...layer, mediaType: typeIn(format, type), digest, size };
		}),
		...(format === "oci" && annotations !== undefined ? { annotations } : {}),
	};
	return encodeDocument(changed, mediaType, node.descriptor);
}

/** An index in a format, with manifests as they were copied. The very bytes when nothing of it changes. */
export function convertIndex(node: Converted, manifests: readonly Descriptor[], format: ImageFormat): Converted {
	const document = JSON.parse(new TextDecoder().decode(node.bytes)) as { manifests?: readonly Descriptor[]; annotations?: object };
	const before = document.manifests ?? [];
	const same = before.every((manifest, index) => manifest.digest === manifests[index]?.digest);
	if (same && formatOf(node.descriptor.mediaType) === format) return node;
	const mediaType = typeIn(format, node.descriptor.mediaType);
	const { annotations, ...rest } = document;
	const changed = {
		...rest,
		mediaType,
		manifests: before.map((manifest, index) => {
			const { mediaType: type, digest, size } = manifests[index] ?? manifest;
			return { ...manifest, mediaType: type, digest, size };
		}),
		...(format === "oci" && annotations !== undefined ? { annotations } : {}),
	};
	return encodeDocument(changed, mediaType, node.descriptor);
}

/** A layer that was compressed anew, in a file that goes with it. */
export type Recompressed = AsyncDisposable & { readonly descriptor: Descriptor; readonly content: () => AsyncIterable<Uint8Array> };

/**
 * Compresses a layer anew where its compression is not the one that is wanted, or not one the format has. Deterministic: no name, no time.
 * @param content its verified bytes
 * @returns undefined when it is good as it is
 */
export async function recompressed(
	layer: Descriptor,
	content: () => AsyncIterable<Uint8Array>,
	format: ImageFormat,
	options: { readonly temporary: string; readonly compression?: Compression },
): Promise<Recompressed | undefined> {
	const before = compressionOf(layer.mediaType);
	const wanted = options.compression ?? before;
	const compression = format === "docker" && wanted === "zstd" ? "gzip" : wanted;
	if (compression === before) return undefined;
	const folder = mkdtempSync(`${options.temporary}/recompress-`);
	const dispose = () => rmSync(folder, { recursive: true, force: true });
	try {
		const path = `${folder}/layer`;
		const { digest, size } = await writeCompressed(inflate(content()).chunks, compression, path);
		const { annotations: _annotations, ...rest } = layer;
		const descriptor: Descriptor = { ...rest, mediaType: layerType(format, compression), digest, size };
		return {
			descriptor,
			content: () => createReadStream(path, { highWaterMark: 512 << 10 }),
			[Symbol.asyncDispose]: async () => dispose(),
		};
	} catch (error) {
		dispose();
		throw error;
	}
}

async function writeCompressed(
	chunks: AsyncIterable<Uint8Array>,
	compression: Compression,
	path: string,
): Promise<{ digest: Digest; size: number }> {
	const file = await open(path, "wx", 0o600);
	const hasher = new Bun.CryptoHasher("sha256");
	let size = 0;
	try {
		for await (const chunk of compress(chunks, compression)) {
			for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
			hasher.update(chunk);
			size += chunk.length;
		}
	} finally {
		await file.close();
	}
	return { digest: `sha256:${hasher.digest("hex")}`, size };
}

/** A stream compressed; the same input gives the same bytes. */
export async function* compress(chunks: AsyncIterable<Uint8Array>, compression: Compression): AsyncGenerator<Uint8Array, void, undefined> {
	if (compression === "none") {
		yield* chunks;
		return;
	}
	const compressor = compression === "gzip" ? createGzip({ chunkSize: 512 << 10 }) : createZstdCompress({ chunkSize: 512 << 10 });
	let failure: { readonly error: unknown } | undefined;
	let wake: (() => void) | undefined;
	compressor.on("drain", () => wake?.()).on("close", () => wake?.());
	const feed = async () => {
		for await (const chunk of chunks) {
			if (compressor.destroyed) return;
			// The compressor works on a thread of its own: a chunk that its owner fills again must be copied first.
			if (!compressor.write(Uint8Array.from(chunk)) && !compressor.destroyed)
				await new Promise<void>((resolve) => {
					wake = resolve;
				});
		}
		compressor.end();
	};
	const feeding = feed().catch((error: unknown) => {
		failure = { error };
		compressor.destroy(new Error("its source failed"));
	});
	try {
		for await (const chunk of compressor) yield chunk as Uint8Array;
		await feeding;
	} catch (error) {
		throw failure === undefined ? error : failure.error;
	} finally {
		compressor.destroy();
	}
	if (failure !== undefined) throw failure.error;
}
