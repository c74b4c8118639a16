// An OCI image layout folder as a sink: a new one, or one that holds images already. Whoever reads it meanwhile sees the old image or the
// new one: blobs come first, index.json is replaced in one step.
// @see image-spec image-layout.md

import { CortenError } from "../../base/errors.ts";
import {
	exists,
	LOCK_EX,
	listFolder,
	lock,
	makeFolder,
	makeFolders,
	O_DIRECTORY,
	O_RDONLY,
	openFd,
	readTextIfPresent,
	replaceFile,
} from "../../linux/file.ts";
import { decodeJson, fallback, list, object, optional, record, string } from "../../spec/decode.ts";
import type { Descriptor } from "../../spec/image.ts";
import { ociIndex } from "../media-types.ts";
import { refNameKey } from "../store.ts";
import { hasBlobFile, once, syncFolder, writeBlobFile } from "./blob-file.ts";
import type { ImageSink } from "./sink.ts";

const layoutFile = object({ imageLayoutVersion: string });
const indexFile = object({
	manifests: fallback(
		list((entry) => entry as object, 100_000),
		[],
	),
});
const annotated = object({ digest: string, annotations: optional(record(string)) });

/**
 * Opens a layout for writing; makes the folder when there is none.
 * @param name org.opencontainers.image.ref.name of the image; an image that had it loses it
 * @param annotations further annotations of the entry
 * @throws `already-exists` for a folder that holds something else
 */
export function ociLayoutSink(path: string, name?: string, annotations: Readonly<Record<string, string>> = {}): ImageSink {
	createLayout(path);
	const place = ({ digest }: Descriptor) => `${path}/blobs/${digest.replace(":", "/")}`;
	const algorithms = new Set<string>();
	const write = async (descriptor: Descriptor, content: AsyncIterable<Uint8Array>) => {
		const folder = `${path}/blobs/${descriptor.digest.split(":")[0]}`;
		makeFolder(folder, 0o755);
		algorithms.add(folder);
		await writeBlobFile(place(descriptor), content);
	};
	return {
		// docker's manifests would be legal here, but skopeo and umoci pass over them.
		takes: { formats: ["oci"], index: true, foreign: true },
		has: async (descriptor) => await hasBlobFile(place(descriptor), descriptor),
		blob: write,
		manifest: async (descriptor, bytes) => await write(descriptor, once(bytes)),
		commit: async (root) => {
			for (const folder of algorithms) await syncFolder(folder);
			nameImage(path, root, { ...annotations, ...(name === undefined ? {} : { [refNameKey]: name }) });
		},
		[Symbol.asyncDispose]: async () => undefined,
	};
}

function createLayout(path: string): void {
	const text = readTextIfPresent(`${path}/oci-layout`);
	if (text === undefined) {
		if (listFolder(path).length > 0) {
			throw new CortenError("already-exists", `cannot write an image layout to "${path}": it holds something else`);
		}
	} else decodeJson(layoutFile, text, `"${path}/oci-layout"`);
	for (const folder of [path, `${path}/blobs`, `${path}/blobs/sha256`]) if (!exists(folder)) makeFolders(folder, 0o755);
	if (text === undefined) replaceFile(`${path}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}', 0o644);
}

// Two writers of ours wait for each other here; other tools know no lock, and replace the file as well.
function nameImage(path: string, root: Descriptor, annotations: Readonly<Record<string, string>>): void {
	using folder = openFd(path, O_RDONLY | O_DIRECTORY);
	lock(folder, LOCK_EX, path);
	const text = readTextIfPresent(`${path}/index.json`);
	const what = `"${path}/index.json"`;
	const before = text === undefined ? [] : decodeJson(indexFile, text, what).manifests;
	const kept = before.filter((entry) => {
		const { digest, annotations: own } = decodeJson(annotated, JSON.stringify(entry), what);
		if (annotations[refNameKey] !== undefined)
			return own?.[refNameKey] !== annotations[refNameKey] && !(digest === root.digest && own === undefined);
		return digest !== root.digest || own !== undefined;
	});
	const { mediaType, digest, size } = root;
	const entry = { mediaType, digest, size, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) };
	const document = { schemaVersion: 2, mediaType: ociIndex, manifests: [...kept, entry] };
	replaceFile(`${path}/index.json`, JSON.stringify(document), 0o644);
}
