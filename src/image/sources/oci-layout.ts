// An OCI image layout folder as a source. Paths in it are resolved as if the folder were /, so that its links lead nowhere else; only
// regular files are read, and nothing is used before its digest is verified.
// @see image-spec image-layout.md

import { fstatSync } from "node:fs";
import { CortenError } from "../../base/errors.ts";
import { type Fd, O_DIRECTORY, O_NONBLOCK, O_RDONLY, openFd, openInRoot, readFd } from "../../linux/file.ts";
import { check, syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";
import { decodeJson, object, string } from "../../spec/decode.ts";
import type { Descriptor, Digest } from "../../spec/image.ts";
import { verifyBytes } from "../digest.ts";
import { decodeManifest, maxManifestBytes } from "../manifest.ts";
import { ociIndex } from "../media-types.ts";
import { formatReference, parseReference } from "../reference.ts";
import { refNameKey } from "../store.ts";
import type { ImageSource } from "./source.ts";

/**
 * Opens an image of a layout.
 * @param name the org.opencontainers.image.ref.name; may be missing when the layout holds one image
 * @param storedName the full reference it gets in the store; made from its name and the folder's if not given
 * @throws `not-found` when there is no such folder
 */
export function ociLayoutSource(path: string, name?: string, storedName?: string): ImageSource {
	const folder = openFd(path, O_RDONLY | O_DIRECTORY);
	let names: readonly string[] = [];
	const document = (descriptor: Descriptor) => readDocument(folder, descriptor, path);
	return {
		names: () => names,
		root: async () => {
			const chosen = chooseEntry(folder, path, name);
			const stored = storedName ?? storeName(path, chosen.annotations?.[refNameKey]);
			names = stored === undefined ? [] : [stored];
			return { bytes: document(chosen), digest: chosen.digest, mediaType: chosen.mediaType };
		},
		manifest: async (descriptor) => document(descriptor),
		blob: (descriptor) => streamFile(folder, blobName(descriptor.digest)),
		[Symbol.asyncDispose]: async () => folder[Symbol.dispose](),
	};
}

/** All images of a layout, as {@link ociLayoutSource} opens them. @throws `not-found`; `invalid-spec` when it is no layout */
export function ociLayoutImages(path: string): readonly ImageSource[] {
	using folder = openFd(path, O_RDONLY | O_DIRECTORY);
	const entries = decodeLayout(readText(folder, "oci-layout"), readText(folder, "index.json"), path);
	return entries.map((_, at) => ociLayoutSource(path, `@${at}`));
}

function blobName(digest: Digest): string {
	return `blobs/${digest.replace(":", "/")}`;
}

function readDocument(folder: Fd, descriptor: Descriptor, path: string): Uint8Array {
	const what = `blob "${descriptor.digest}" of "${path}"`;
	if (descriptor.size > maxManifestBytes)
		throw new CortenError("invalid-spec", `cannot read ${what}: it is larger than ${maxManifestBytes} bytes`);
	using file = openRegular(folder, blobName(descriptor.digest));
	const bytes = readFd(file, what, maxManifestBytes);
	verifyBytes(bytes, descriptor, what);
	return bytes;
}

/** Opens a regular file below a folder. O_NONBLOCK: a FIFO in its place would make the open wait for ever. @throws `invalid-spec` */
export function openRegular(folder: Fd, name: string): Fd {
	const file = openInRoot(folder, name, O_RDONLY | O_NONBLOCK);
	if (fstatSync(file.number).isFile()) return file;
	file[Symbol.dispose]();
	throw new CortenError("invalid-spec", `cannot read "${name}": it is no regular file`);
}

async function* streamFile(folder: Fd, name: string): AsyncGenerator<Uint8Array, void, undefined> {
	using file = openRegular(folder, name);
	yield* streamFd(file, name);
}

/** The rest of an open file, in chunks that the reader may keep. */
export async function* streamFd(file: Fd, what: string): AsyncGenerator<Uint8Array, void, undefined> {
	for (;;) {
		const chunk = new Uint8Array(512 << 10);
		const length = check(syscall(nr.read, file.number, chunk, chunk.length), `cannot read "${what}"`);
		if (length === 0) return;
		yield chunk.subarray(0, length);
	}
}

function chooseEntry(folder: Fd, path: string, name: string | undefined): Descriptor {
	return chooseNamed(decodeLayout(readText(folder, "oci-layout"), readText(folder, "index.json"), path), path, name);
}

/** The entries of a layout's index. @throws `invalid-spec`; `unsupported` for a version there is not */
export function decodeLayout(layoutBytes: Uint8Array, indexBytes: Uint8Array, path: string): readonly Descriptor[] {
	const layout = decodeJson(object({ imageLayoutVersion: string }), layoutBytes, `image layout "${path}"`);
	if (layout.imageLayoutVersion !== "1.0.0") {
		throw new CortenError("unsupported", `cannot read image layout "${path}": its version is ${JSON.stringify(layout.imageLayoutVersion)}`);
	}
	const index = decodeManifest(indexBytes, ociIndex, `index of "${path}"`);
	return index.kind === "index" ? index.manifests : [];
}

/**
 * The entry of a name, or the only one.
 * @param name an org.opencontainers.image.ref.name, the reference it stands for, or `@N`, the N-th entry
 * @throws `not-found`; `invalid-argument` when there are several
 */
export function chooseNamed(entries: readonly Descriptor[], path: string, name: string | undefined): Descriptor {
	const full = name === undefined ? undefined : normalized(name);
	const position = name === undefined ? undefined : /^@(\d{1,9})$/.exec(name)?.[1];
	const found = entries.filter(({ annotations }, index) => {
		const own = annotations?.[refNameKey];
		return (
			name === undefined || own === name || (own !== undefined && own === full) || (position !== undefined && index === Number(position))
		);
	});
	const [chosen] = found;
	if (chosen !== undefined && found.length === 1) return chosen;
	const known = entries.map(({ annotations }) => JSON.stringify(annotations?.[refNameKey] ?? "")).slice(0, 10);
	const why = known.length === 0 ? "it is empty" : `it has ${known.join(", ")}`;
	if (found.length > 1)
		throw new CortenError("invalid-argument", `cannot choose an image of "${path}": ${why}`, { hint: `name one: oci:${path}:NAME` });
	throw new CortenError("not-found", `cannot find image ${JSON.stringify(name ?? "")} in "${path}": ${why}`);
}

function readText(folder: Fd, name: string): Uint8Array {
	using file = openRegular(folder, name);
	return readFd(file, name, maxManifestBytes);
}

function normalized(name: string): string | undefined {
	try {
		return formatReference(parseReference(name));
	} catch {
		return undefined;
	}
}

/** The name in the store: "docker.io/library/alpine:3" is a full name and stays; "3" is a tag, and the folder's name is what is tagged. */
export function storeName(path: string, own: string | undefined): string | undefined {
	if (own?.includes("/")) return normalized(own);
	const base = path.replace(/\/+$/, "").split("/").pop() ?? "";
	const component = base
		.toLowerCase()
		.replace(/[^a-z0-9]+/g, "-")
		.replace(/^-|-$/g, "");
	if (own?.includes(":")) return normalized(`localhost/${own}`);
	return normalized(`localhost/${component}:${own ?? "latest"}`);
}
