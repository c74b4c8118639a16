// The layers of an image: one for each image of the rendering, in its order, so that overlayfs does what the specification asks (a later
// file replaces whatever is there, a folder over a folder keeps what is in it, a folder over a link replaces the link). What a whitelist
// removes is not written at all. Images that are shared as dependencies and not filtered give the same layer everywhere.
// @see appc spec aci.md#dependency-matching

import { CortenError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image.ts";
import { formatBytes } from "../layer/bytes.ts";
import { defaultLimits } from "../layer/layer.ts";
import type { TarEntry } from "../layer/tar-entry.ts";
import { encodeTarHeader, tarEnd } from "../layer/tar-write.ts";
import type { Aci, AciFile } from "./archive.ts";
import type { Visit } from "./dependencies.ts";
import { openRead, openWrite, readAt } from "./members.ts";
import { dataOf, type Made, type Recipe, retarred, writeRecipe } from "./recipe.ts";
import { retarHeaders, type Stem } from "./retar.ts";

/** One layer, uncompressed: its diffID is its digest. */
export type RenderedLayer = {
	readonly file: string;
	readonly digest: Digest;
	readonly size: number;
	/** Of the image it was made of. */
	readonly imageID: string;
	readonly name: string;
};

/** What rendering gives. */
export type Rendered = {
	readonly layers: readonly RenderedLayer[];
	/** How the image's own archive is made of the last layer; undefined when it cannot be. */
	readonly recipe: Recipe | undefined;
	/** What lies at a path of the rendered tree. */
	readonly find: (path: string) => TarEntry | undefined;
};

/** All layers of an image together: as much as one may have. */
const maxRenderedBytes = defaultLimits.maxBytes;

/** What the names of most members begin with. */
function stemOf({ files }: Aci): Stem {
	const dotted = files.filter(({ entry }) => entry.name.startsWith("./rootfs/")).length;
	return { from: dotted * 2 > files.length ? "./rootfs/" : "rootfs/", to: "" };
}

function isKept({ path, entry }: AciFile, { inherited, own }: Visit): boolean {
	if (path === "") return true;
	return inherited.every((list) => list.has(path)) && (own === undefined || entry.kind === "directory" || own.has(path));
}

/** Global headers stay in force for what follows them: their meaning must not depend on what is left out before. */
function checkGlobals(group: Uint8Array, entry: TarEntry): void {
	for (let at = 0; at + 512 <= group.length; at += 512) {
		if (group[at + 156] !== 0x67 || Buffer.from(group.subarray(at + 257, at + 262)).toString("latin1") !== "ustar") continue;
		throw new CortenError("unsupported", `cannot filter an image archive with a global pax header (before ${formatBytes(entry.name)})`);
	}
}

/**
 * Writes the layers.
 * @param visits from visitAll; the last is the image
 * @param folder where the layers go, as numbered files
 * @throws `unsupported` for a name that no layer can hold; `system`
 */
export function renderLayers(visits: readonly Visit[], folder: string): Rendered {
	const layers: RenderedLayer[] = [];
	const tree = new Map<string, TarEntry>();
	const written = new Map<string, RenderedLayer>();
	const ways = new Map<ReadonlySet<string>, number>();
	/** The same image under the same whitelists. */
	const keyOf = ({ aci, inherited }: Visit) => {
		for (const list of inherited) if (!ways.has(list)) ways.set(list, ways.size);
		return `${aci.imageID} ${inherited.map((list) => ways.get(list)).join(",")}`;
	};
	let recipe: Recipe | undefined;
	let bytes = 0;
	for (const [index, visit] of visits.entries()) {
		const last = index === visits.length - 1;
		const kept = new Set(visit.aci.files.filter((file) => isKept(file, visit)));
		const missing = missingParents(kept, tree);
		// A dependency that is reached twice in the same way is one layer, twice.
		const shareable = !last && missing.size === 0;
		const known = shareable ? written.get(keyOf(visit)) : undefined;
		if (known !== undefined) layers.push(known);
		else if (kept.size > 0 || last) {
			const { layer, made, added } = writeLayer(visit.aci, kept, missing, `${folder}/layer-${index}`);
			layers.push(layer);
			// One large image that is reached by hundreds of ways, each with a whitelist of its own, is written as often.
			bytes += layer.size;
			if (bytes > maxRenderedBytes)
				throw new CortenError("invalid-spec", `cannot render "${visit.aci.name}": its layers are larger than ${maxRenderedBytes} bytes`);
			if (shareable) written.set(keyOf(visit), layer);
			if (last) recipe = writeRecipe(visit.aci.tar, made, added, stemOf(visit.aci));
		}
		overlay(tree, kept);
	}
	return {
		layers,
		recipe,
		find: (path) =>
			tree.get(
				Buffer.from(
					path
						.split("/")
						.filter((part) => part !== "")
						.join("/"),
					"utf8",
				).toString("latin1"),
			),
	};
}

/** Folders that an image does not have itself but that hold what it has: their owner and mode are those of the images below. */
function missingParents(kept: ReadonlySet<AciFile>, tree: ReadonlyMap<string, TarEntry>): ReadonlyMap<string, TarEntry> {
	const own = new Set([...kept].map(({ path }) => path));
	const missing = new Map<string, TarEntry>();
	for (const { path } of kept) {
		for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
			const parent = path.slice(0, slash);
			const below = tree.get(parent);
			if (!own.has(parent) && below?.kind === "directory") missing.set(parent, below);
		}
	}
	return missing;
}

/** Lays an image over the tree of those before it. */
function overlay(tree: Map<string, TarEntry>, kept: ReadonlySet<AciFile>): void {
	const solid = new Set(
		[...kept].filter(({ entry, path }) => entry.kind !== "directory" && tree.get(path)?.kind === "directory").map(({ path }) => path),
	);
	if (solid.size > 0) {
		for (const path of [...tree.keys()]) {
			for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1))
				if (solid.has(path.slice(0, slash))) tree.delete(path);
		}
	}
	for (const { path, entry } of kept) tree.set(path, entry);
}

function writeLayer(
	aci: Aci,
	kept: ReadonlySet<AciFile>,
	missing: ReadonlyMap<string, TarEntry>,
	file: string,
): { readonly layer: RenderedLayer; readonly made: readonly Made[]; readonly added: readonly number[] } {
	const stem = stemOf(aci);
	const made: Made[] = aci.tar.members.map((_, index) => ({ kind: index === aci.manifestIndex ? "manifest" : "left" }));
	const byPath = new Map(aci.files.map((member) => [member.path, member]));
	/** Of a hard link whose target a whitelist has removed: the name that has the content in its place. */
	const moved = new Map<AciFile, string>();
	const added: number[] = [];
	using source = openRead(aci.tar.file);
	using out = openWrite(file);
	const { write } = out;
	let count = 0;
	for (const [path, entry] of [...missing].sort(([a], [b]) => (a < b ? -1 : 1))) {
		write(encodeTarHeader({ ...entry, name: `${path}/` }));
		added.push(count++);
	}
	for (const member of aci.files) {
		const group = readAt(source, member.start, member.data);
		if (kept.size < aci.files.length) checkGlobals(group, member.entry);
		if (!kept.has(member)) continue;
		count++;
		const content = contentOf(member, byPath);
		if (member.entry.kind === "link" && !kept.has(content)) {
			const first = moved.get(content);
			if (first === undefined) {
				// The content comes along, under this name.
				const { data, end } = content;
				if (content.entry.extents !== undefined)
					throw new CortenError("unsupported", `cannot filter ${formatBytes(member.entry.name)}: it is a link to a sparse file`);
				write(encodeTarHeader({ ...content.entry, name: member.path }));
				for (const bytes of dataOf(source, { data, end })) write(bytes);
				moved.set(content, member.path);
			} else write(encodeTarHeader({ ...member.entry, name: member.path, target: first }));
			added.push(count - 1);
			continue;
		}
		const headers = retarHeaders(group, stem);
		const own = headers === undefined ? encodeOwn(member) : undefined;
		write(headers ?? own ?? group);
		for (const bytes of dataOf(source, member)) write(bytes);
		made[member.index] = own === undefined ? retarred : { kind: "kept", headers: own };
	}
	write(tarEnd);
	return { layer: { file, ...out.finish(), imageID: aci.imageID, name: aci.manifest.name }, made, added };
}

/** The member that has the content of a chain of hard links. */
function contentOf(member: AciFile, byPath: ReadonlyMap<string, AciFile>): AciFile {
	let at = member;
	while (at.entry.kind === "link") {
		const next = byPath.get(at.target);
		if (next === undefined || next.index >= at.index) throw new CortenError("bug", "a hard link leads nowhere");
		at = next;
	}
	return at;
}

/** Headers of corten's own, where the archive's do not take the name that a layer needs. */
function encodeOwn(member: AciFile): Uint8Array {
	const { entry, path } = member;
	if (entry.extents !== undefined)
		throw new CortenError("unsupported", `cannot convert ${formatBytes(entry.name)}: it is sparse, and its name has a form of its own`);
	const name = path === "" ? "./" : entry.kind === "directory" ? `${path}/` : path;
	return encodeTarHeader({ ...entry, name, target: entry.kind === "link" ? member.target : entry.target });
}
