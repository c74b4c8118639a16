// Whether the store is whole: what index.json names is followed down to the bytes, and what is wrong is healed from what is there: a record
// and a layer file from the blobs, a name from nothing but a pull. Nothing that is good is touched.
// @see image-spec image-layout.md

import { renameSync, rmSync, statSync } from "node:fs";
import { isError } from "../base/errors.ts";
import { exists, LOCK_EX, listFolder, readFile } from "../linux/file.ts";
import type { Descriptor, Digest } from "../spec/image.ts";
import { decodeArtifact } from "./artifact-manifest.ts";
import { collectVerified, createStore, hasBlob, holdBlobs, streamBlob, writeEntries } from "./blobs.ts";
import { decodeConfig } from "./config.ts";
import { verifyStream } from "./digest.ts";
import { isSoundErofs } from "./layer/erofs-check.ts";
import { createLayer } from "./layer/layer.ts";
import { decodeManifest, maxConfigBytes, maxManifestBytes } from "./manifest.ts";
import { rebuildRecord } from "./rebuild.ts";
import { collectGarbage } from "./remove.ts";
import {
	blobPath,
	entryName,
	holdStore,
	indexDigestKey,
	isArtifact,
	layersFolder,
	readEntries,
	readRecord,
	recordPath,
	type StoreEntry,
	storeFolder,
} from "./store.ts";

/** One thing that is wrong. */
export type Problem = {
	/** What: `layer "sha256:..."`, `image "docker.io/library/a:1"`. */
	readonly what: string;
	readonly why: string;
	/** What was done about it; undefined: nothing. */
	readonly repaired?: string;
};

/** How to look. */
export type CheckOptions = {
	readonly repair: boolean;
	/** Sizes and superblocks in place of every byte. */
	readonly quick: boolean;
	readonly onImage?: (name: string) => void;
};

/** What a check has found. */
export type CheckResult = { readonly images: number; readonly problems: readonly Problem[] };

/**
 * Checks every image of the store. Without `quick` every blob is read and hashed, and every layer file is made again and compared. With
 * `repair` what can be is healed; an image that only a pull could heal loses its place in the index, and the blobs that are good stay until
 * garbage is collected, so that the pull finds them.
 * @throws `system`; `busy` never: other commands may run, and wait for nothing but the edit of the index
 */
export async function checkStore(root: string, options: CheckOptions): Promise<CheckResult> {
	if (!exists(storeFolder(root))) return { images: 0, problems: [] };
	const problems: Problem[] = [];
	let entries: readonly StoreEntry[];
	try {
		entries = readEntries(root);
	} catch (error) {
		if (!isError(error, "invalid-spec")) throw error;
		entries = options.repair ? rebuildIndex(root) : [];
		const repaired = options.repair ? { repaired: "made again from the records; names are lost, the old one is index.json.damaged" } : {};
		problems.push({ what: `"${storeFolder(root)}/index.json"`, why: "is damaged", ...repaired });
	}
	createStore(root);
	{
		using _hold = holdBlobs(root);
		const seen = new Map<string, boolean>();
		for (const entry of entries) {
			options.onImage?.(entryName(entry) || entry.digest);
			problems.push(...(await checkEntry(root, entry, options, seen)));
		}
	}
	if (options.repair && problems.length > 0) collectGarbage(root);
	return { images: entries.length, problems };
}

/** @param seen blobs and layers that were looked at, and whether they are good */
async function checkEntry(root: string, entry: StoreEntry, options: CheckOptions, seen: Map<string, boolean>): Promise<Problem[]> {
	const what = `${isArtifact(entry) ? "artifact" : "image"} "${entryName(entry) || entry.digest}"`;
	const { lost, problems, judged } = await checkContent(root, entry, what, options, seen);
	if (lost.length === 0) {
		if (!judged || isArtifact(entry) || readRecord(root, entry.digest) !== undefined) return problems;
		const repaired = options.repair && (await rebuildRecord(root, entry)) !== undefined ? { repaired: "made again" } : {};
		return [...problems, { what: `record of ${what}`, why: "is missing or damaged", ...repaired }];
	}
	const name = entryName(entry);
	if (options.repair) dropEntry(root, entry);
	const pull = isArtifact(entry) ? "artifact pull" : "pull";
	const repaired = options.repair
		? { repaired: `taken out of the store${name === "" ? "" : `; bring it back by: corten ${pull} ${name}`}` }
		: {};
	return [...problems, ...lost.map((why) => ({ what, why, ...repaired }))];
}

/** What of an entry's content is lost for good, and what is wrong otherwise. `judged` is false for what another tool has put there and we know nothing of. */
type Content = { readonly lost: string[]; readonly problems: Problem[]; readonly judged: boolean };

async function checkContent(
	root: string,
	entry: StoreEntry,
	what: string,
	options: CheckOptions,
	seen: Map<string, boolean>,
): Promise<Content> {
	const content: Content = { lost: [], problems: [], judged: true };
	const { lost, problems } = content;
	const isGood = async (blob: Descriptor) => {
		if (await isGoodBlob(root, blob, options.quick, seen)) return true;
		lost.push(`its blob "${blob.digest}" is missing or damaged`);
		if (options.repair) rmSync(blobPath(root, blob.digest), { force: true });
		return false;
	};
	try {
		const bytes = await readWhole(root, entry, maxManifestBytes);
		if (isArtifact(entry)) {
			const { config, layers } = decodeArtifact(bytes, entry.mediaType, what);
			for (const blob of [config, ...layers]) await isGood(blob);
			return content;
		}
		const manifest = decodeManifest(bytes, entry.mediaType, what);
		const index = entry.annotations?.[indexDigestKey] as Digest | undefined;
		if (index !== undefined && !exists(blobPath(root, index))) lost.push(`its index "${index}" is missing`);
		if (manifest.kind === "index") return { ...content, judged: false };
		const config = decodeConfig(await readWhole(root, manifest.config, maxConfigBytes), manifest.layers.length, what);
		for (const [at, layer] of manifest.layers.entries()) {
			const diffID = config.diffIDs[at];
			if (!(await isGood(layer)) || diffID === undefined) continue;
			const problem = await checkLayer(root, layer, diffID, options, seen);
			if (problem === "other") lost.push(`its blob "${layer.digest}" is not layer "${diffID}"`);
			else if (problem !== undefined) problems.push(problem);
		}
	} catch (error) {
		if (!isError(error)) throw error;
		if (error.code === "unsupported") return { ...content, judged: false };
		lost.push(error.message);
	}
	return content;
}

async function readWhole(root: string, descriptor: Descriptor, maxBytes: number): Promise<Uint8Array> {
	return await collectVerified(streamBlob(root, descriptor), descriptor, maxBytes);
}

async function isGoodBlob(root: string, descriptor: Descriptor, quick: boolean, seen: Map<string, boolean>): Promise<boolean> {
	const known = seen.get(descriptor.digest);
	if (known !== undefined) return known;
	let good = await hasBlob(root, descriptor);
	if (good && !quick) {
		try {
			for await (const _chunk of verifyStream(streamBlob(root, descriptor), descriptor, "blob"));
		} catch (error) {
			if (!isError(error)) throw error;
			good = false;
		}
	}
	seen.set(descriptor.digest, good);
	return good;
}

/**
 * Layer files follow from their blobs to the last byte, so a good one is what is made again.
 * @returns "other" when the blob is no such layer at all: the layer file may be another image's, and good
 */
async function checkLayer(
	root: string,
	layer: Descriptor,
	diffID: Digest,
	options: CheckOptions,
	seen: Map<string, boolean>,
): Promise<Problem | "other" | undefined> {
	const path = `${layersFolder(root)}/${diffID.replace(":", "-")}.erofs`;
	const pair = `${layer.digest} ${diffID}`;
	if (seen.has(pair)) return seen.get(pair) === false ? "other" : undefined;
	// A missing one is made again with the record, or by the next start; a folder is not looked at.
	const state = !exists(path)
		? "good"
		: options.quick
			? isSoundErofs(path)
				? "good"
				: "damaged"
			: await compareWithAnew(root, layer, diffID, path);
	seen.set(pair, state !== "other");
	if (state === "other") return state;
	if (state === "good") return undefined;
	const what = `layer "${diffID}"`;
	if (!options.repair) return { what, why: "is damaged" };
	// Containers that have it mounted keep what they have.
	renameSync(path, `${path}.damaged`);
	try {
		await createLayer(streamBlob(root, layer), { layersDir: layersFolder(root), diffID, kind: "erofs" });
		return { what, why: "is damaged", repaired: "made again" };
	} catch (error) {
		if (!isError(error)) throw error;
		return { what, why: `is damaged, and cannot be made again: ${error.message}` };
	} finally {
		rmSync(`${path}.damaged`, { force: true });
	}
}

async function compareWithAnew(root: string, layer: Descriptor, diffID: Digest, path: string): Promise<"good" | "damaged" | "other"> {
	const folder = `${storeFolder(root)}/tmp/check-${process.pid}`;
	try {
		const { path: again } = await createLayer(streamBlob(root, layer), { layersDir: folder, diffID, kind: "erofs" });
		if (!isSoundErofs(path) || statSync(again).size !== statSync(path).size) return "damaged";
		return (await hashOf(again)) === (await hashOf(path)) ? "good" : "damaged";
	} catch (error) {
		if (isError(error, "integrity") || isError(error, "invalid-spec")) return "other";
		throw error;
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

async function hashOf(path: string): Promise<string> {
	const hasher = new Bun.CryptoHasher("sha256");
	for await (const chunk of Bun.file(path).stream()) hasher.update(chunk);
	return hasher.digest("hex");
}

function dropEntry(root: string, entry: StoreEntry): void {
	using _hold = holdStore(root, LOCK_EX);
	const kept = readEntries(root).filter(({ digest }) => digest !== entry.digest);
	writeEntries(root, kept);
	rmSync(recordPath(root, entry.digest), { force: true });
}

/** An index of all records there are. Their names are lost with the old one, which stays beside it. */
function rebuildIndex(root: string): readonly StoreEntry[] {
	using _hold = holdStore(root, LOCK_EX);
	const path = `${storeFolder(root)}/index.json`;
	renameSync(path, `${path}.damaged`);
	const entries = listFolder(`${root}/records`).flatMap((name): StoreEntry[] => {
		const digest = `sha256:${name.replace(/\.json$/, "")}` as Digest;
		const record = readRecord(root, digest);
		if (record === undefined || !exists(blobPath(root, digest))) return [];
		const document = JSON.parse(new TextDecoder().decode(readFile(blobPath(root, digest), maxManifestBytes))) as { mediaType?: string };
		const { os, architecture } = record.config;
		const mediaType = document.mediaType ?? "application/vnd.oci.image.manifest.v1+json";
		return [{ mediaType, digest, size: statSync(blobPath(root, digest)).size, platform: { os, architecture } }];
	});
	writeEntries(root, entries);
	return entries;
}
