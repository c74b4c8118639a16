// From what a person types to the source of its transport; each is loaded when it is asked for.

import type { Platform } from "../../spec/image.ts";
import type { WebOptions } from "../appc/web.ts";
import { temporaryFolder } from "../blobs.ts";
import type { PullProgress } from "../pull-layers.ts";
import { formatReference, parseReference, parseSource, type Reference, type Source } from "../reference.ts";
import { builtinLayout } from "./builtin.ts";
import type { RegistryOptions } from "./registry-session.ts";
import type { ImageSource } from "./source.ts";

/** How a source is opened. */
export type SourceOptions = {
	/** Of the store: what an archive holds is spooled into its temporary folder, which must exist. */
	readonly root: string;
	readonly registry?: Partial<RegistryOptions>;
	/**
	 * For what is about to be run: an ACI must be signed, and a name that no registry has is looked for by discovery. Without it an ACI on this machine
	 * is read as it is, as a conversion does. An image of `appc:` must be signed in any case.
	 */
	readonly appc?: WebOptions;
	/** What discovery asks for, where it is not said. */
	readonly platform?: Platform;
	readonly onProgress?: (progress: PullProgress) => void;
	/** A signature policy in place of this machine's. */
	readonly signaturePolicy?: string | undefined;
};

/**
 * Opens an image: a reference (its registry, or the image that comes with corten), or a path with its transport. A registry is not
 * asked before the first document is.
 * @throws `invalid-argument`; `not-found`; `unsupported`; what an archive throws while it is read
 */
export async function openSource(text: string, options: SourceOptions): Promise<ImageSource> {
	const place = parseSource(text);
	const source = await openTransport(place, text, options);
	const { transport } = place;
	const policy = options.signaturePolicy === undefined ? {} : { policyFile: options.signaturePolicy };
	if (transport === "docker") {
		if (builtinLayout(formatReference(place.reference)) !== undefined) return source;
		return { ...source, origin: { transport, reference: () => parseReference(source.names()[0] ?? text), ...policy } };
	}
	if (transport === "appc") return { ...source, origin: { transport, path: place.text, ...policy } };
	return { ...source, origin: { transport, path: place.path, ...(place.name === undefined ? {} : { name: place.name }), ...policy } };
}

async function openTransport(source: Source, text: string, options: SourceOptions): Promise<ImageSource> {
	switch (source.transport) {
		case "docker":
			return await openReference(source.reference, text, options);
		case "oci":
			return (await import("./oci-layout.ts")).ociLayoutSource(source.path, source.name);
		case "docker-archive":
			return await (await import("./docker-archive.ts")).dockerArchiveSource(source.path, source.name, temporaryFolder(options.root));
		case "aci":
			if (options.appc !== undefined) return await (await import("./appc.ts")).signedAciSource(source.path, appcOptions(options));
			return await (await import("./aci.ts")).aciSource(source.path, { temporaryFolder: temporaryFolder(options.root) });
		case "oci-archive":
			return await (await import("./oci-archive.ts")).ociArchiveSource(source.path, source.name, temporaryFolder(options.root));
		case "dir":
			return (await import("./dir.ts")).dirSource(source.path);
		case "appc":
			return await (await import("./appc.ts")).appcSource(source.text, appcOptions(options));
	}
}

function appcOptions(options: SourceOptions) {
	return { ...options, temporaryFolder: temporaryFolder(options.root) };
}

// A reference with its transport is one of docker.io where it names no registry, as skopeo reads it; a name alone may be short.
async function openReference(plain: Reference, text: string, options: SourceOptions): Promise<ImageSource> {
	const explicit = text.startsWith("docker://");
	const name = formatReference(plain);
	const builtin = builtinLayout(name);
	if (builtin !== undefined) return (await import("./oci-layout.ts")).ociLayoutSource(builtin, undefined, name);
	const [{ loadRegistries }, { resolveName }, { placedSource }] = await Promise.all([
		import("../registries/load.ts"),
		import("../registries/short-names.ts"),
		import("../registries/source.ts"),
	]);
	const environment = options.registry?.environment ?? process.env;
	const config = loadRegistries(environment);
	const names = explicit ? [plain] : resolveName(text, environment, config);
	const registry = placedSource(names, config, { tlsVerify: true, ...options.registry });
	const [reference = plain] = names;
	if (explicit || options.appc === undefined || names.length > 1) return registry;
	const { mayBeAppc, registryOrAppc } = await import("./registry-or-appc.ts");
	return mayBeAppc(reference) ? registryOrAppc(registry, reference, appcOptions(options)) : registry;
}
