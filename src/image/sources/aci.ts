// An ACI as a source: rendered with its dependencies, and described by a config and a manifest made of its own. The same ACIs make the
// same bytes. Layers are not compressed, so that they do not depend on a compressor's version.
// @see appc spec aci.md; docs/decisions/0025

import { mkdtempSync, rmSync } from "node:fs";
import { CortenError } from "../../base/errors.ts";
import { O_RDONLY, openFd } from "../../linux/file.ts";
import { type AppcManifest, appcValue } from "../../spec/appc.ts";
import type { Digest } from "../../spec/image.ts";
import { readAci } from "../aci/archive.ts";
import { folderResolver, type ResolveDependency, visitAll } from "../aci/dependencies.ts";
import { encodeRecipe } from "../aci/recipe.ts";
import { renderLayers } from "../aci/render.ts";
import { type Restored, restoreImage } from "../aci/restore.ts";
import { annotationsOf, appcImageIDKey, appcManifestKey, appcRecipeKey, configOf } from "../aci/to-oci.ts";
import { digestOf } from "../digest.ts";
import { maxManifestBytes } from "../manifest.ts";
import { ociConfig, ociLayer, ociManifest } from "../media-types.ts";
import { formatReference, parseReference } from "../reference.ts";
import { streamFd } from "./oci-layout.ts";
import type { ImageSource } from "./source.ts";

/** How an ACI is opened. */
export type AciOptions = {
	/** Where to put a folder for layers, in the store; the folder is removed at disposal. */
	readonly temporaryFolder: string;
	/** Finds dependencies; without it they are looked for beside the ACI. */
	readonly resolveDependency?: ResolveDependency;
	/** Called when the manifest is known, before anything is rendered: whether this may be used. What it throws ends the opening. */
	readonly check?: (manifest: AppcManifest) => Promise<void>;
};

/**
 * Reads and renders an ACI.
 * @throws `not-found`, also for a dependency; `invalid-spec` for an archive or manifest that breaks the rules, and for cycles;
 * `unsupported` for what no layer can hold; `integrity` for a dependency that is another, or a corrupt compression; `system`
 */
export async function aciSource(path: string, options: AciOptions): Promise<ImageSource> {
	const folder = mkdtempSync(`${options.temporaryFolder}/aci-`);
	const dispose = () => rmSync(folder, { recursive: true, force: true });
	try {
		const aci = await readAci(path, `${folder}/image`);
		await options.check?.(aci.manifest);
		const slash = path.lastIndexOf("/");
		const resolve = options.resolveDependency ?? folderResolver(slash < 0 ? "." : path.slice(0, slash) || "/", folder);
		const visits = await visitAll(aci, resolve, folder);
		const restored = await restoreImage(visits, folder);
		if (restored !== undefined) return restoredSource(path, aci.manifest, restored, dispose);
		const rendered = renderLayers(visits, folder);
		const { config, warnings } = configOf(aci.manifest, rendered.find);
		const configBytes = encode({
			...config,
			rootfs: { type: "layers", diff_ids: rendered.layers.map(({ digest }) => digest) },
			history: rendered.layers.map(({ name, imageID }) => ({ created_by: `appc ${name} ${imageID}` })),
		});
		const recipe = rendered.recipe === undefined ? undefined : encodeRecipe(rendered.recipe);
		const describe = (withRecipe: boolean) =>
			encode({
				schemaVersion: 2,
				mediaType: ociManifest,
				config: { mediaType: ociConfig, digest: digestOf(configBytes), size: configBytes.length },
				layers: rendered.layers.map(({ digest, size }) => ({ mediaType: ociLayer, digest, size })),
				annotations: {
					...annotationsOf(aci.manifest),
					[appcManifestKey]: new TextDecoder().decode(aci.manifestBytes),
					[appcImageIDKey]: aci.imageID,
					...(withRecipe ? { [appcRecipeKey]: recipe } : {}),
				},
			});
		const whole = describe(recipe !== undefined);
		const exact = recipe !== undefined && whole.length <= maxManifestBytes;
		const manifest = exact ? whole : describe(false);
		if (manifest.length > maxManifestBytes)
			throw new CortenError("unsupported", `cannot convert image archive "${path}": its manifest is too large for an annotation`);
		const all = exact ? warnings : [...warnings, "this image cannot be turned into the same image archive again"];
		const files = new Map<Digest, string>(rendered.layers.map(({ digest, file }) => [digest, file]));
		return {
			names: () => storeNames(aci.manifest),
			root: async () => ({ bytes: manifest, digest: digestOf(manifest), mediaType: ociManifest }),
			manifest: async () => {
				throw new CortenError("bug", "an image archive has one manifest");
			},
			blob: async function* ({ digest }) {
				const file = files.get(digest);
				if (digest === digestOf(configBytes)) yield configBytes;
				else if (file === undefined) throw new CortenError("not-found", `cannot find blob "${digest}" in "${path}"`);
				else {
					using opened = openFd(file, O_RDONLY);
					yield* streamFd(opened, file);
				}
			},
			spooled: ({ digest }) => files.get(digest),
			warnings: () => all,
			[Symbol.asyncDispose]: async () => dispose(),
		};
	} catch (error) {
		dispose();
		throw error;
	}
}

/** An image that was an OCI image before. */
function restoredSource(path: string, manifest: AppcManifest, restored: Restored, dispose: () => void): ImageSource {
	const { manifestBytes, configBytes, files } = restored;
	const configDigest = digestOf(configBytes);
	return {
		names: () => storeNames(manifest),
		root: async () => ({ bytes: manifestBytes, digest: restored.manifest.digest, mediaType: restored.manifest.mediaType }),
		manifest: async () => {
			throw new CortenError("bug", "an image archive has one manifest");
		},
		blob: async function* ({ digest }) {
			const file = files.get(digest);
			if (digest === configDigest) yield configBytes;
			else if (file === undefined) throw new CortenError("not-found", `cannot find blob "${digest}" in "${path}"`);
			else {
				using opened = openFd(file, O_RDONLY);
				yield* streamFd(opened, file);
			}
		},
		spooled: ({ digest }) => files.get(digest),
		[Symbol.asyncDispose]: async () => dispose(),
	};
}

function encode(document: unknown): Uint8Array {
	return new TextEncoder().encode(JSON.stringify(document));
}

/** `example.com/app:1.0` as it is; a name without a host is of this machine. None where the store knows no such name. */
function storeNames({ name, labels }: AppcManifest): readonly string[] {
	const version = (appcValue(labels, "version") ?? "latest").replaceAll("+", "_");
	const host = name.split("/")[0] ?? "";
	const full = name.includes("/") && (host.includes(".") || host === "localhost") ? name : `localhost/${name}`;
	try {
		return [formatReference(parseReference(`${full}:${version}`))];
	} catch {
		return [];
	}
}
