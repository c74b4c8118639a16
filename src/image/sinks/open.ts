// From what a person types to the sink of its transport; each is loaded when it is asked for.

import { CortenError } from "../../base/errors.ts";
import { parseSource } from "../reference.ts";
import type { RegistryOptions } from "../sources/registry.ts";
import type { ImageSink } from "./sink.ts";

/** How a place is opened for writing. */
export type SinkOptions = {
	/** Of the store: what is not finished lies in its temporary folder. */
	readonly root: string;
	readonly registry?: Partial<RegistryOptions>;
	/** Names the image gets in an archive that has none by itself: full references. */
	readonly names?: readonly string[];
};

/**
 * Opens the place an image goes to: `docker://REFERENCE`, or a path with its transport, as `oci:PATH[:NAME]`.
 * @throws `invalid-argument`; `already-exists` for a place that must be new; `unsupported` for what can only be read
 */
export async function openSink(text: string, _options: SinkOptions): Promise<ImageSink> {
	const place = parseSource(text);
	switch (place.transport) {
		case "docker":
		case "oci":
		case "oci-archive":
		case "docker-archive":
		case "dir":
		case "aci":
		case "appc":
			throw new CortenError("unsupported", `cannot write an image to "${text}": transport "${place.transport}" can only be read`);
	}
}
