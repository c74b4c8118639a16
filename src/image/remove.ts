// Removal: names go at once, files when nothing leads to them any more. What is in use is found by walking from the index and from the
// containers, each time anew: there are no counters that could be wrong.

import { readFileSync, rmSync, statSync } from "node:fs";
import { CortenError } from "../base/errors.ts";
import { LOCK_EX, LOCK_NB, listFolder } from "../linux/file.ts";
import type { Digest, ImageRecord } from "../spec/image.ts";
import { holdBlobs, temporaryFolder, writeEntries } from "./blobs.ts";
import { isDigest } from "./digest.ts";
import { unnameEntry } from "./entries.ts";
import { maxConfigBytes } from "./manifest.ts";
import { isWorthKeeping } from "./partial-blob.ts";
import { parseReference } from "./reference.ts";
import {
	blobPath,
	entryName,
	findById,
	findEntry,
	findShortName,
	holdStore,
	indexDigestKey,
	layersFolder,
	previousKey,
	readEntries,
	readRecord,
	type StoreEntry,
	wholeIndexKey,
} from "./store.ts";

/** What a removal did. */
export type Removal = {
	/** Full names that were taken away. */
	readonly untagged: readonly string[];
	/** Config digests (image IDs) of images that are gone, manifest digest where the config is unknown. */
	readonly deleted: readonly Digest[];
};

/** What a container needs of the store. */
export type ContainerUse = { readonly id: string; readonly digest: string | undefined; readonly layers: readonly string[] };

/**
 * Takes a name from an image, or removes an image by the beginning of its ID with all its names. An image that has lost its last name
 * is removed with the blobs and layers nobody else uses; layers of a container stay until the container is gone.
 * @param options.force also an image a container uses, and an ID that several names share
 * @throws `not-found`; `busy` when it is in use; `invalid-argument` for a broken reference or an ambiguous ID
 */
export function removeImage(root: string, text: string, options: { readonly force: boolean }): Removal {
	const removal = removeEntries(root, text, options.force);
	collectGarbage(root);
	return removal;
}

function removeEntries(root: string, text: string, force: boolean): Removal {
	using hold = holdStore(root, LOCK_EX);
	const entries = readEntries(root);
	const targets = hold === undefined ? [] : findTargets(root, entries, text);
	if (targets.length === 0) throw new CortenError("not-found", `cannot find image ${JSON.stringify(text)}`);
	const names = targets.map(entryName).filter((name) => name !== "");
	const byName = names.length === 1 && targets.length === 1;
	if (!byName && names.length > 1 && !force) {
		throw new CortenError("busy", `cannot remove image "${text}": it has the names ${names.join(", ")}`, {
			hint: "remove the names, or use --force",
		});
	}
	let rest = entries;
	for (const name of names) rest = unnameEntry(rest, name, false);
	// What an update had kept for the name goes with it.
	rest = rest.filter((entry) => entryName(entry) !== "" || !names.includes(entry.annotations?.[previousKey] ?? "-"));
	rest = rest.filter((entry) => entryName(entry) !== "" || !targets.some((target) => target.digest === entry.digest));
	const gone = targets.filter((target) => !rest.some((entry) => entry.digest === target.digest));
	const records = gone.map((entry) => readRecord(root, entry.digest));
	if (!force) {
		const uses = readContainers(root);
		const use = uses.readable.find((container) => gone.some((entry, index) => isUsedBy(container, entry, records[index])));
		if (use !== undefined) {
			throw new CortenError("busy", `cannot remove image "${text}": container "${use.id.slice(0, 12)}" uses it`, {
				hint: "remove the container, or use --force",
			});
		}
	}
	writeEntries(root, rest);
	const deleted = gone.map((entry, index) => records[index]?.configDigest ?? entry.digest);
	return { untagged: names, deleted: [...new Set(deleted)] };
}

function findTargets(root: string, entries: readonly StoreEntry[], text: string): readonly StoreEntry[] {
	const isId = /^(?:sha256:)?[0-9a-f]{3,64}$/.test(text);
	const named = isId && text.length >= 64 ? undefined : (findShortName(entries, text) ?? findEntry(entries, parseReference(text)));
	if (named !== undefined) return [named];
	return isId ? findById(root, entries, text).map(({ entry }) => entry) : [];
}

function isUsedBy(container: ContainerUse, entry: StoreEntry, record: ImageRecord | undefined): boolean {
	if (container.digest !== undefined) return container.digest === entry.digest;
	const layers = record?.layers.map(({ path }) => path) ?? [];
	return layers.length > 0 && layers.length === container.layers.length && layers.every((path, index) => path === container.layers[index]);
}

// Of container.json only what matters here. A folder without it is being made or unmade, and whoever makes it holds the store.
/** The containers there are; `complete` when every one could be read. */
export function readContainers(root: string): { readonly readable: readonly ContainerUse[]; readonly complete: boolean } {
	const readable: ContainerUse[] = [];
	let complete = true;
	for (const id of listFolder(`${root}/containers`)) {
		let text: string;
		try {
			text = readFileSync(`${root}/containers/${id}/container.json`, "utf8");
		} catch (error) {
			if (!(error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))) complete = false;
			continue;
		}
		try {
			const { image, layers } = JSON.parse(text) as { image?: { digest?: string } | null; layers: readonly string[] };
			if (!layers.every((path) => typeof path === "string")) throw new TypeError("layers");
			readable.push({ id, digest: image?.digest, layers });
		} catch {
			complete = false;
		}
	}
	return { readable, complete };
}

/**
 * Removes blobs, layers, records and temporary files that no index entry and no container leads to. Does nothing while somebody pulls.
 * Costs a read of each manifest and config.
 * @param options.partial also the beginning of a blob that the next pull could go on with
 * @returns how many files and folders went
 */
export function collectGarbage(root: string, options: { readonly partial?: true } = {}): number {
	using store = holdStore(root, LOCK_EX);
	if (store === undefined) return 0;
	using blobs = holdBlobs(root, LOCK_EX | LOCK_NB);
	if (blobs === undefined) return 0;
	const used = new Set<string>();
	const records = new Set<string>();
	const layers = new Set<string>();
	for (const entry of readEntries(root)) {
		records.add(`${entry.digest.slice(7)}.json`);
		const index = entry.annotations?.[indexDigestKey];
		if (index !== undefined && entry.annotations?.[wholeIndexKey] === "true") markBlob(root, index, used, layers, 0);
		else if (index !== undefined) used.add(index);
		markBlob(root, entry.digest, used, layers, 0);
	}
	const containers = readContainers(root);
	for (const container of containers.readable)
		for (const path of container.layers) layers.add(path.slice(path.lastIndexOf("/") + 1).replace(/\.erofs$/, ""));

	let removed = 0;
	const sweep = (folder: string, keep: (name: string) => boolean) => {
		for (const name of listFolder(folder)) {
			if (keep(name)) continue;
			rmSync(`${folder}/${name}`, { recursive: true, force: true });
			removed++;
		}
	};
	for (const algorithm of ["sha256", "sha512"]) sweep(`${root}/store/blobs/${algorithm}`, (hex) => used.has(`${algorithm}:${hex}`));
	const now = Date.now();
	sweep(temporaryFolder(root), (name) => {
		const file = options.partial === true ? undefined : statSync(`${temporaryFolder(root)}/${name}`, { throwIfNoEntry: false });
		return file !== undefined && isWorthKeeping(name, file, now);
	});
	sweep(`${root}/records`, (name) => records.has(name));
	// A container.json that cannot be read may name any layer.
	if (containers.complete) sweep(layersFolder(root), (name) => layers.has(name.replace(/\.erofs$/, "")));
	return removed;
}

// Marks a blob and what it leads to: every "digest" of a JSON document, and the diffIDs of a config. Deliberately not the strict decoder:
// other tools may keep artifacts here, and what cannot be understood must not be taken for rubbish.
function markBlob(root: string, digest: string, used: Set<string>, layers: Set<string>, depth: number): void {
	if (used.has(digest) || !isDigest(digest) || depth > 8) return;
	used.add(digest);
	let document: unknown;
	try {
		const file = Bun.file(blobPath(root, digest));
		if (file.size > maxConfigBytes) return;
		const bytes = readFileSync(blobPath(root, digest));
		if (bytes[0] !== 0x7b) return;
		document = JSON.parse(bytes.toString("utf8"));
	} catch {
		return; // no document, or not here
	}
	const walk = (value: unknown, level: number): void => {
		if (typeof value !== "object" || value === null || level > 6) return;
		for (const [key, member] of Object.entries(value)) {
			if (key === "digest" && typeof member === "string") markBlob(root, member, used, layers, depth + 1);
			// What is said of an image does not keep the image.
			else if (key === "subject") continue;
			else if (key === "diff_ids" && Array.isArray(member)) for (const diffID of member) layers.add(String(diffID).replace(":", "-"));
			else walk(member, level + 1);
		}
	};
	walk(document, 0);
}
