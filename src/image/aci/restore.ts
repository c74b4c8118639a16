// The way back from ACIs that corten made of an OCI image: config and manifest come out of the annotations word for word, each layer out
// of its ACI by the recipe there. What is not as its digest says is not taken; then the ACI is rendered like any other.

import { createReadStream } from "node:fs";
import { appcValue } from "../../spec/appc.ts";
import type { Descriptor, Digest } from "../../spec/image.ts";
import { decodeConfig } from "../config.ts";
import { type Compression, compress, compressionOf, convertManifest, formatOf, layerType } from "../convert.ts";
import { digestOf } from "../digest.ts";
import { decodeManifest } from "../manifest.ts";
import type { Aci } from "./archive.ts";
import type { Visit } from "./dependencies.ts";
import { ociConfigKey, ociManifestKey, ociRecipeKey } from "./from-oci.ts";
import { openWrite } from "./members.ts";
import { decodeRecipe, followRecipe } from "./recipe.ts";

/** An OCI image that has come back. */
export type Restored = {
	readonly manifest: Descriptor;
	readonly manifestBytes: Uint8Array;
	readonly configBytes: Uint8Array;
	readonly files: ReadonlyMap<Digest, string>;
	/** Whether the manifest is the one of before, byte for byte. */
	readonly exact: boolean;
};

/**
 * Makes the OCI image again.
 * @param visits of the ACI; the last is itself
 * @param folder where the layers go
 * @returns undefined when the ACI was not made of one, or has been changed since
 * @throws `invalid-spec` for annotations that are no documents
 */
export async function restoreImage(visits: readonly Visit[], folder: string): Promise<Restored | undefined> {
	const top = visits.at(-1)?.aci;
	const manifestText = top === undefined ? undefined : appcValue(top.manifest.annotations, ociManifestKey);
	const configText = top === undefined ? undefined : appcValue(top.manifest.annotations, ociConfigKey);
	if (top === undefined || manifestText === undefined || configText === undefined) return undefined;
	const bytes = new TextEncoder().encode(manifestText);
	const configBytes = new TextEncoder().encode(configText);
	const manifest = decodeManifest(bytes, undefined, `OCI manifest of "${top.name}"`);
	if (manifest.kind !== "manifest" || manifest.layers.length !== visits.length || digestOf(configBytes) !== manifest.config.digest)
		return undefined;
	const { diffIDs } = decodeConfig(configBytes, manifest.layers.length, `OCI config of "${top.name}"`);
	const files = new Map<Digest, string>();
	const layers: Descriptor[] = [];
	for (const [index, { aci }] of visits.entries()) {
		const recipe = appcValue(aci.manifest.annotations, ociRecipeKey);
		const before = manifest.layers[index];
		if (recipe === undefined || before === undefined) return undefined;
		const file = `${folder}/restored-${index}`;
		const made = await write(layerOf(aci, recipe), file);
		if (made.digest !== diffIDs[index]) return undefined;
		const packed = await repack(file, before, `${file}.packed`);
		const layer = packed ?? { ...before, mediaType: layerType(formatOf(manifest.mediaType), "none"), ...made };
		files.set(layer.digest, packed === undefined || packed.digest === made.digest ? file : `${file}.packed`);
		layers.push(layer);
	}
	const node = { descriptor: { mediaType: manifest.mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
	const converted = convertManifest(node, layers, formatOf(manifest.mediaType));
	return {
		manifest: converted.descriptor,
		manifestBytes: converted.bytes,
		configBytes,
		files,
		exact: converted.descriptor.digest === node.descriptor.digest,
	};
}

function layerOf(aci: Aci, recipe: string): AsyncIterable<Uint8Array> {
	const others = aci.tar.members.filter((_, index) => index !== aci.manifestIndex);
	return followRecipe(decodeRecipe(recipe, `recipe of "${aci.name}"`), aci.tar.file, others, new Uint8Array(0));
}

async function write(chunks: AsyncIterable<Uint8Array>, file: string): Promise<{ readonly digest: Digest; readonly size: number }> {
	using out = openWrite(file);
	for await (const chunk of chunks) out.write(chunk);
	return out.finish();
}

/** The layer as it was distributed, if corten's compressor gives the same bytes as the one that was used. */
async function repack(file: string, before: Descriptor, packed: string): Promise<Descriptor | undefined> {
	const compression: Compression = compressionOf(before.mediaType);
	const made = await write(compress(createReadStream(file, { highWaterMark: 512 << 10 }), compression), packed);
	return made.digest === before.digest ? before : undefined;
}
