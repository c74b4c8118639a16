// From an image to all images it is rendered of, in the order of rendering: depth first, dependencies in list order, then the image itself.
// An image that is reached by two ways comes twice, as each way has its own whitelists.
// @see appc spec aci.md#dependency-matching, ace.md#filesystem-setup

import { rmSync } from "node:fs";
import { CortenError } from "../../base/errors.ts";
import { listFolder } from "../../linux/file.ts";
import { type AppcDependency, type AppcManifest, type AppcPair, appcValue } from "../../spec/appc.ts";
import { type Aci, matchesImageID, peekManifest, readAci } from "./archive.ts";

/** Finds the file of a dependency; undefined when there is none. Labels asked for must be there, others may be. */
export type ResolveDependency = (name: string, labels: readonly AppcPair[], imageID: string | undefined) => Promise<string | undefined>;

/** One image in its place of the rendering. */
export type Visit = {
	readonly aci: Aci;
	/** Whitelists of the images above, none of them empty: what all of them name stays. Absolute paths, without a slash at the end. */
	readonly inherited: readonly ReadonlySet<string>[];
	/** Its own, which removes what is no folder; undefined for none. */
	readonly own: ReadonlySet<string> | undefined;
};

const depthMax = 64;
/** As many layers as overlayfs takes. */
const visitsMax = 500;

/** A whitelist as paths below the root, as byte strings: `usr/bin`. */
function whitelistOf({ manifest }: Aci): ReadonlySet<string> | undefined {
	if (manifest.pathWhitelist.length === 0) return undefined;
	const clean = (path: string) =>
		path
			.split("/")
			.filter((part) => part !== "" && part !== ".")
			.join("/");
	return new Set(manifest.pathWhitelist.map((path) => clean(Buffer.from(path, "utf8").toString("latin1"))));
}

function checkDependency(aci: Aci, dependency: AppcDependency, of: Aci): void {
	const what = `dependency "${dependency.imageName}" of "${of.name}"`;
	if (dependency.imageID !== undefined && !matchesImageID(aci.imageID, dependency.imageID))
		throw new CortenError("integrity", `cannot use ${what}: "${aci.name}" is ${aci.imageID}, expected ${dependency.imageID}`);
	if (aci.manifest.name !== dependency.imageName)
		throw new CortenError("integrity", `cannot use ${what}: "${aci.name}" is named "${aci.manifest.name}"`);
	const missing = dependency.labels.find(({ name, value }) => appcValue(aci.manifest.labels, name) !== value);
	if (missing !== undefined)
		throw new CortenError("integrity", `cannot use ${what}: "${aci.name}" has no label ${missing.name}=${missing.value}`);
	// The text does not say whether as distributed or inflated; builders write either.
	if (dependency.size !== undefined && dependency.size !== aci.size && dependency.size !== aci.tar.bytes)
		throw new CortenError("integrity", `cannot use ${what}: "${aci.name}" has ${aci.size} bytes, expected ${dependency.size}`);
}

/**
 * All images an image is rendered of, lowest first; the last is the image itself.
 * @param folder where the tars of dependencies go, in numbered files
 * @throws `not-found` for a dependency nobody has; `integrity` for one that is another; `invalid-spec` for a cycle and for too many
 */
export async function visitAll(top: Aci, resolve: ResolveDependency, folder: string): Promise<readonly Visit[]> {
	const visits: Visit[] = [];
	const read = new Map<string, Aci>();
	const open = async (dependency: AppcDependency, of: Aci) => {
		const { imageName, labels, imageID } = dependency;
		const path = await resolve(imageName, labels, imageID);
		if (path === undefined) {
			const asked = labels.map(({ name, value }) => `,${name}=${value}`).join("");
			throw new CortenError("not-found", `cannot find dependency "${imageName}${asked}" of "${of.name}"`);
		}
		const aci = read.get(path) ?? (await readAci(path, `${folder}/dependency-${read.size}`));
		read.set(path, aci);
		checkDependency(aci, dependency, of);
		return aci;
	};
	const visit = async (aci: Aci, inherited: readonly ReadonlySet<string>[], above: readonly Aci[]): Promise<void> => {
		const way = [...above, aci];
		if (above.some(({ imageID }) => imageID === aci.imageID))
			throw new CortenError(
				"invalid-spec",
				`cannot render "${aci.name}": it depends on itself: ${way.map(({ manifest }) => manifest.name).join(" -> ")}`,
			);
		if (way.length > depthMax)
			throw new CortenError("invalid-spec", `cannot render "${aci.name}": its dependencies lie deeper than ${depthMax}`);
		const own = whitelistOf(aci);
		const handed = own === undefined ? inherited : [...inherited, own];
		for (const dependency of aci.manifest.dependencies) await visit(await open(dependency, aci), handed, way);
		visits.push({ aci, inherited, own });
		if (visits.length > visitsMax)
			throw new CortenError("invalid-spec", `cannot render "${top.name}": it has more than ${visitsMax} dependencies`);
	};
	await visit(top, [], []);
	return visits;
}

/** An ACI of a folder, known by its manifest. */
type Candidate = { readonly path: string; readonly manifest: AppcManifest };

/**
 * Looks for dependencies among the ACIs of a folder. Their manifests are read once, when the first dependency is asked for. Of several that
 * suit, the one of the highest version is taken, then the first by its file's name.
 * @param temporary a folder for the tars of those whose image ID must be known
 */
export function folderResolver(folder: string, temporary: string): ResolveDependency {
	let found: Promise<readonly Candidate[]> | undefined;
	let count = 0;
	const readAll = async () => {
		const candidates: Candidate[] = [];
		const names = listFolder(folder)
			.filter((name) => name.endsWith(".aci"))
			.sort();
		if (names.length > 1000)
			throw new CortenError("invalid-spec", `cannot look for dependencies in "${folder}": it has ${names.length} image archives`);
		for (const name of names) {
			const path = `${folder}/${name}`;
			try {
				candidates.push({ path, manifest: await peekManifest(path) });
			} catch {
				// Another file of the folder that is broken is not this image's matter.
			}
		}
		return candidates;
	};
	const isPinned = async ({ path }: Candidate, imageID: string) => {
		const file = `${temporary}/candidate-${count++}`;
		try {
			return matchesImageID((await readAci(path, file)).imageID, imageID);
		} finally {
			rmSync(file, { force: true });
		}
	};
	return async (name, labels, imageID) => {
		found ??= readAll();
		const version = ({ manifest }: Candidate) => appcValue(manifest.labels, "version") ?? "";
		const suitable = (await found)
			.filter(({ manifest }) => manifest.name === name && labels.every((label) => appcValue(manifest.labels, label.name) === label.value))
			.toSorted((a, b) => orderVersions(version(b), version(a)));
		// Whether the only one is the one that is pinned, whoever reads it finds out.
		if (imageID === undefined || suitable.length < 2) return suitable[0]?.path;
		for (const candidate of suitable) if (await isPinned(candidate, imageID)) return candidate.path;
		return undefined;
	};
}

function orderVersions(a: string, b: string): number {
	try {
		return Bun.semver.order(a, b);
	} catch {
		return a < b ? -1 : a > b ? 1 : 0;
	}
}
