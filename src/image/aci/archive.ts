// Reads one ACI: a tar of exactly `manifest` and `rootfs`, each name once. Nothing of it becomes a path of the host but numbered temporary
// files; what a layer cannot say (a file that would be read as a whiteout) is refused by name.
// @see appc spec aci.md#image-archives

import { CortenError } from "../../base/errors.ts";
import { O_NONBLOCK, O_RDONLY, openFd } from "../../linux/file.ts";
import { type AppcManifest, decodeAppcManifest, isAppcImageID, maxAppcManifestBytes } from "../../spec/appc.ts";
import { defaultLimits } from "../layer/bounded.ts";
import { brokenEntry, formatBytes } from "../layer/bytes.ts";
import { inflate } from "../layer/inflate.ts";
import { readTar, TarInput } from "../layer/tar.ts";
import type { TarEntry } from "../layer/tar-entry.ts";
import { streamFd } from "../sources/oci-layout.ts";
import { type Member, type Members, named, spoolMembers } from "./members.ts";

/** A member of the rootfs. */
export type AciFile = Member & {
	/** Below the rootfs, cleaned, "" for the rootfs itself; a byte string. */
	readonly path: string;
	/** Of a hard link: the path of its target. */
	readonly target: string;
	/** Its number among all members of the archive. */
	readonly index: number;
};

/** An ACI that has been read. */
export type Aci = {
	/** As people know it, for messages. */
	readonly name: string;
	/** `sha512-` and 128 digits, of the tar. */
	readonly imageID: string;
	/** Bytes of the file as distributed. */
	readonly size: number;
	readonly manifest: AppcManifest;
	readonly manifestBytes: Uint8Array;
	/** The number of the member that is the manifest. */
	readonly manifestIndex: number;
	readonly tar: Members;
	readonly files: readonly AciFile[];
};

/** The parts of a name. @throws `invalid-spec` when it leaves the archive */
function partsOf(name: string, entry: TarEntry, what: string): string[] {
	if (name.startsWith("/")) throw brokenEntry(entry.name, `its ${what} is absolute`);
	const parts = name.split("/").filter((part) => part !== "" && part !== ".");
	if (parts.includes("..")) throw brokenEntry(entry.name, `its ${what} holds ..`);
	return parts;
}

/** Where an entry belongs: the manifest, the archive's own folder, or a path below the rootfs. */
function placeOf(
	entry: TarEntry,
): { readonly place: "manifest" } | { readonly place: "top" } | { readonly place: "rootfs"; readonly path: string } {
	const [top, ...rest] = partsOf(entry.name, entry, "name");
	if (top === undefined) {
		if (entry.kind === "directory") return { place: "top" };
		throw brokenEntry(entry.name, "it is no folder");
	}
	if (top === "manifest" && rest.length === 0) {
		if (entry.kind === "file" && entry.extents === undefined) return { place: "manifest" };
		throw brokenEntry(entry.name, "the manifest is no plain file");
	}
	if (top !== "rootfs") throw brokenEntry(entry.name, "an image archive has a manifest and a rootfs, and nothing else");
	if (rest.length === 0 && entry.kind !== "directory") throw brokenEntry(entry.name, "the rootfs is no folder");
	return { place: "rootfs", path: rest.join("/") };
}

function targetOf(entry: TarEntry): string {
	if (entry.kind !== "link") return "";
	const [top, ...rest] = partsOf(entry.target, entry, "link target");
	if (top !== "rootfs" || rest.length === 0) throw brokenEntry(entry.name, "the target of its hard link is not in the rootfs");
	return rest.join("/");
}

/** A layer would hide something where this file is. */
function checkLayerWords(entry: TarEntry, path: string): void {
	if (path.split("/").some((part) => part.startsWith(".wh.")))
		throw new CortenError("unsupported", `cannot convert ${formatBytes(entry.name)}: in a layer its name would be a whiteout`);
	if (entry.kind === "char" && entry.major === 0 && entry.minor === 0)
		throw new CortenError("unsupported", `cannot convert ${formatBytes(entry.name)}: device 0:0 would be a whiteout`);
}

/** What lies below something that is no folder would be written through it. */
function checkParents(files: readonly AciFile[], others: ReadonlyMap<string, TarEntry>): void {
	for (const { path, entry } of files) {
		for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
			const parent = others.get(path.slice(0, slash));
			if (parent !== undefined && parent.kind !== "directory")
				throw brokenEntry(entry.name, `it lies below ${formatBytes(parent.name)}, which is no folder`);
		}
	}
}

/**
 * Reads an ACI; its tar, inflated, becomes a file.
 * @param file a name that is free, for the tar
 * @throws `not-found`; `invalid-spec` for an archive that breaks the rules; `unsupported` for what a layer cannot say; `integrity`
 */
export async function readAci(path: string, file: string): Promise<Aci> {
	const what = `image archive "${path}"`;
	const files: AciFile[] = [];
	const places = new Map<string, TarEntry>();
	let manifestIndex = -1;
	let topSeen = false;
	const manifestChunks: Uint8Array[] = [];
	let index = -1;
	const pending: { readonly entry: TarEntry; readonly index: number; readonly path: string; readonly target: string }[] = [];
	const onEntry = (entry: TarEntry) => {
		index++;
		const found = placeOf(entry);
		if (found.place === "top") {
			if (topSeen) throw brokenEntry(entry.name, "it is there twice");
			topSeen = true;
			return undefined;
		}
		if (found.place === "manifest") {
			if (manifestIndex >= 0) throw brokenEntry(entry.name, "it is there twice");
			if (entry.size > maxAppcManifestBytes) throw brokenEntry(entry.name, `it is larger than ${maxAppcManifestBytes} bytes`);
			manifestIndex = index;
			return (bytes: Uint8Array) => manifestChunks.push(bytes.slice());
		}
		checkLayerWords(entry, found.path);
		if (places.has(found.path)) throw brokenEntry(entry.name, "it is there twice");
		const target = targetOf(entry);
		if (entry.kind === "link") {
			const linked = places.get(target);
			if (linked === undefined || linked.kind === "directory")
				throw brokenEntry(entry.name, "the target of its hard link is no file before it");
		}
		places.set(found.path, entry);
		pending.push({ entry, index, path: found.path, target });
		return undefined;
	};
	try {
		using source = openFd(path, O_RDONLY | O_NONBLOCK);
		let size = 0;
		async function* counted() {
			for await (const chunk of streamFd(source, path)) {
				size += chunk.length;
				yield chunk;
			}
		}
		const tar = await spoolMembers(counted(), file, (entry) => onEntry(entry) as ((bytes: Uint8Array) => void) | undefined);
		for (const { index: at, path: place, target } of pending) {
			const member = tar.members[at];
			if (member !== undefined) files.push({ ...member, path: place, target, index: at });
		}
		checkParents(files, places);
		if (manifestIndex < 0) throw new CortenError("invalid-spec", "its manifest is missing");
		if (files.length === 0) throw new CortenError("invalid-spec", "its rootfs is missing");
		const manifestBytes = new Uint8Array(Buffer.concat(manifestChunks));
		const manifest = decodeAppcManifest(manifestBytes, `manifest of "${path}"`);
		return { name: path, imageID: `sha512-${tar.sha512}`, size, manifest, manifestBytes, manifestIndex, tar, files };
	} catch (error) {
		throw named(error, what);
	}
}

/**
 * The manifest alone, read no further than it. Where it comes last (as actool writes it) all is inflated, but nothing kept.
 * @throws as readAci, for what comes before the manifest
 */
export async function peekManifest(path: string): Promise<AppcManifest> {
	const chunks: Uint8Array[] = [];
	let inside = false;
	let ended = false;
	const input = new TarInput();
	const reader = readTar(
		input,
		{
			begin(entry) {
				inside = placeOf(entry).place === "manifest";
				if (inside && entry.size > maxAppcManifestBytes) throw brokenEntry(entry.name, `it is larger than ${maxAppcManifestBytes} bytes`);
			},
			data: (bytes) => void (inside && chunks.push(bytes.slice())),
			end: () => {
				ended ||= inside;
			},
		},
		defaultLimits,
	);
	using source = openFd(path, O_RDONLY | O_NONBLOCK);
	let finished = reader.next().done === true;
	for await (const chunk of inflate(streamFd(source, path)).chunks) {
		if (finished || ended) break;
		input.push(chunk);
		finished = reader.next().done === true;
	}
	return decodeAppcManifest(new Uint8Array(Buffer.concat(chunks)), `manifest of "${path}"`);
}

/** Whether an image ID is meant by another one, which may be shortened as rkt does it. */
export function matchesImageID(full: string, given: string): boolean {
	return isAppcImageID(given) && full.startsWith(given);
}
