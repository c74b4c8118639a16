// The files of an artifact, out of the store. Their titles are the words of whoever made it: none leads out of the folder they go to, and none takes
// the place of a file that is there unasked (CVE-2025-62725 was annotations that chose paths).

import { CortenError } from "../base/errors.ts";
import { exists } from "../linux/file.ts";
import { writeOutput } from "../linux/output.ts";
import { quote } from "../spec/decode.ts";
import type { Descriptor } from "../spec/image.ts";
import { type Artifact, emptyDescriptor, titleKey } from "./artifact-manifest.ts";
import { streamBlob } from "./blobs.ts";
import { digestHex, verifyStream } from "./digest.ts";
import { writeBlobFile, writeOutputFile } from "./sinks/blob-file.ts";

/** Which of the files, and whether they may replace others. */
export type ExtractOptions = { readonly title?: string; readonly digest?: string; readonly overwrite: boolean };

/**
 * Writes files of an artifact: into a folder by their titles, or digests if they have none; or one file to `target`, `-` being the standard output. Each is
 * verified, and has its name when it is whole. What was written before a failure stays.
 * @param isFolder whether `target` is one
 * @returns the paths
 * @throws `not-found` when no file is chosen; `invalid-argument` for several and no folder; `invalid-spec` for a title that is no file name;
 * `already-exists`; `integrity`, `system`
 */
export async function extractArtifact(
	root: string,
	{ layers }: Artifact,
	target: string,
	isFolder: boolean,
	options: ExtractOptions,
): Promise<readonly string[]> {
	const { title, digest, overwrite } = options;
	const files = layers.filter(({ mediaType }) => mediaType !== emptyDescriptor.mediaType);
	const chosen = files.filter(
		(file) => (title === undefined || titleOf(file) === title) && (digest === undefined || file.digest === digest),
	);
	const [one] = chosen;
	if (one === undefined)
		throw new CortenError("not-found", `cannot extract from the artifact: it has no such file among its ${files.length}`);
	if (!isFolder) {
		if (chosen.length > 1)
			throw new CortenError("invalid-argument", `cannot extract ${chosen.length} files to "${target}": it is no folder`, {
				hint: "choose one by --title or --digest, or name a folder",
			});
		if (target !== "-") await writeOutputFile(target, content(root, one));
		else for await (const chunk of content(root, one)) writeOutput(1, chunk);
		return [target];
	}
	const places = chosen.map((file) => `${target}/${fileName(file)}`);
	const taken = places.find((path, at) => places.indexOf(path) !== at || (!overwrite && exists(path)));
	if (taken !== undefined)
		throw new CortenError("already-exists", `cannot extract to "${taken}": it exists, or two files have this title`, {
			hint: "see --overwrite",
		});
	// By rename: a link in a file's place is replaced, not followed.
	for (const [at, file] of chosen.entries()) await writeBlobFile(places[at] ?? target, content(root, file));
	return places;
}

function content(root: string, file: Descriptor): AsyncIterable<Uint8Array> {
	return verifyStream(streamBlob(root, file), file, `blob "${file.digest}"`);
}

function titleOf(file: Descriptor): string | undefined {
	return file.annotations?.[titleKey];
}

function fileName(file: Descriptor): string {
	const title = titleOf(file);
	if (title === undefined) return digestHex(file.digest);
	if (title === "" || title === "." || title === ".." || /[/\0]/.test(title) || title.length > 255)
		throw new CortenError("invalid-spec", `cannot extract file ${quote(title)}: its title is no file name`, {
			hint: "name the place of this one: --digest DIGEST and a file as target",
		});
	return title;
}
