// From what a person types to the sink of its transport; each is loaded when it is asked for.

import { CortenError } from "../../base/errors.ts";
import { temporaryFolder } from "../blobs.ts";
import { parseSource } from "../reference.ts";
import type { RegistryOptions } from "../sources/registry-session.ts";
import type { ImageSink } from "./sink.ts";

/** How a place is opened for writing. */
export type SinkOptions = {
	/** Of the store: what is not finished lies in its temporary folder. */
	readonly root: string;
	readonly registry?: Partial<RegistryOptions>;
	/** Repositories of the same registry that may have the blobs. */
	readonly mountFrom?: readonly string[];
	/** Names the image gets in an archive that has none by itself: full references. */
	readonly names?: readonly string[];
	/** For an ACI: layers stay apart, one archive each. */
	readonly keepLayers?: boolean;
};

/**
 * Opens the place an image goes to: `docker://REFERENCE`, or a path with its transport, as `oci:PATH[:NAME]`.
 * @throws `invalid-argument`; `already-exists` for a place that must be new; `unsupported` for what can only be read
 */
export async function openSink(text: string, options: SinkOptions): Promise<ImageSink> {
	const place = parseSource(text);
	const names = options.names ?? [];
	switch (place.transport) {
		case "oci":
			return (await import("./oci-layout.ts")).ociLayoutSink(place.path, place.name);
		case "oci-archive":
		case "docker-archive": {
			const given = place.name === undefined ? names : [place.name];
			return (await import("./archive.ts")).archiveSink(place.transport, place.path, given, temporaryFolder(options.root));
		}
		case "dir":
			return (await import("./dir.ts")).dirSink(place.path);
		case "docker":
			return (await import("./registry.ts")).registrySink(place.reference, {
				tlsVerify: true,
				...options.registry,
				mountFrom: options.mountFrom ?? [],
			});
		case "aci":
			return (await import("./aci.ts")).aciSink(place.path, {
				temporaryFolder: temporaryFolder(options.root),
				names,
				...(options.keepLayers === undefined ? {} : { keepLayers: options.keepLayers }),
			});
		case "appc":
			throw new CortenError("unsupported", `cannot write an image to "${text}": transport "${place.transport}" can only be read`);
	}
}
