// A registry's reference that discovery takes over. Apart from appc.ts, which brings OpenPGP and more decompressors along: 20 MB that a pull
// from a registry has no use for.
// @see docs/decisions/0027

import { CortenError, isError, joinCauses } from "../../base/errors.ts";
import { isAppcIdentifier } from "../../spec/appc.ts";
import { formatReference, type Reference } from "../reference.ts";
import { isRegistryAbsent } from "./absent.ts";
import type { AppcSourceOptions } from "./appc.ts";
import type { ImageSource } from "./source.ts";

/** Whether a reference may also be the name of an image of appc's: no digest, no port, a host that is not docker's. */
export function mayBeAppc({ domain, repository, digest }: Reference): boolean {
	return digest === undefined && domain !== "docker.io" && !domain.includes(":") && isAppcIdentifier(`${domain}/${repository}`);
}

/**
 * A reference whose registry is asked first, and discovery when there is no registry, or not this image in it. What else is wrong with a registry (a
 * certificate, a password, its own failure) stays an error: an image must not come from elsewhere because of it.
 */
export function registryOrAppc(registry: ImageSource, reference: Reference, options: AppcSourceOptions): ImageSource {
	let chosen = registry;
	const name = formatReference(reference);
	const take = async (why: string) => {
		try {
			const { appcSource } = await import("./appc.ts");
			chosen = await appcSource(
				`${reference.domain}/${reference.repository}:${reference.tag ?? "latest"}`.replace(/:latest$/, ""),
				options,
			);
		} catch (error) {
			if (!isError(error)) throw error;
			const { code, hint } = error;
			throw new CortenError(code, `cannot find "${name}": its registry: ${why}; discovery: ${joinCauses(error)}`, {
				...(hint === undefined ? {} : { hint }),
			});
		}
		return await chosen.root();
	};
	return {
		names: () => (chosen === registry ? registry.names() : [...new Set([name, ...chosen.names()])]),
		root: async () => {
			let document: Awaited<ReturnType<ImageSource["root"]>>;
			try {
				document = await registry.root();
			} catch (error) {
				if (!isRegistryAbsent(error)) throw error;
				return await take(joinCauses(error));
			}
			// A web server that answers everything with a page.
			if (document.mediaType === "text/html") return await take(`"${reference.domain}" answers with a web page`);
			return document;
		},
		manifest: (descriptor) => chosen.manifest(descriptor),
		blob: (descriptor) => chosen.blob(descriptor),
		spooled: (descriptor) => chosen.spooled?.(descriptor),
		warnings: () => chosen.warnings?.() ?? [],
		[Symbol.asyncDispose]: async () => {
			await registry[Symbol.asyncDispose]();
			if (chosen !== registry) await chosen[Symbol.asyncDispose]();
		},
	};
}
