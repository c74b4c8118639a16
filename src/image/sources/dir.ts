// The `dir:` form of containers-image as a source. Paths are resolved as if the folder were /.
// @see containers-transports(5) dir

import { isError } from "../../base/errors.ts";
import { O_DIRECTORY, O_RDONLY, openFd, readFd } from "../../linux/file.ts";
import type { Descriptor } from "../../spec/image.ts";
import { digestHex, digestOf } from "../digest.ts";
import { maxManifestBytes } from "../manifest.ts";
import { identifiedBytes } from "../schema1/envelope.ts";
import { openRegular, storeName, streamFd } from "./oci-layout.ts";
import type { ImageSignature, ImageSource } from "./source.ts";

/** Opens the image of a folder. @throws `not-found` when there is no such folder */
export function dirSource(path: string): ImageSource {
	const folder = openFd(path, O_RDONLY | O_DIRECTORY);
	const read = (name: string) => {
		using file = openRegular(folder, name);
		return readFd(file, `${name} of "${path}"`, maxManifestBytes);
	};
	const name = storeName(path, undefined);
	return {
		names: () => (name === undefined ? [] : [name]),
		root: async () => {
			const bytes = read("manifest.json");
			return { bytes, digest: digestOf(identifiedBytes(bytes, undefined, `manifest.json of "${path}"`)), mediaType: undefined };
		},
		manifest: async ({ digest }: Descriptor) => read(`${digestHex(digest)}.manifest.json`),
		blob: async function* ({ digest }) {
			using file = openRegular(folder, digestHex(digest));
			yield* streamFd(file, digestHex(digest));
		},
		signatures: async (_digest, form) => {
			const found: ImageSignature[] = [];
			for (let count = 1; form === "simple" && count <= 128; count++) {
				try {
					found.push({ message: read(`signature-${count}`) });
				} catch (error) {
					if (isError(error, "not-found")) break;
					throw error;
				}
			}
			return found;
		},
		[Symbol.asyncDispose]: async () => folder[Symbol.dispose](),
	};
}
