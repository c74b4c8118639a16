// A new image in the store, of a base and a layer that was just made: what commit and import (and one day a build) end in. Blobs first, the
// layer file and the record next, the index last, as a pull does it.
// @see image-spec manifest.md, config.md

import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { canMountErofs } from "../linux/erofs.ts";
import type { Descriptor, Digest, ImageRecord } from "../spec/image.ts";
import { adoptBlob, createStore, holdBlobs, readBlob, streamBlob, temporaryFolder, updateEntries, writeBlob } from "./blobs.ts";
import { decodeConfig } from "./config.ts";
import { compress, layerType } from "./convert.ts";
import { digestOf } from "./digest.ts";
import { nameEntry } from "./entries.ts";
import { createLayer } from "./layer/layer.ts";
import { decodeManifest, type Manifest, maxConfigBytes, maxManifestBytes } from "./manifest.ts";
import { dockerConfig, dockerManifest, ociConfig, ociManifest } from "./media-types.ts";
import { createRecord } from "./rebuild.ts";
import { collectGarbage } from "./remove.ts";
import { once } from "./sinks/blob-file.ts";
import type { ImageFormat } from "./sinks/sink.ts";
import { layersFolder, readEntries } from "./store.ts";

/** A config as a document: members that corten does not know stay. */
export type ConfigDocument = Readonly<Record<string, unknown>>;

/** What the new image stands on. */
export type Base = { readonly config: ConfigDocument; readonly layers: readonly Descriptor[]; readonly diffIDs: readonly Digest[] };

/** A layer in the store: its blob, and what it is uncompressed. */
export type NewLayer = { readonly descriptor: Descriptor; readonly diffID: Digest };

/** The documents of an image that is in the store. @param digest of its manifest @throws `not-found` */
export async function readBase(root: string, digest: string): Promise<Base> {
	const entry = readEntries(root).find((candidate) => candidate.digest === digest);
	const what = `image "${digest}"`;
	const descriptor = entry ?? { mediaType: ociManifest, digest: digest as Digest, size: -1 };
	const manifest = decodeManifest(await readBlob(root, descriptor, maxManifestBytes), entry?.mediaType, what) as Manifest;
	const bytes = await readBlob(root, manifest.config, maxConfigBytes);
	const { diffIDs } = decodeConfig(bytes, manifest.layers.length, what);
	return { config: JSON.parse(new TextDecoder().decode(bytes)) as ConfigDocument, layers: manifest.layers, diffIDs };
}

/**
 * Makes a tar a layer of the store: compressed by gzip without name and time, so that the same tar gives the same blob. Durable; a failure
 * leaves nothing behind. Hold the blobs ({@link holdBlobs}) until an image names it.
 */
export async function createLayerBlob(
	root: string,
	tar: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
	format: ImageFormat,
): Promise<NewLayer> {
	const folder = mkdtempSync(`${temporaryFolder(root)}/layer-`);
	try {
		const path = `${folder}/layer`;
		const plain = new Bun.CryptoHasher("sha256");
		const packed = new Bun.CryptoHasher("sha256");
		let size = 0;
		const file = await open(path, "wx", 0o600);
		try {
			for await (const chunk of compress(hashed(tar, plain), "gzip")) {
				for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
				packed.update(chunk);
				size += chunk.length;
			}
		} finally {
			await file.close();
		}
		const descriptor: Descriptor = { mediaType: layerType(format, "gzip"), digest: `sha256:${packed.digest("hex")}`, size };
		await adoptBlob(root, descriptor, path);
		return { descriptor, diffID: `sha256:${plain.digest("hex")}` };
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

async function* hashed(
	tar: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
	hasher: Bun.CryptoHasher,
): AsyncGenerator<Uint8Array, void, undefined> {
	for await (const chunk of tar) {
		hasher.update(chunk);
		yield chunk;
	}
}

/** What to make. */
export type Draft = {
	/** Without rootfs, which follows from the layers. */
	readonly config: ConfigDocument;
	readonly layers: readonly Descriptor[];
	readonly diffIDs: readonly Digest[];
	readonly format: ImageFormat;
	/** Full reference; undefined: an image without a name. */
	readonly name: string | undefined;
};

/**
 * Writes config and manifest of layers whose diffIDs are known to be theirs, makes the layer files that are missing, and names the image. Atomic and durable. The caller holds the blobs.
 * @throws `invalid-spec` when the config is none
 */
export async function createImage(root: string, draft: Draft): Promise<ImageRecord> {
	const encode = (document: object) => new TextEncoder().encode(JSON.stringify(document));
	const configBytes = encode({ ...draft.config, rootfs: { type: "layers", diff_ids: draft.diffIDs } });
	const config = decodeConfig(configBytes, draft.layers.length, "config of the new image");
	const put = async (mediaType: string, bytes: Uint8Array): Promise<Descriptor> => {
		const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
		await writeBlob(root, descriptor, once(bytes));
		return descriptor;
	};
	const docker = draft.format === "docker";
	const mediaType = docker ? dockerManifest : ociManifest;
	const configDescriptor = await put(docker ? dockerConfig : ociConfig, configBytes);
	const manifest: Manifest = { kind: "manifest", mediaType, config: configDescriptor, layers: draft.layers };
	const descriptor = await put(mediaType, encode({ schemaVersion: 2, mediaType, config: configDescriptor, layers: draft.layers }));
	const kind = canMountErofs() ? "erofs" : "folder";
	const layers = [];
	for (const [index, layer] of draft.layers.entries()) {
		const diffID = draft.diffIDs[index];
		if (diffID !== undefined)
			layers.push(await createLayer(streamBlob(root, layer), { layersDir: layersFolder(root), diffID, kind, known: true }));
	}
	const record = createRecord(root, descriptor.digest, manifest, config, layers);
	const platform = {
		os: config.os,
		architecture: config.architecture,
		...(config.variant === undefined ? {} : { variant: config.variant }),
	};
	updateEntries(root, (entries) => nameEntry(entries, { ...descriptor, platform }, draft.name));
	return record;
}

/** Does something while no blob of the store is collected, and collects afterwards. */
export async function withStore<T>(root: string, act: () => Promise<T>): Promise<T> {
	createStore(root);
	try {
		using _hold = holdBlobs(root);
		return await act();
	} finally {
		collectGarbage(root);
	}
}
