// A tar of an OCI layout as a source: `skopeo copy ... oci-archive:`, `podman save --format oci-archive`.
// @see image-spec image-layout.md; containers-transports(5) oci-archive

import { CortenError } from "../../base/errors.ts";
import { O_RDONLY, openFd } from "../../linux/file.ts";
import type { Descriptor, Digest } from "../../spec/image.ts";
import { verifyBytes } from "../digest.ts";
import { refNameKey } from "../store.ts";
import { chooseNamed, decodeLayout, storeName, streamFd } from "./oci-layout.ts";
import type { ImageSource } from "./source.ts";
import { findSpooled, readSpooled, type Spool, type Spooled, spoolArchive } from "./spool.ts";

/**
 * Opens an image of an archive, which is read into temporary files.
 * @param name the org.opencontainers.image.ref.name, or `@N`; may be missing when there is one image
 * @param temporaryFolder where to put a folder for the files, in the store; it is removed at disposal
 * @throws `not-found`, `invalid-spec`, `integrity` for a corrupt compression, `system`
 */
export async function ociArchiveSource(path: string, name: string | undefined, temporaryFolder: string): Promise<ImageSource> {
	const spool = await spoolArchive(path, temporaryFolder);
	try {
		const source = spooledEntry(spool, path, chooseNamed(await readEntries(spool, path), path, name));
		return { ...source, [Symbol.asyncDispose]: async () => spool[Symbol.dispose]() };
	} catch (error) {
		spool[Symbol.dispose]();
		throw error;
	}
}

/** All images of an archive that was read; disposing them leaves the spool. @throws `invalid-spec` */
export async function ociArchiveImages(spool: Spool, path: string): Promise<readonly ImageSource[]> {
	return (await readEntries(spool, path)).map((entry) => spooledEntry(spool, path, entry));
}

async function readEntries(spool: Spool, path: string): Promise<readonly Descriptor[]> {
	const read = async (name: string) => await readSpooled(findSpooled(spool, name, path), `${name} of "${path}"`);
	return decodeLayout(await read("oci-layout"), await read("index.json"), path);
}

function spooledEntry(spool: Spool, path: string, entry: Descriptor): ImageSource {
	const find = (digest: Digest): Spooled => {
		const file = spool.files.get(`/blobs/${digest.replace(":", "/")}`);
		if (file === undefined) throw new CortenError("not-found", `cannot find blob "${digest}" in "${path}"`);
		return file;
	};
	const document = async (descriptor: Descriptor) => {
		const what = `blob "${descriptor.digest}" of "${path}"`;
		const bytes = await readSpooled(find(descriptor.digest), what);
		verifyBytes(bytes, descriptor, what);
		return bytes;
	};
	const name = storeName(path.replace(/\.(?:tar|oci)(?:\.[a-z0-9]+)?$/, ""), entry.annotations?.[refNameKey]);
	return {
		names: () => (name === undefined ? [] : [name]),
		root: async () => ({ bytes: await document(entry), digest: entry.digest, mediaType: entry.mediaType }),
		manifest: document,
		blob: async function* ({ digest }) {
			using file = openFd(find(digest).path, O_RDONLY);
			yield* streamFd(file, path);
		},
		// Its digest was taken while it was written; a name in the archive says nothing.
		spooled: ({ digest }) => {
			const file = spool.files.get(`/blobs/${digest.replace(":", "/")}`);
			return file?.digest === digest ? file.path : undefined;
		},
		[Symbol.asyncDispose]: async () => undefined,
	};
}
