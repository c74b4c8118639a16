// What `docker save` writes as a source. An archive of docker 25 and later is an OCI layout as well: then the manifest is the one it was
// pulled with. An older one has no manifest in the registry's sense: one is made of what it lists, always the same for the same archive.
// @see moby image/spec "Combined Image JSON + Filesystem Changeset Format"

import { CortenError } from "../../base/errors.ts";
import { O_RDONLY, openFd } from "../../linux/file.ts";
import { decodeJson, fallback, list, object, string } from "../../spec/decode.ts";
import type { Digest } from "../../spec/image.ts";
import { layerType, sniffCompression } from "../convert.ts";
import { digestOf } from "../digest.ts";
import { decodeManifest, maxLayers } from "../manifest.ts";
import { mediaKind, ociConfig, ociIndex, ociManifest } from "../media-types.ts";
import { formatReference, parseReference } from "../reference.ts";
import { streamFd } from "./oci-layout.ts";
import type { ImageSource } from "./source.ts";
import { findSpooled, readSpooled, type Spool, type Spooled, spoolArchive } from "./spool.ts";

const archiveManifest = list(
	object({ Config: string, RepoTags: fallback(list(string, 1000), []), Layers: fallback(list(string, maxLayers), []) }),
	10_000,
);

/**
 * Opens an image of an archive, which is read into temporary files.
 * @param name a reference among the RepoTags, or `@N`; may be missing when there is one image
 * @param temporaryFolder where to put a folder for the files, in the store; it is removed at disposal
 * @throws `not-found`, `invalid-spec`, `integrity` for a corrupt compression, `system`
 */
export async function dockerArchiveSource(path: string, name: string | undefined, temporaryFolder: string): Promise<ImageSource> {
	const spool = await spoolArchive(path, temporaryFolder);
	try {
		const source = await spooledImage(spool, path, await chooseImage(spool, path, name));
		return { ...source, [Symbol.asyncDispose]: async () => spool[Symbol.dispose]() };
	} catch (error) {
		spool[Symbol.dispose]();
		throw error;
	}
}

/** All images of an archive that was read; disposing them leaves the spool. @throws `invalid-spec` */
export async function dockerArchiveImages(spool: Spool, path: string): Promise<readonly ImageSource[]> {
	const sources: ImageSource[] = [];
	for (const image of await readImages(spool, path)) sources.push(await spooledImage(spool, path, image));
	return sources;
}

async function spooledImage(spool: Spool, path: string, image: ArchiveImage): Promise<ImageSource> {
	const blobs = new Map<Digest, Spooled>();
	const made = assembleManifest(spool, image, path, blobs);
	const manifest = (await findOwnManifest(spool, path, made.document)) ?? { bytes: made.bytes, mediaType: ociManifest };
	return {
		names: () => image.names,
		root: async () => ({ ...manifest, digest: digestOf(manifest.bytes) }),
		manifest: async () => {
			throw new CortenError("bug", "an archive has one manifest");
		},
		blob: async function* (descriptor) {
			const file = blobs.get(descriptor.digest);
			if (file === undefined) throw new CortenError("not-found", `cannot find blob "${descriptor.digest}" in "${path}"`);
			using fd = openFd(file.path, O_RDONLY);
			yield* streamFd(fd, file.path);
		},
		spooled: (descriptor) => blobs.get(descriptor.digest)?.path,
		[Symbol.asyncDispose]: async () => undefined,
	};
}

type MadeManifest = { readonly config: { readonly digest: Digest }; readonly layers: readonly { readonly digest: Digest }[] };

// The manifest of the archive's own layout that says the same as manifest.json does: the same config, the same layers.
async function findOwnManifest(spool: Spool, path: string, made: MadeManifest) {
	if (!spool.files.has("/index.json") || !spool.files.has("/oci-layout")) return undefined;
	const what = `index.json of "${path}"`;
	const index = decodeManifest(await readSpooled(findSpooled(spool, "index.json", path), what), ociIndex, what);
	const left = index.kind === "index" ? [...index.manifests] : [];
	for (let count = 0; count < 1000; count++) {
		const entry = left.shift();
		if (entry === undefined) return undefined;
		const file = spool.files.get(`/blobs/${entry.digest.replace(":", "/")}`);
		if (file === undefined || file.digest !== entry.digest || !["index", "manifest"].includes(mediaKind(entry.mediaType))) continue;
		const bytes = await readSpooled(file, what);
		let document: ReturnType<typeof decodeManifest>;
		try {
			document = decodeManifest(bytes, entry.mediaType, what);
		} catch {
			continue; // an attestation, or what else is no image
		}
		if (document.kind === "index") left.push(...document.manifests);
		else if (
			document.config.digest === made.config.digest &&
			document.layers.length === made.layers.length &&
			document.layers.every(({ digest }, at) => digest === made.layers[at]?.digest)
		)
			return { bytes, mediaType: document.mediaType };
	}
	return undefined;
}

type ArchiveImage = { readonly names: readonly string[]; readonly config: string; readonly layers: readonly string[] };

async function readImages(spool: Spool, path: string): Promise<readonly ArchiveImage[]> {
	const what = `manifest.json of "${path}"`;
	const images =
		!spool.files.has("/manifest.json") && spool.files.has("/repositories")
			? await (await import("./docker-legacy.ts")).readLegacyImages(spool, path)
			: decodeJson(archiveManifest, await readSpooled(findSpooled(spool, "manifest.json", path), what), what);
	return images.map(({ Config, RepoTags, Layers }) => ({
		config: Config,
		layers: Layers,
		names: RepoTags.map((tag) => normalizeTag(tag, what)),
	}));
}

async function chooseImage(spool: Spool, path: string, name: string | undefined): Promise<ArchiveImage> {
	const images = await readImages(spool, path);
	const position = name === undefined ? undefined : /^@(\d{1,9})$/.exec(name)?.[1];
	const wanted = name === undefined || position !== undefined ? undefined : formatReference(parseReference(name));
	const found = images.filter((image, index) => {
		if (position !== undefined) return index === Number(position);
		return wanted === undefined || image.names.includes(wanted);
	});
	const [image] = found;
	if (image === undefined) throw new CortenError("not-found", `cannot find image ${JSON.stringify(name ?? "")} in archive "${path}"`);
	if (found.length > 1) {
		const hint = `name one: docker-archive:${path}:NAME, or by its position, docker-archive:${path}:@0`;
		throw new CortenError("invalid-argument", `cannot choose an image of archive "${path}": it has ${found.length}`, { hint });
	}
	return wanted === undefined ? image : { ...image, names: [wanted] };
}

function normalizeTag(tag: string, what: string): string {
	try {
		return formatReference(parseReference(tag));
	} catch (cause) {
		throw new CortenError("invalid-spec", `cannot decode ${what}`, { cause });
	}
}

function assembleManifest(spool: Spool, image: ArchiveImage, path: string, blobs: Map<Digest, Spooled>) {
	const describe = (name: string, type: (head: Uint8Array) => string) => {
		const file = findSpooled(spool, name, path);
		blobs.set(file.digest, file);
		return { mediaType: type(file.head), digest: file.digest, size: file.size };
	};
	const manifest = {
		schemaVersion: 2,
		mediaType: ociManifest,
		config: describe(image.config, () => ociConfig),
		layers: image.layers.map((name) => describe(name, (head) => layerType("oci", sniffCompression(head)))),
	};
	return { document: manifest, bytes: new TextEncoder().encode(JSON.stringify(manifest)) };
}
