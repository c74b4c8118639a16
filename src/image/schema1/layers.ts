// The layers of a schema 1 manifest, of which only digests are known: fetched and verified, or found in the store, then measured and inflated once.

import { open } from "node:fs/promises";
import { CortenError, isError } from "../../base/errors.ts";
import { exists } from "../../linux/file.ts";
import type { Digest } from "../../spec/image.ts";
import { threeAtATime } from "../concurrency.ts";
import { layerType, sniffCompression } from "../convert.ts";
import { digestHex, verifyStream } from "../digest.ts";
import { defaultLimits } from "../layer/bounded.ts";
import { readDiffID } from "../layer/diff-id.ts";
import type { Schema1Options } from "../sources/docker-schema1.ts";
import type { ImageSource } from "../sources/source.ts";
import { blobPath } from "../store.ts";
import type { KnownLayer } from "./translate.ts";

/** A layer's blob on this machine, verified. */
export type TakenLayer = KnownLayer & {
	readonly path: string;
	/** The file was made for this image; otherwise it is the store's. */
	readonly own: boolean;
};

/**
 * Takes blobs, three at a time as a pull does; the first failure ends the others.
 * @param blobs each once
 * @param folder for the files, which are the caller's to remove, also after a failure
 * @throws `integrity`, `invalid-spec` for a bomb, and what the source throws
 */
export async function takeLayers(
	blobs: readonly Digest[],
	source: ImageSource,
	folder: string,
	options: Schema1Options,
): Promise<ReadonlyMap<Digest, TakenLayer>> {
	const taken = new Map<Digest, TakenLayer>();
	await threeAtATime(blobs, async (digest, _at, { untilFailure }) => {
		const tell = (state: "downloading" | "done", bytes: number) => options.onProgress?.({ digest, state, bytes, size: bytes });
		const stored = options.root === undefined ? undefined : await findStored(options.root, digest);
		const path = stored ?? `${folder}/${digestHex(digest)}`;
		if (stored === undefined)
			// The size is not known; the source's end is the blob's.
			await writeVerified(path, untilFailure(source.blob({ mediaType: "", digest, size: 0 })), digest, (bytes) =>
				tell("downloading", bytes),
			);
		const file = Bun.file(path);
		const mediaType = layerType("docker", sniffCompression(await file.slice(0, 4).bytes()));
		const diffID = await readDiffID(untilFailure(file.stream()));
		tell("done", file.size);
		taken.set(digest, { path, own: stored === undefined, size: file.size, mediaType, diffID });
	});
	return taken;
}

async function writeVerified(
	path: string,
	source: AsyncIterable<Uint8Array>,
	digest: Digest,
	onBytes: (bytes: number) => void,
): Promise<void> {
	const file = await open(path, "wx", 0o600);
	let size = 0;
	try {
		for await (const chunk of verifyStream(source, { digest }, `blob "${digest}"`)) {
			size += chunk.length;
			if (size > defaultLimits.maxBytes)
				throw new CortenError("invalid-spec", `cannot read blob "${digest}": it is larger than ${defaultLimits.maxBytes} bytes`);
			for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
			onBytes(size);
		}
	} finally {
		await file.close();
	}
}

// A blob that went bad on disk counts as missing, as for every pull.
async function findStored(root: string, digest: Digest): Promise<string | undefined> {
	const path = blobPath(root, digest);
	if (!exists(path)) return undefined;
	try {
		for await (const _chunk of verifyStream(Bun.file(path).stream(), { digest }, `blob "${digest}"`));
		return path;
	} catch (error) {
		if (isError(error, "integrity")) return undefined;
		throw error;
	}
}
