// The store as a sink: documents and blobs as they are, for images of other platforms, which nobody runs here. What makes an image
// runnable and gives it its name is pull.ts.

import type { Descriptor } from "../../spec/image.ts";
import { hasBlob, writeBlob } from "../blobs.ts";
import { once } from "./blob-file.ts";
import type { ImageSink } from "./sink.ts";

/** Keeps blobs in the store; the caller holds them ({@link holdBlobs}), and names the image afterwards. */
export function storeSink(root: string): ImageSink {
	const has = async (descriptor: Descriptor) => await hasBlob(root, descriptor);
	return {
		takes: { formats: ["oci", "docker"], index: true, foreign: false },
		has,
		blob: async (descriptor, content) => await writeBlob(root, descriptor, content),
		manifest: async (descriptor, bytes) => {
			if (!(await has(descriptor))) await writeBlob(root, descriptor, once(bytes));
		},
		commit: async () => undefined,
		[Symbol.asyncDispose]: async () => undefined,
	};
}
