// Archives of images: a tar of an OCI layout, and docker's, which since docker 25 is the same with a manifest.json that old readers look
// for. Images gather in a layout folder, so that what they share is there once; the tar is made of it at the end, sorted, owned by root, at
// time 0: the same images give the same bytes.
// @see image-spec image-layout.md; moby image/spec "Combined Image JSON + Filesystem Changeset Format"

import { createReadStream, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { CortenError } from "../../base/errors.ts";
import { exists, replaceFile } from "../../linux/file.ts";
import type { Descriptor } from "../../spec/image.ts";
import { encodeTarHeader, tarEnd, tarPadding } from "../layer/tar-write.ts";
import { decodeManifest } from "../manifest.ts";
import { formatFamiliar, parseReference } from "../reference.ts";
import { refNameKey } from "../store.ts";
import { syncFolder, writeBlobFile } from "./blob-file.ts";
import { ociLayoutSink } from "./oci-layout.ts";
import type { ImageSink } from "./sink.ts";

/** Which archive: `docker-archive` is one too, and what docker and podman load whatever their age. */
export type ArchiveKind = "oci-archive" | "docker-archive";

/** An archive while it is gathered. Disposing it removes what was gathered, not what was written. */
export type Archive = Disposable & {
	/** The sink of one more image. @param names what it is called in the archive; docker's archives take references only */
	readonly sink: (names: readonly string[]) => ImageSink;
	/** The archive's bytes, when all images are committed. */
	readonly content: () => AsyncGenerator<Uint8Array, void, undefined>;
};

type Saved = { readonly names: readonly string[]; readonly root: Descriptor };

/** @param temporary a folder that exists, for the folder the images gather in */
export function createArchive(kind: ArchiveKind, temporary: string): Archive {
	const folder = mkdtempSync(`${temporary}/archive-`);
	const saved: Saved[] = [];
	return {
		sink: (names) => {
			const inner = ociLayoutSink(folder);
			return {
				...inner,
				takes: { ...inner.takes, formats: kind === "oci-archive" ? ["oci"] : ["oci", "docker"], index: kind === "oci-archive" },
				commit: async (root) => {
					saved.push({ names: kind === "docker-archive" ? names.map(checkedName) : names, root });
				},
			};
		},
		content: async function* () {
			replaceFile(`${folder}/index.json`, JSON.stringify(indexOf(kind, saved)), 0o644, false);
			if (kind === "docker-archive") replaceFile(`${folder}/manifest.json`, JSON.stringify(dockerManifest(folder, saved)), 0o644, false);
			yield* tarOf(folder);
		},
		[Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
	};
}

/** A sink that writes an archive of one image to a path of its own. @throws `already-exists` */
export function archiveSink(kind: ArchiveKind, path: string, names: readonly string[], temporary: string): ImageSink {
	if (exists(path)) throw new CortenError("already-exists", `cannot write archive "${path}": it exists`, { hint: "remove it first" });
	const archive = createArchive(kind, temporary);
	const sink = archive.sink(names);
	return {
		...sink,
		commit: async (root) => {
			await sink.commit(root);
			await writeBlobFile(path, archive.content());
			await syncFolder(path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : ".");
		},
		[Symbol.asyncDispose]: async () => archive[Symbol.dispose](),
	};
}

// Not kept as it is typed: it is what every reader looks for.
function checkedName(name: string): string {
	return formatFamiliar(parseReference(name));
}

function indexOf(kind: ArchiveKind, saved: readonly Saved[]): object {
	const manifests = saved.flatMap(({ names, root: { mediaType, digest, size } }) => {
		const entry = { mediaType, digest, size };
		if (names.length === 0) return [entry];
		return names.map((name) => ({ ...entry, annotations: kind === "oci-archive" ? { [refNameKey]: name } : dockerNames(name) }));
	});
	return { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests };
}

// As docker writes them: the whole name is containerd's, the tag OCI's.
function dockerNames(familiar: string): Readonly<Record<string, string>> {
	const reference = parseReference(familiar);
	const name = `${reference.domain}/${reference.repository}:${reference.tag ?? "latest"}`;
	return { "io.containerd.image.name": name, [refNameKey]: reference.tag ?? "latest" };
}

function blobName(digest: string): string {
	return `blobs/${digest.replace(":", "/")}`;
}

function dockerManifest(folder: string, saved: readonly Saved[]): object {
	return saved.map(({ names, root }) => {
		const bytes = readFileSync(`${folder}/${blobName(root.digest)}`);
		const manifest = decodeManifest(bytes, root.mediaType, `manifest "${root.digest}"`);
		if (manifest.kind === "index") throw new CortenError("unsupported", "cannot write an index to a docker archive");
		return {
			Config: blobName(manifest.config.digest),
			RepoTags: names.filter((name) => !name.includes("@")),
			Layers: manifest.layers.map(({ digest }) => blobName(digest)),
		};
	});
}

async function* tarOf(folder: string): AsyncGenerator<Uint8Array, void, undefined> {
	const none = { target: "", uid: 0, gid: 0, seconds: 0, nanoseconds: 0, major: 0, minor: 0, xattrs: new Map<string, string>() };
	for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
		const path = `${folder}/${name}`;
		const found = statSync(path);
		if (found.isDirectory()) yield encodeTarHeader({ ...none, name: `${name}/`, kind: "directory", mode: 0o755, size: 0 });
		else {
			yield encodeTarHeader({ ...none, name, kind: "file", mode: 0o644, size: found.size });
			for await (const chunk of createReadStream(path, { highWaterMark: 512 << 10 })) yield chunk as Uint8Array;
			yield tarPadding(found.size);
		}
	}
	yield tarEnd;
}
