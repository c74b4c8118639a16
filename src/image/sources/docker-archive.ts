// What `docker save` writes as a source. The archive is read once, as a stream and possibly compressed; each file in it becomes a
// numbered temporary file, so that no name of the archive ever becomes a path. The archive has no manifest in the registry's sense: one
// is made of what it lists, always the same for the same archive.

import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { posix } from "node:path";
import { CortenError, isError } from "../../base/errors.ts";
import { O_NONBLOCK, O_RDONLY, openFd } from "../../linux/file.ts";
import { decodeJson, fallback, list, object, string } from "../../spec/decode.ts";
import type { Digest } from "../../spec/image.ts";
import { digestOf } from "../digest.ts";
import { inflate } from "../layer/inflate.ts";
import { readTar, TarInput, type TarSink } from "../layer/tar.ts";
import { maxConfigBytes, maxLayers } from "../manifest.ts";
import { ociConfig, ociLayer, ociManifest } from "../media-types.ts";
import { formatReference, parseReference } from "../reference.ts";
import { streamFd } from "./oci-layout.ts";
import type { ImageSource } from "./source.ts";

type Spooled = { readonly path: string; size: number; digest: Digest; head: Uint8Array };
type Spool = { readonly files: Map<string, Spooled>; readonly links: Map<string, string> };

const archiveManifest = list(
	object({ Config: string, RepoTags: fallback(list(string, 1000), []), Layers: fallback(list(string, maxLayers), []) }),
	10_000,
);

/**
 * Reads an archive into temporary files.
 * @param name a reference among the RepoTags, or `@N`; may be missing when there is one image
 * @param temporaryFolder where to put a folder for the files, in the store; it is removed at disposal
 * @throws `not-found`, `invalid-spec`, `integrity` for a corrupt compression, `system`
 */
export async function dockerArchiveSource(path: string, name: string | undefined, temporaryFolder: string): Promise<ImageSource> {
	const folder = mkdtempSync(`${temporaryFolder}/archive-`);
	const dispose = () => rmSync(folder, { recursive: true, force: true });
	try {
		const spool = await spoolArchive(path, folder);
		const image = await chooseImage(spool, path, name);
		const blobs = new Map<Digest, Spooled>();
		const manifest = assembleManifest(spool, image, path, blobs);
		return {
			names: () => image.names,
			root: async () => ({ bytes: manifest, digest: digestOf(manifest), mediaType: ociManifest }),
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
			[Symbol.asyncDispose]: async () => dispose(),
		};
	} catch (error) {
		dispose();
		throw error;
	}
}

async function spoolArchive(path: string, folder: string): Promise<Spool> {
	const spool: Spool = { files: new Map(), links: new Map() };
	const input = new TarInput();
	const reader = readTar(input, spoolSink(spool, folder), { maxHeaderBytes: 1 << 20, maxEntries: 1 << 17 });
	using file = openFd(path, O_RDONLY | O_NONBLOCK);
	try {
		let finished = reader.next().done === true;
		for await (const chunk of inflate(streamFd(file, path)).chunks) {
			if (finished) break;
			input.push(chunk);
			finished = reader.next().done === true;
		}
		input.end();
		if (!finished) reader.next();
	} catch (cause) {
		throw isError(cause) ? new CortenError(cause.code, `cannot read archive "${path}"`, { cause }) : cause;
	}
	return spool;
}

function spoolSink(spool: Spool, folder: string): TarSink {
	let descriptor = -1;
	let file: Spooled | undefined;
	let hasher = new Bun.CryptoHasher("sha256");
	return {
		begin: (entry) => {
			const name = posix.normalize(`/${entry.name}`);
			if (entry.kind === "symlink") spool.links.set(name, posix.resolve(posix.dirname(name), entry.target));
			if (entry.kind === "link") spool.links.set(name, posix.normalize(`/${entry.target}`));
			if (entry.kind !== "file") return;
			if (entry.extents !== undefined)
				throw new CortenError("unsupported", `cannot read archive entry ${JSON.stringify(name)}: it is sparse`);
			if (spool.files.has(name))
				throw new CortenError("invalid-spec", `cannot read archive entry ${JSON.stringify(name)}: it is there twice`);
			file = { path: `${folder}/${spool.files.size}`, size: 0, digest: "sha256:", head: new Uint8Array(0) };
			spool.files.set(name, file);
			descriptor = openSync(file.path, "wx", 0o600);
			hasher = new Bun.CryptoHasher("sha256");
		},
		data: (bytes) => {
			if (file === undefined) return;
			if (file.head.length < 4) file.head = Buffer.concat([file.head, bytes.subarray(0, 4)]);
			for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
			hasher.update(bytes);
			file.size += bytes.length;
		},
		end: () => {
			if (file === undefined) return;
			closeSync(descriptor);
			file.digest = `sha256:${hasher.digest("hex")}`;
			file = undefined;
		},
	};
}

// Old docker wrote a layer that two images share once, and a symbolic link in the other's place.
function findFile(spool: Spool, name: string, path: string): Spooled {
	// Names in the archive are bytes, in manifest.json text.
	let at = posix.normalize(`/${Buffer.from(name, "utf8").toString("latin1")}`);
	for (let hop = 0; hop < 10; hop++) {
		const file = spool.files.get(at);
		if (file !== undefined) return file;
		const next = spool.links.get(at);
		if (next === undefined) break;
		at = next;
	}
	throw new CortenError("invalid-spec", `cannot find ${JSON.stringify(name.slice(0, 200))} in archive "${path}"`);
}

type ArchiveImage = { readonly names: readonly string[]; readonly config: string; readonly layers: readonly string[] };

async function readSmall(file: Spooled, what: string): Promise<Uint8Array> {
	if (file.size > maxConfigBytes) throw new CortenError("invalid-spec", `cannot read ${what}: it is larger than ${maxConfigBytes} bytes`);
	return await Bun.file(file.path).bytes();
}

async function chooseImage(spool: Spool, path: string, name: string | undefined): Promise<ArchiveImage> {
	const what = `manifest.json of "${path}"`;
	const images = decodeJson(archiveManifest, await readSmall(findFile(spool, "manifest.json", path), what), what);
	const tagsOf = (image: (typeof images)[number]) => image.RepoTags.map((tag) => normalizeTag(tag, what));
	const position = name === undefined ? undefined : /^@(\d{1,9})$/.exec(name)?.[1];
	const wanted = name === undefined || position !== undefined ? undefined : formatReference(parseReference(name));
	const found = images.filter((image, index) => {
		if (position !== undefined) return index === Number(position);
		return wanted === undefined || tagsOf(image).includes(wanted);
	});
	const [image] = found;
	if (image === undefined) throw new CortenError("not-found", `cannot find image ${JSON.stringify(name ?? "")} in archive "${path}"`);
	if (found.length > 1) {
		const hint = `name one: docker-archive:${path}:NAME, or by its position, docker-archive:${path}:@0`;
		throw new CortenError("invalid-argument", `cannot choose an image of archive "${path}": it has ${found.length}`, { hint });
	}
	return { names: wanted === undefined ? tagsOf(image) : [wanted], config: image.Config, layers: image.Layers };
}

function normalizeTag(tag: string, what: string): string {
	try {
		return formatReference(parseReference(tag));
	} catch (cause) {
		throw new CortenError("invalid-spec", `cannot decode ${what}`, { cause });
	}
}

function layerType(head: Uint8Array): string {
	if (head[0] === 0x1f && head[1] === 0x8b) return `${ociLayer}+gzip`;
	return head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd ? `${ociLayer}+zstd` : ociLayer;
}

function assembleManifest(spool: Spool, image: ArchiveImage, path: string, blobs: Map<Digest, Spooled>): Uint8Array {
	const describe = (name: string, type: (head: Uint8Array) => string) => {
		const file = findFile(spool, name, path);
		blobs.set(file.digest, file);
		return { mediaType: type(file.head), digest: file.digest, size: file.size };
	};
	const manifest = {
		schemaVersion: 2,
		mediaType: ociManifest,
		config: describe(image.config, () => ociConfig),
		layers: image.layers.map((name) => describe(name, layerType)),
	};
	return new TextEncoder().encode(JSON.stringify(manifest));
}
