// Brings an image into the store: root document, manifest, config, layers, record, and last the index, which makes it visible. A kill
// at any point leaves blobs nobody names; the next pull uses them, or rmi's sweep removes them.
// @see distribution-spec spec.md#pull, image-spec manifest.md

import { CortenError } from "../base/errors.ts";
import { useJit } from "../base/jit.ts";
import type { Descriptor, Digest, ImageConfig, ImageRecord, Platform } from "../spec/image.ts";
import type { LayerSource } from "../spec/rootfs.ts";
import {
	collectVerified,
	createStore,
	hasBlob,
	holdBlobs,
	readBlob,
	streamBlob,
	temporaryFolder,
	updateEntries,
	writeBlob,
} from "./blobs.ts";
import { builtinLayout } from "./builtin.ts";
import { decodeConfig } from "./config.ts";
import { verifyBytes } from "./digest.ts";
import { nameEntry } from "./entries.ts";
import { createLayer } from "./layer.ts";
import { decodeManifest, type Manifest, maxConfigBytes } from "./manifest.ts";
import { choosePlatform, formatPlatform, hostPlatform, platformSuits } from "./platform.ts";
import { createRecord } from "./rebuild.ts";
import { formatReference, parseSource } from "./reference.ts";
import type { RegistryOptions } from "./registry.ts";
import { collectGarbage } from "./remove.ts";
import type { ImageSource } from "./source.ts";
import { findImage, indexDigestKey, layersFolder, readRecord, type StoreEntry } from "./store.ts";

/** What happens to one layer. */
export type PullProgress = {
	readonly digest: Digest;
	readonly state: "present" | "downloading" | "creating" | "done";
	/** Bytes of the blob so far, and in all. */
	readonly bytes: number;
	readonly size: number;
};

export type PullOptions = {
	readonly root: string;
	/** Of which manifest to take; this machine's if not given. */
	readonly platform?: Platform;
	/** missing: a name that is in the store is not asked for again. Default always. */
	readonly policy?: "always" | "missing";
	/** Default erofs. */
	readonly layerKind?: LayerSource["kind"];
	readonly registry?: Partial<RegistryOptions>;
	readonly onProgress?: (progress: PullProgress) => void;
	/** Told the name that is being pulled once it is known that something has to be. */
	readonly onStart?: (name: string) => void;
};

export type PullResult = {
	readonly record: ImageRecord;
	/** Full names in the store; none for an archive without tags. */
	readonly names: readonly string[];
	/** Of the index if the name leads to one, else of the manifest: what `name@digest` takes. */
	readonly digest: Digest;
	/** Whether the store has changed. */
	readonly changed: boolean;
	/** Something a person should know: the image is made for another platform. */
	readonly warning?: string;
};

/** A manifest with the documents that led to it. */
type Resolved = {
	readonly descriptor: Descriptor;
	readonly manifest: Manifest;
	readonly rootDigest: Digest;
	readonly documents: readonly { readonly descriptor: Descriptor; readonly bytes: Uint8Array }[];
};

/**
 * Pulls an image, from a registry (`NAME`, `docker://NAME`), a layout (`oci:PATH[:NAME]`) or an archive (`docker-archive:PATH[:NAME]`).
 * `corten/hello` comes with corten. Idempotent; what is in the store by digest is not fetched again. Atomic: the index is written last.
 * @throws `invalid-argument`, `not-found`, `permission-denied`, `unavailable`, `integrity`, `invalid-spec`, `unsupported`, `system`
 */
export async function pullImage(text: string, options: PullOptions): Promise<PullResult> {
	const { root } = options;
	createStore(root);
	if (options.policy === "missing") {
		const record = await findImage(root, text, options.platform);
		if (record !== undefined) return { record, names: [], digest: record.digest, changed: false };
	}
	const result = await pullHeld(text, options);
	if (result.changed) collectGarbage(root);
	return result;
}

async function pullHeld(text: string, options: PullOptions): Promise<PullResult> {
	const { root } = options;
	useJit();
	using _hold = holdBlobs(root);
	await using source = await openSource(text, options);
	const resolved = await resolveManifest(source, text, options.platform ?? hostPlatform());
	const { descriptor, manifest } = resolved;
	const names = source.names();
	const what = `"${names[0] ?? text}"`;

	const configBytes = await keepDocument(root, manifest.config, source);
	const config = decodeConfig(configBytes, manifest.layers.length, `config of ${what}`);
	const warning = checkPlatform(config, options.platform, what);
	for (const document of resolved.documents) {
		if (!(await hasBlob(root, document.descriptor))) await writeBlob(root, document.descriptor, once(document.bytes));
	}
	let record = readRecord(root, descriptor.digest);
	let changed = record === undefined;
	if (record === undefined || !(await hasAllBlobs(root, manifest))) {
		options.onStart?.(names[0] ?? text);
		const layers = await pullLayers(manifest, config, source, options);
		record = createRecord(root, descriptor.digest, manifest, config, layers);
		changed = true;
	}
	const entry: StoreEntry = {
		mediaType: manifest.mediaType,
		digest: descriptor.digest,
		size: descriptor.size,
		platform: { os: config.os, architecture: config.architecture, ...(config.variant === undefined ? {} : { variant: config.variant }) },
		...(resolved.rootDigest === descriptor.digest ? {} : { annotations: { [indexDigestKey]: resolved.rootDigest } }),
	};
	updateEntries(root, (before) => {
		const after =
			names.length === 0 ? nameEntry(before, entry, undefined) : names.reduce((entries, name) => nameEntry(entries, entry, name), before);
		changed ||= after !== before;
		return after;
	});
	return { record, names, digest: resolved.rootDigest, changed, ...(warning === undefined ? {} : { warning }) };
}

async function openSource(text: string, options: PullOptions): Promise<ImageSource> {
	const source = parseSource(text);
	if (source.transport === "oci") return (await import("./oci-layout.ts")).ociLayoutSource(source.path, source.name);
	if (source.transport === "docker-archive") {
		return await (await import("./docker-archive.ts")).dockerArchiveSource(source.path, source.name, temporaryFolder(options.root));
	}
	const name = formatReference(source.reference);
	const builtin = builtinLayout(name);
	if (builtin !== undefined) return (await import("./oci-layout.ts")).ociLayoutSource(builtin, undefined, name);
	return (await import("./registry.ts")).registrySource(source.reference, { tlsVerify: true, ...options.registry });
}

async function resolveManifest(source: ImageSource, text: string, platform: Platform): Promise<Resolved> {
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
		if (decoded.kind === "manifest") return { descriptor, manifest: decoded, rootDigest: first.digest, documents };
		const chosen = choosePlatform(decoded.manifests, platform);
		if (chosen === undefined) {
			const offered = decoded.manifests.flatMap((entry) => (entry.platform === undefined ? [] : [formatPlatform(entry.platform)]));
			const list = [...new Set(offered)].filter((name) => !name.startsWith("unknown")).slice(0, 20);
			throw new CortenError(
				"not-found",
				`cannot find platform "${formatPlatform(platform)}" in the ${what}: it has ${JSON.stringify(list.join(", "))}`,
			);
		}
		bytes = await source.manifest(chosen);
		verifyBytes(bytes, chosen, `manifest "${chosen.digest}"`);
		digest = chosen.digest;
		stated = chosen.mediaType;
	}
	throw new CortenError("invalid-spec", `cannot decode ${what}: indexes lead to indexes without end`);
}

async function keepDocument(root: string, descriptor: Descriptor, source: ImageSource): Promise<Uint8Array> {
	if (await hasBlob(root, descriptor)) return await readBlob(root, descriptor, maxConfigBytes);
	const bytes = await collectVerified(source.blob(descriptor), descriptor, maxConfigBytes);
	await writeBlob(root, descriptor, once(bytes));
	return bytes;
}

function checkPlatform(config: ImageConfig, asked: Platform | undefined, what: string): string | undefined {
	if (platformSuits(config, asked ?? hostPlatform())) return undefined;
	if (asked === undefined) return `image ${what} is made for ${formatPlatform(config)}, this machine is ${formatPlatform(hostPlatform())}`;
	throw new CortenError(
		"not-found",
		`cannot find platform "${formatPlatform(asked)}" in ${what}: it is made for ${formatPlatform(config)}`,
	);
}

async function hasAllBlobs(root: string, manifest: Manifest): Promise<boolean> {
	for (const layer of manifest.layers) if (!(await hasBlob(root, layer))) return false;
	return true;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
	yield bytes;
}

// Three at a time: one connection leaves the line idle between requests, and while one layer is written the next is on its way.
async function pullLayers(
	manifest: Manifest,
	config: ImageConfig,
	source: ImageSource,
	options: PullOptions,
): Promise<readonly LayerSource[]> {
	const { root, onProgress, layerKind = "erofs" } = options;
	const layers: LayerSource[] = [];
	const downloads = new Map<Digest, Promise<void>>();
	let next = 0;
	let failure: unknown;
	async function* untilFailure(stream: AsyncIterable<Uint8Array>) {
		for await (const chunk of stream) {
			if (failure !== undefined) throw failure;
			yield chunk;
		}
	}
	const download = async (layer: Descriptor) => {
		const tell = (state: PullProgress["state"], bytes: number) => onProgress?.({ digest: layer.digest, state, bytes, size: layer.size });
		if (await hasBlob(root, layer)) return tell("present", layer.size);
		tell("downloading", 0);
		await writeBlob(root, layer, untilFailure(source.blob(layer)), (bytes) => tell("downloading", bytes));
	};
	const work = async () => {
		for (let index = next++; index < manifest.layers.length && failure === undefined; index = next++) {
			const layer = manifest.layers[index];
			const diffID = config.diffIDs[index];
			if (layer === undefined || diffID === undefined) throw new CortenError("bug", "layers and diffIDs differ in number");
			// A manifest may name one blob twice.
			const downloaded = downloads.get(layer.digest) ?? download(layer);
			downloads.set(layer.digest, downloaded);
			await downloaded;
			onProgress?.({ digest: layer.digest, state: "creating", bytes: layer.size, size: layer.size });
			layers[index] = await createLayer(streamBlob(root, layer), { layersDir: layersFolder(root), diffID, kind: layerKind });
			onProgress?.({ digest: layer.digest, state: "done", bytes: layer.size, size: layer.size });
		}
	};
	const workers = [work(), work(), work()].map((worker) =>
		worker.catch((error: unknown) => {
			failure ??= error;
		}),
	);
	await Promise.all(workers);
	if (failure !== undefined) throw failure;
	return layers;
}
