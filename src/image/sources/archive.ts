// An archive or a folder of unknown kind, with all its images: what `load` reads.

import { statSync } from "node:fs";
import { CortenError } from "../../base/errors.ts";
import { exists } from "../../linux/file.ts";
import { withSchema1 } from "./docker-schema1.ts";
import type { ImageSource } from "./source.ts";
import { spoolArchive } from "./spool.ts";

/** An open archive. Disposing it ends its sources too. */
export type OpenArchive = Disposable & { readonly images: readonly ImageSource[] };

/**
 * Reads an archive, docker's or OCI's, compressed or not; or a folder, an OCI layout or the `dir:` form.
 * @param path `-` for standard input
 * @param temporaryFolder where to put a folder for its files
 * @param signaturePolicy in place of this machine's
 * @throws `not-found`; `invalid-spec` when it is no archive of images; `integrity`; `system`
 */
export async function openArchive(path: string, temporaryFolder: string, signaturePolicy?: string): Promise<OpenArchive> {
	const from = (transport: string, images: readonly ImageSource[]) =>
		images.map((image) => ({
			...image,
			origin: { transport, path, ...(signaturePolicy === undefined ? {} : { policyFile: signaturePolicy }) },
		}));
	if (path !== "-" && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
		const isLayout = exists(`${path}/oci-layout`);
		const opened = isLayout ? (await import("./oci-layout.ts")).ociLayoutImages(path) : [(await import("./dir.ts")).dirSource(path)];
		const images = from(isLayout ? "oci" : "dir", opened).map((image) => withSchema1(image, { temporaryFolder }));
		return { images, [Symbol.dispose]: () => void Promise.all(images.map((image) => image[Symbol.asyncDispose]())) };
	}
	const spool = await spoolArchive(path, temporaryFolder);
	try {
		const dispose = () => spool[Symbol.dispose]();
		// Archives of docker 25 and later are both; manifest.json has the names people gave.
		if (spool.files.has("/manifest.json"))
			return {
				images: from("docker-archive", await (await import("./docker-archive.ts")).dockerArchiveImages(spool, path)),
				[Symbol.dispose]: dispose,
			};
		if (spool.files.has("/oci-layout"))
			return {
				images: from("oci-archive", await (await import("./oci-archive.ts")).ociArchiveImages(spool, path)),
				[Symbol.dispose]: dispose,
			};
		if (spool.files.has("/repositories"))
			return {
				images: from("docker-archive", await (await import("./docker-archive.ts")).dockerArchiveImages(spool, path)),
				[Symbol.dispose]: dispose,
			};
		throw new CortenError("invalid-spec", `cannot read archive "${path}": it has neither manifest.json nor oci-layout`, {
			hint: "a tar of a root filesystem is brought in by corten import",
		});
	} catch (error) {
		spool[Symbol.dispose]();
		throw error;
	}
}
