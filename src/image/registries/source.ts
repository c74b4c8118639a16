// An image of a registry that may be in several places: each is asked for the root document in turn, and the first that has it is the source of all
// the rest. The image's name is what was asked for, wherever it comes from.

import { CortenError, isError, joinCauses } from "../../base/errors.ts";
import { formatReference, type Reference } from "../reference.ts";
import { isRegistryAbsent } from "../sources/absent.ts";
import { registrySource } from "../sources/registry.ts";
import { optionsFor, type RegistryOptions } from "../sources/registry-session.ts";
import { type ImageSource, readBlobFrom } from "../sources/source.ts";
import type { RegistriesConfig } from "./decode.ts";
import { checkAllowed, type Place, pullPlaces } from "./places.ts";

type Attempt = { readonly name: Reference; readonly place: Place };

/**
 * Opens the source of an image that may have several names (of search registries), each with mirrors. Nothing is sent before the root is asked for.
 * @throws `invalid-spec` for a location that makes no reference. Its `root` throws, when every place has failed, an error that names each with its
 * cause; code and cause are those of the last, but of one that is there and refuses where there is such a one: an absence must be all of them's.
 */
export function placedSource(names: readonly Reference[], config: RegistriesConfig, options: RegistryOptions): ImageSource {
	const attempts = names.flatMap((name) => pullPlaces(config, name).map((place): Attempt => ({ name, place })));
	let chosen: { readonly source: ImageSource; readonly name: Reference } | undefined;
	const opened = (): ImageSource => {
		if (chosen === undefined) throw new CortenError("bug", "the root is not read yet");
		return chosen.source;
	};
	return {
		names: () => [formatReference(chosen?.name ?? (names[0] as Reference))],
		root: async () => {
			if (chosen !== undefined) return await chosen.source.root();
			const failures: { readonly attempt: Attempt; readonly error: CortenError }[] = [];
			for (const [index, attempt] of attempts.entries()) {
				try {
					checkAllowed(attempt.place);
					// Who has another place to go to does not wait for this one to come back.
					const retryRoot = index === attempts.length - 1;
					const source = registrySource(attempt.place.reference, optionsFor(attempt.name.domain, attempt.place, options), {
						retryRoot,
						name: attempt.name,
					});
					const document = await source.root();
					chosen = { source, name: attempt.name };
					return document;
				} catch (error) {
					if (!isError(error)) throw error;
					failures.push({ attempt, error });
				}
			}
			throw summary(failures);
		},
		manifest: (descriptor) => opened().manifest(descriptor),
		blob: (descriptor) => opened().blob(descriptor),
		blobFrom: (descriptor, from) => readBlobFrom(opened(), descriptor, from),
		signatures: async (digest, form) => (await opened().signatures?.(digest, form)) ?? [],
		[Symbol.asyncDispose]: async () => undefined,
	};
}

function summary(failures: readonly { readonly attempt: Attempt; readonly error: CortenError }[]): CortenError {
	const telling = failures.find(({ error }) => !isRegistryAbsent(error)) ?? failures.at(-1);
	if (telling === undefined) return new CortenError("bug", "there is no place to look for the image");
	if (failures.length === 1) return telling.error;
	const others = failures.filter((failure) => failure !== telling);
	const name = ({ attempt: { place } }: (typeof failures)[number]) => formatReference(place.reference);
	const { code, hint } = telling.error;
	const message = `cannot find the image in any of ${failures.length} places: ${others.map((failure) => `${name(failure)}: [${joinCauses(failure.error)}]`).join("; ")}; ${name(telling)}`;
	return new CortenError(code, message, { cause: telling.error, ...(hint === undefined ? {} : { hint }) });
}
