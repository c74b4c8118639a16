// Brings an image into the store: root document, manifest, config, layers, record, and last the index, which makes it visible. A kill
// at any point leaves blobs nobody names; the next pull uses them, or rmi's sweep removes them.
// @see distribution-spec spec.md#pull, image-spec manifest.md

import { isError } from "../base/errors.ts";
import { useJit } from "../base/jit.ts";
import type { Descriptor, Digest, ImageRecord, Platform } from "../spec/image.ts";
import type { LayerSource } from "../spec/rootfs.ts";
import type { WebOptions } from "./appc/web.ts";
import { collectVerified, createStore, hasBlob, holdBlobs, readBlob, temporaryFolder, updateEntries, writeBlob } from "./blobs.ts";
import { decodeConfig } from "./config.ts";
import { nameEntry, rememberShortName } from "./entries.ts";
import { type Manifest, maxConfigBytes } from "./manifest.ts";
import { hostPlatform } from "./platform.ts";
import { enforcePolicy } from "./policy/enforce.ts";
import { type PullProgress, pullLayers } from "./pull-layers.ts";
import { createRecord } from "./rebuild.ts";
import { formatReference, shortNameOf } from "./reference.ts";
import { collectGarbage } from "./remove.ts";
import { checkPlatform, type Resolved, resolveManifest } from "./resolve.ts";
import { once } from "./sinks/blob-file.ts";
import { openSource } from "./sources/open.ts";
import type { RegistryOptions } from "./sources/registry-session.ts";
import type { ImageSource } from "./sources/source.ts";
import { findImage, indexDigestKey, madeFromKey, readRecord, type StoreEntry, wholeIndexKey } from "./store.ts";

/** How to pull. */
export type PullOptions = {
	readonly root: string;
	/** Of which manifest to take; this machine's if not given. */
	readonly platform?: Platform;
	/** Also what the index has for other platforms, and its attestations: as blobs, to be pushed or saved. */
	readonly allPlatforms?: boolean;
	/** missing: a name that is in the store is not asked for again. Default always. */
	readonly policy?: "always" | "missing";
	/** Default erofs where the kernel mounts it, else folder. */
	readonly layerKind?: LayerSource["kind"];
	readonly registry?: Partial<RegistryOptions>;
	/** A signature policy in place of this machine's. */
	readonly signaturePolicy?: string | undefined;
	/** How images of appc's are discovered, fetched and verified. */
	readonly appc?: WebOptions;
	readonly onProgress?: (progress: PullProgress) => void;
	/** Told the name that is being pulled once it is known that something has to be. */
	readonly onStart?: (name: string) => void;
};

/** What a pull has brought. */
export type PullResult = {
	readonly record: ImageRecord;
	/** Full names in the store; none for an archive without tags. */
	readonly names: readonly string[];
	/** Of the index or the schema 1 manifest if the name leads to one, else of the manifest: what `name@digest` takes. */
	readonly digest: Digest;
	/** Whether the store has changed. */
	readonly changed: boolean;
	/** Something a person should know: the image is made for another platform. */
	readonly warning?: string;
};

/**
 * Pulls an image, from a registry (`NAME`, `docker://NAME`), a layout (`oci:PATH[:NAME]`) or an archive (`docker-archive:PATH[:NAME]`).
 * `corten/hello` comes with corten. Idempotent; what is in the store by digest is not fetched again. Atomic: the index is written last.
 * Must not be called while holding the store ({@link holdStore}): it would wait for itself.
 * @throws `invalid-argument`, `not-found`, `permission-denied`, `unavailable`, `integrity`, `invalid-spec`, `unsupported`, `system`
 */
export async function pullImage(text: string, options: PullOptions): Promise<PullResult> {
	const { root } = options;
	createStore(root);
	if (options.policy === "missing") {
		const record = await findImage(root, text, options.platform);
		if (record !== undefined) return { record, names: [], digest: record.digest, changed: false };
	}
	const short = shortNameOf(text);
	if (options.policy === "missing" && short !== undefined) {
		const found = await findResolved(text, short, options);
		if (found !== undefined) return { record: found, names: [], digest: found.digest, changed: false };
	}
	const result = await pullHeld(text, options);
	const [name] = result.names;
	if (short !== undefined && name !== undefined) updateEntries(root, (entries) => rememberShortName(entries, short, name));
	if (result.changed) collectGarbage(root);
	return result;
}

// An image that was pulled by its full name, asked for by a short one for the first time: no registry need be asked.
async function findResolved(text: string, short: string, { root, platform, registry }: PullOptions): Promise<ImageRecord | undefined> {
	const { resolveName } = await import("./registries/short-names.ts");
	for (const reference of resolveName(text, registry?.environment ?? process.env)) {
		const name = formatReference(reference);
		const record = await findImage(root, name, platform);
		if (record === undefined) continue;
		updateEntries(root, (entries) => rememberShortName(entries, short, name));
		return record;
	}
	return undefined;
}

/**
 * Brings an image of an open source into the store, which must be there ({@link createStore}). The source is not disposed, and nothing is
 * collected: who brings several collects at the end.
 * @param text the source as typed, for messages
 * @throws as pullImage
 */
export async function storeImage(source: ImageSource, text: string, options: PullOptions): Promise<PullResult> {
	useJit();
	using _hold = holdBlobs(options.root);
	return await pullFrom(source, text, options);
}

/**
 * The manifest that a pull would bring now, without bringing it.
 * @throws as pullImage
 */
export async function peekImage(text: string, options: Omit<PullOptions, "policy" | "onProgress" | "onStart">): Promise<Digest> {
	createStore(options.root);
	using _hold = holdBlobs(options.root);
	await using source = await openSource(text, { ...options, appc: options.appc ?? {} });
	return (await resolveManifest(source, text, options.platform ?? hostPlatform())).descriptor.digest;
}

async function pullHeld(text: string, options: PullOptions): Promise<PullResult> {
	useJit();
	using _hold = holdBlobs(options.root);
	await using source = await openSource(text, { ...options, appc: options.appc ?? {} });
	return await pullFrom(source, text, options);
}

async function pullFrom(source: ImageSource, text: string, options: PullOptions): Promise<PullResult> {
	const { root } = options;
	const resolved = await resolveManifest(source, text, options.platform ?? hostPlatform());
	const { descriptor, manifest } = resolved;
	// Before anything is fetched or named, also of an image that is here already: a name must not move to what the policy refuses.
	await enforcePolicy(source, descriptor.digest);
	const names = source.names();
	const what = `"${names[0] ?? text}"`;
	if (options.allPlatforms === true) await keepAll(text, source, options);

	const configBytes = await keepDocument(root, manifest.config, source);
	const config = decodeConfig(configBytes, manifest.layers.length, `config of ${what}`);
	const warnings = [checkPlatform(config, options.platform, what), ...(source.warnings?.() ?? [])].filter((text) => text !== undefined);
	const warning = warnings.length === 0 ? undefined : warnings.join("; ");
	for (const document of resolved.documents) {
		if ((await readIntact(root, document.descriptor)) === undefined) await writeBlob(root, document.descriptor, once(document.bytes));
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
		...originAnnotations(resolved, options),
	};
	updateEntries(root, (before) => {
		const after =
			names.length === 0 ? nameEntry(before, entry, undefined) : names.reduce((entries, name) => nameEntry(entries, entry, name), before);
		changed ||= after !== before;
		return after;
	});
	return { record, names, digest: resolved.madeFrom ?? resolved.rootDigest, changed, ...(warning === undefined ? {} : { warning }) };
}

function originAnnotations({ descriptor, rootDigest, madeFrom }: Resolved, { allPlatforms }: PullOptions): Pick<StoreEntry, "annotations"> {
	if (madeFrom !== undefined) return { annotations: { [madeFromKey]: madeFrom } };
	if (rootDigest === descriptor.digest) return {};
	return { annotations: { [indexDigestKey]: rootDigest, ...(allPlatforms === true ? { [wholeIndexKey]: "true" } : {}) } };
}

async function keepAll(text: string, source: ImageSource, { root, onProgress }: PullOptions): Promise<void> {
	const [{ copyImage }, { storeSink }] = await Promise.all([import("./copy.ts"), import("./sinks/store.ts")]);
	await using sink = storeSink(root);
	await copyImage(source, text, sink, {
		temporary: temporaryFolder(root),
		all: true,
		onProgress: ({ state, ...progress }) => onProgress?.({ ...progress, state: state === "copying" ? "downloading" : "done" }),
	});
}

// A blob that went bad on disk counts as missing: a pull is how a store is healed.
async function readIntact(root: string, descriptor: Descriptor): Promise<Uint8Array | undefined> {
	try {
		return await readBlob(root, descriptor, maxConfigBytes);
	} catch (error) {
		if (isError(error, "not-found") || isError(error, "integrity")) return undefined;
		throw error;
	}
}

async function keepDocument(root: string, descriptor: Descriptor, source: ImageSource): Promise<Uint8Array> {
	const present = await readIntact(root, descriptor);
	if (present !== undefined) return present;
	const bytes = await collectVerified(source.blob(descriptor), descriptor, maxConfigBytes);
	await writeBlob(root, descriptor, once(bytes));
	return bytes;
}

async function hasAllBlobs(root: string, manifest: Manifest): Promise<boolean> {
	for (const layer of manifest.layers) if (!(await hasBlob(root, layer))) return false;
	return true;
}
