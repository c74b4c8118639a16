// The `dir:` form of containers-image: one folder with manifest.json and every blob under the digits of its digest; for looking at images,
// and for carrying them as files. Manifests that an index names are `<digits>.manifest.json`.
// @see containers-transports(5) dir

import { CortenError } from "../../base/errors.ts";
import { exists, listFolder, makeFolders, replaceFile } from "../../linux/file.ts";
import type { Descriptor, Digest } from "../../spec/image.ts";
import { digestHex } from "../digest.ts";
import { hasBlobFile, syncFolder, writeBlobFile } from "./blob-file.ts";
import type { ImageSink } from "./sink.ts";

/**
 * Opens a folder for one image; makes it when there is none.
 * @throws `already-exists` when it holds anything
 */
export function dirSink(path: string): ImageSink {
	if (listFolder(path).length > 0) throw new CortenError("already-exists", `cannot write an image to folder "${path}": it is not empty`);
	if (!exists(path)) makeFolders(path, 0o755);
	const manifests = new Map<Digest, Uint8Array>();
	const place = ({ digest }: Descriptor) => `${path}/${digestHex(digest)}`;
	return {
		takes: { formats: ["oci", "docker"], index: true, foreign: true },
		has: async (descriptor) => await hasBlobFile(place(descriptor), descriptor),
		blob: async (descriptor, content) => await writeBlobFile(place(descriptor), content),
		manifest: async ({ digest }, bytes) => void manifests.set(digest, bytes),
		commit: async (root) => {
			for (const [digest, bytes] of manifests)
				if (digest !== root.digest) replaceFile(`${path}/${digestHex(digest)}.manifest.json`, bytes, 0o644);
			replaceFile(`${path}/version`, "Directory Transport Version: 1.1\n", 0o644);
			await syncFolder(path);
			replaceFile(`${path}/manifest.json`, manifests.get(root.digest) ?? new Uint8Array(0), 0o644);
		},
		[Symbol.asyncDispose]: async () => undefined,
	};
}
