// From what a person types to the source of its transport; each is loaded when it is asked for.

import { CortenError } from "../../base/errors.ts";
import { temporaryFolder } from "../blobs.ts";
import { formatReference, parseSource, type Reference } from "../reference.ts";
import { builtinLayout } from "./builtin.ts";
import type { RegistryOptions } from "./registry-session.ts";
import type { ImageSource } from "./source.ts";

/** How a source is opened. */
export type SourceOptions = {
	/** Of the store: what an archive holds is spooled into its temporary folder, which must exist. */
	readonly root: string;
	readonly registry?: Partial<RegistryOptions>;
};

/**
 * Opens an image: a reference (its registry, or the image that comes with corten), or a path with its transport. A registry is not
 * asked before the first document is.
 * @throws `invalid-argument`; `not-found`; `unsupported`; what an archive throws while it is read
 */
export async function openSource(text: string, options: SourceOptions): Promise<ImageSource> {
	const source = parseSource(text);
	switch (source.transport) {
		case "docker":
			return await openReference(source.reference, options);
		case "oci":
			return (await import("./oci-layout.ts")).ociLayoutSource(source.path, source.name);
		case "docker-archive":
			return await (await import("./docker-archive.ts")).dockerArchiveSource(source.path, source.name, temporaryFolder(options.root));
		case "aci":
			return await (await import("./aci.ts")).aciSource(source.path, { temporaryFolder: temporaryFolder(options.root) });
		case "oci-archive":
			return await (await import("./oci-archive.ts")).ociArchiveSource(source.path, source.name, temporaryFolder(options.root));
		case "dir":
			return (await import("./dir.ts")).dirSource(source.path);
		case "appc":
			throw new CortenError("unsupported", `cannot use transport "${source.transport}"`);
	}
}

async function openReference(reference: Reference, options: SourceOptions): Promise<ImageSource> {
	const name = formatReference(reference);
	const builtin = builtinLayout(name);
	if (builtin !== undefined) return (await import("./oci-layout.ts")).ociLayoutSource(builtin, undefined, name);
	return (await import("./registry.ts")).registrySource(reference, { tlsVerify: true, ...options.registry });
}
