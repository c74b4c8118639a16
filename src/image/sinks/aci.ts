// An image as an ACI. One that was an ACI becomes that very ACI again. One layer becomes an ACI that gives the same image back; of several
// layers one tree is made, or, when they are to be kept, one ACI a layer, of which the last depends on the others.
// @see appc spec aci.md; docs/decisions/0025

import { closeSync, fsyncSync, linkSync, mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { CortenError, isError } from "../../base/errors.ts";
import { exists, isDurable, O_RDONLY, openFd } from "../../linux/file.ts";
import { decodeJson, fallback, object, optional, record, string } from "../../spec/decode.ts";
import type { Descriptor, Digest } from "../../spec/image.ts";
import { readAci } from "../aci/archive.ts";
import { encodeAppcManifest, type FromOci, nameOf, ociConfigKey, ociManifestKey, ociRecipeKey } from "../aci/from-oci.ts";
import { type LayerPlan, layerTar, manifestMember, planLayer } from "../aci/layer-archive.ts";
import { joined, type Members, named, spoolMembers, writeAll } from "../aci/members.ts";
import { decodeRecipe, followRecipe } from "../aci/recipe.ts";
import { pathsOf, readSmall, type Squashed, squash, squashedTar } from "../aci/squash.ts";
import { appcImageIDKey, appcManifestKey, appcRecipeKey } from "../aci/to-oci.ts";
import { decodeConfig } from "../config.ts";
import { compress } from "../convert.ts";
import { tarEnd } from "../layer/tar-write.ts";
import { decodeManifest, type Manifest } from "../manifest.ts";
import { streamFd } from "../sources/oci-layout.ts";
import type { ImageSink } from "./sink.ts";

/** How an ACI is written. */
export type AciSinkOptions = {
	/** A folder in the store, where blobs are spooled. */
	readonly temporaryFolder: string;
	/** Full references the image is known by; the first names the ACI. */
	readonly names?: readonly string[];
	/** Several layers stay apart: `x.aci` depends on `x-layer-0.aci` and so on beside it. Default: they become one tree. */
	readonly keepLayers?: boolean;
};

const annotated = object({ annotations: fallback(record(string), {}), mediaType: optional(string) });
type Output = { readonly path: string; readonly file: string };

/**
 * Opens an ACI for writing.
 * @param path must end in `.aci`, as other tools insist, and be free
 * @throws `invalid-argument`, `already-exists`, `system`
 */
export function aciSink(path: string, options: AciSinkOptions): ImageSink {
	if (!path.endsWith(".aci")) throw new CortenError("invalid-argument", `cannot write image archive "${path}": its name must end in .aci`);
	if (exists(path)) throw new CortenError("already-exists", `cannot write image archive "${path}": it is there already`);
	mkdirSync(options.temporaryFolder, { recursive: true });
	const spool = mkdtempSync(`${options.temporaryFolder}/aci-`);
	// Beside the place: only within one file system can it get its name at once.
	const beside = mkdtempSync(`${path.slice(0, path.lastIndexOf("/") + 1)}.corten-aci-`);
	const dispose = () => {
		for (const folder of [spool, beside]) rmSync(folder, { recursive: true, force: true });
	};
	const blobs = new Map<Digest, string>();
	const manifests = new Map<Digest, Uint8Array>();
	return {
		takes: { formats: ["oci", "docker"], index: false, foreign: true },
		has: async () => false,
		blob: async (descriptor, content) => {
			const file = `${spool}/blob-${blobs.size}`;
			blobs.set(descriptor.digest, file);
			await writeFile(file, content);
		},
		manifest: async (descriptor, bytes) => void manifests.set(descriptor.digest, bytes),
		commit: async (root) => {
			const bytes = manifests.get(root.digest);
			if (bytes === undefined) throw new CortenError("bug", "the root manifest was not written");
			const manifest = decodeManifest(bytes, root.mediaType, `manifest "${root.digest}"`);
			if (manifest.kind !== "manifest") throw new CortenError("bug", "an ACI was given an index");
			const image: Image = {
				path,
				options,
				spool,
				beside,
				blobs,
				bytes,
				manifest,
				...decodeJson(annotated, bytes, `manifest "${root.digest}"`),
			};
			publish(await build(image));
		},
		[Symbol.asyncDispose]: async () => dispose(),
	};
}

type Image = {
	readonly path: string;
	readonly options: AciSinkOptions;
	readonly spool: string;
	readonly beside: string;
	readonly blobs: ReadonlyMap<Digest, string>;
	readonly bytes: Uint8Array;
	readonly manifest: Manifest;
	readonly annotations: Readonly<Record<string, string>>;
};

async function writeFile(file: string, content: AsyncIterable<Uint8Array>): Promise<void> {
	const out = openSync(file, "wx", 0o644);
	try {
		for await (const chunk of content) writeAll(out, chunk);
		if (isDurable()) fsyncSync(out);
	} finally {
		closeSync(out);
	}
}

function blobFile({ blobs }: Image, { digest }: Descriptor): string {
	const file = blobs.get(digest);
	if (file === undefined) throw new CortenError("not-found", `cannot find blob "${digest}": it was not copied`);
	return file;
}

async function build(image: Image): Promise<readonly Output[]> {
	const original = await buildOriginal(image);
	if (original !== undefined) return [original];
	const layers: Members[] = [];
	for (const [index, layer] of image.manifest.layers.entries()) {
		using blob = openFd(blobFile(image, layer), O_RDONLY);
		try {
			layers.push(await spoolMembers(streamFd(blob, layer.digest), `${image.spool}/layer-${index}`, () => undefined));
		} catch (error) {
			throw named(error, `layer "${layer.digest}"`);
		}
	}
	const squashed = squash(layers);
	const plans = layers.length === 1 || image.options.keepLayers === true ? layers.map(planLayer) : [];
	if (plans.length > 0 && plans.every((plan) => plan !== undefined)) return await buildLayers(image, plans, squashed);
	if (image.options.keepLayers === true)
		throw new CortenError(
			"unsupported",
			`cannot write image archive "${image.path}": a layer has what an ACI cannot hold; squashed it can be written`,
		);
	const manifest = encodeAppcManifest(await describe(image, squashed, []));
	return [await write(image, 0, image.path, squashedChunks(squashed, manifest))];
}

function* squashedChunks(squashed: Squashed, manifest: Uint8Array): Generator<Uint8Array, void, undefined> {
	yield* manifestMember(manifest);
	yield* squashedTar(squashed);
	yield tarEnd;
}

/** The ACI an image was made of, if it still is in it. */
async function buildOriginal(image: Image): Promise<Output | undefined> {
	const { annotations, manifest, spool } = image;
	const recipe = annotations[appcRecipeKey];
	const appc = annotations[appcManifestKey];
	const last = manifest.layers.at(-1);
	if (recipe === undefined || appc === undefined || last === undefined) return undefined;
	using blob = openFd(blobFile(image, last), O_RDONLY);
	try {
		const layer = await spoolMembers(streamFd(blob, last.digest), `${spool}/last`, () => undefined);
		const chunks = followRecipe(decodeRecipe(recipe, "recipe"), layer.file, layer.members, new TextEncoder().encode(appc));
		const output = await write(image, 0, image.path, chunks);
		const { imageID } = await readAci(output.file, `${spool}/check-original`);
		if (imageID === annotations[appcImageIDKey]) return output;
	} catch (error) {
		// An image that was changed since: a layer more, and the annotations of before.
		if (!isError(error, "integrity") && !isError(error, "invalid-spec")) throw error;
	}
	rmSync(`${image.beside}/0.aci`, { force: true });
	return undefined;
}

async function describe(image: Image, squashed: Squashed, carried: FromOci["carried"], more: Partial<FromOci> = {}): Promise<FromOci> {
	const { manifest, annotations, options, path } = image;
	const config = decodeConfig(
		await Bun.file(blobFile(image, manifest.config)).bytes(),
		manifest.layers.length,
		`config "${manifest.config.digest}"`,
	);
	const base = path.slice(path.lastIndexOf("/") + 1).replace(/\.aci$/, "");
	const passwd = readSmall(squashed, "etc/passwd");
	return {
		config,
		...nameOf(options.names?.[0] ?? base),
		passwd,
		annotations,
		carried,
		dependencies: [],
		pathWhitelist: undefined,
		...more,
	};
}

async function buildLayers(image: Image, plans: readonly LayerPlan[], squashed: Squashed): Promise<readonly Output[]> {
	const { manifest, path } = image;
	const outputs: Output[] = [];
	const dependencies: { imageName: string; imageID: string }[] = [];
	const whole = await describe(image, squashed, []);
	for (const [index, plan] of plans.slice(0, -1).entries()) {
		const name = `${whole.name}/layer-${manifest.layers[index]?.digest.slice(7, 19)}`;
		const document = {
			acKind: "ImageManifest",
			acVersion: "0.8.11",
			name,
			annotations: plan.recipe === undefined ? [] : [{ name: ociRecipeKey, value: plan.recipe }],
		};
		const target = path.replace(/\.aci$/, `-layer-${index}.aci`);
		if (exists(target)) throw new CortenError("already-exists", `cannot write image archive "${target}": it is there already`);
		const output = await write(image, index + 1, target, layerTar(plan, new TextEncoder().encode(JSON.stringify(document))));
		outputs.push(output);
		const { imageID } = await readAci(output.file, `${image.spool}/check-${index}`);
		dependencies.push({ imageName: name, imageID });
	}
	const plan = plans.at(-1);
	if (plan === undefined) throw new CortenError("bug", "an image has no layers");
	const carried = [
		{ name: ociManifestKey, value: new TextDecoder().decode(image.bytes) },
		{ name: ociConfigKey, value: await Bun.file(blobFile(image, manifest.config)).text() },
		...(plan.recipe === undefined ? [] : [{ name: ociRecipeKey, value: plan.recipe }]),
	];
	const pathWhitelist = squashed.hidden && plans.length > 1 ? whitelist(squashed, path) : undefined;
	const appc = encodeAppcManifest({ ...whole, carried, dependencies, pathWhitelist });
	return [...outputs, await write(image, 0, path, layerTar(plan, appc))];
}

/** All that is left of the layers together. */
function whitelist({ root }: Squashed, path: string): readonly string[] {
	const decoder = new TextDecoder("utf-8", { fatal: true });
	try {
		return ["/", ...[...pathsOf(root)].map(({ path: name }) => `/${decoder.decode(Buffer.from(name, "latin1"))}`)];
	} catch (cause) {
		throw new CortenError("unsupported", `cannot write image archive "${path}": a whitelist cannot hold a name that is not UTF-8`, {
			cause,
		});
	}
}

async function write(
	{ beside }: Image,
	index: number,
	path: string,
	chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<Output> {
	const file = `${beside}/${index}.aci`;
	await writeFile(file, compress(joined(chunks), "gzip"));
	return { path, file };
}

/** Gives the files their names; the image's own comes last. */
function publish(outputs: readonly Output[]): void {
	const done: string[] = [];
	try {
		for (const { path, file } of outputs) {
			linkSync(file, path);
			done.push(path);
		}
		const last = outputs.at(-1)?.path ?? "";
		const folder = openSync(last.slice(0, last.lastIndexOf("/") + 1) || ".", "r");
		if (isDurable()) fsyncSync(folder);
		closeSync(folder);
	} catch (cause) {
		for (const path of done) rmSync(path, { force: true });
		throw new CortenError("system", `cannot write image archive "${outputs.at(-1)?.path}"`, { cause });
	}
}
