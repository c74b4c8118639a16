// The image that comes with corten, so that the first `corten run corten/hello` needs no network: an OCI layout beside the program.

import { exists } from "../../linux/file.ts";
import { formatReference, parseReference } from "../reference.ts";

/** The name of the built-in image. */
export const builtinName = "docker.io/corten/hello:latest";

/**
 * The layout folder a reference means, if it is the built-in image's and the folder is there.
 * @param reference as typed
 * @param program the executable the folder is beside (`hello`) or installed with (`../share/corten/hello`; corten-bun lies one folder deeper)
 * @throws `invalid-argument` for a broken reference
 */
export function builtinLayout(reference: string, program: string = process.execPath): string | undefined {
	if (formatReference(parseReference(reference)) !== builtinName) return undefined;
	const folder = program.slice(0, program.lastIndexOf("/"));
	return [`${folder}/hello`, `${folder}/../share/corten/hello`, `${folder}/../../share/corten/hello`].find((path) =>
		exists(`${path}/oci-layout`),
	);
}
