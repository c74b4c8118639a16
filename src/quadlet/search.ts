// Where quadlets are, and which: the first folder with a name wins, drop-ins are added, links make instances of templates.
// @see podman-systemd.unit(5) "podman rootful unit search path", systemd.unit(5) on drop-ins

import { isError } from "../base/errors.ts";
import { listFolder, readText } from "../linux/file.ts";
import { type Kind, splitName } from "./names.ts";
import { type Entry, parseUnitFile, type Remark } from "./unit-file.ts";

/** One quadlet with what its drop-ins add. */
export type Quadlet = {
	/** `web@.container` */
	readonly name: string;
	readonly stem: string;
	readonly kind: Kind;
	/** Absolute. */
	readonly path: string;
	readonly entries: readonly Entry[];
	readonly remarks: readonly Remark[];
};

/** For whom is searched. */
export type Search = {
	readonly user: boolean;
	readonly uid: number;
	readonly env: Readonly<Record<string, string | undefined>>;
	/** podman's own generator is there: it and corten's would write the same units, so podman's folders are left to it. */
	readonly podman: boolean;
};

/** More would be no person's doing. */
const maxBytes = 1 << 20;
const maxDepth = 8;

/** The folders, the most important first. */
export function searchPath({ user, uid, env, podman }: Search): string[] {
	const asked = env.QUADLET_UNIT_DIRS ?? "";
	if (asked !== "") return asked.split(":").filter((path) => path.startsWith("/"));
	const shared = (folders: readonly string[]): readonly string[] => (podman ? [] : folders);
	if (!user)
		return ["/etc/corten/systemd", ...shared(["/run/containers/systemd", "/etc/containers/systemd", "/usr/share/containers/systemd"])];
	const { XDG_RUNTIME_DIR: run, XDG_CONFIG_HOME: config, HOME: home } = env;
	const own = config ?? (home === undefined ? undefined : `${home}/.config`);
	return [
		...(own === undefined ? [] : [`${own}/corten/systemd`]),
		...shared([
			...(run === undefined ? [] : [`${run}/containers/systemd`]),
			...(own === undefined ? [] : [`${own}/containers/systemd`]),
			...[`/etc/containers/systemd/users/${uid}`, "/etc/containers/systemd/users"],
			...[`/usr/share/containers/systemd/users/${uid}`, "/usr/share/containers/systemd/users"],
		]),
	];
}

/** All quadlets below the folders. Never fails: what cannot be read is a remark of an empty one. */
export function findQuadlets(folders: readonly string[], user: boolean): Quadlet[] {
	const files = new Map<string, string>();
	const dropIns = new Map<string, string[]>();
	for (const folder of folders) {
		// A user's files lie below the machine's folder.
		walk(folder, 0, folder === "/etc/containers/systemd" && !user ? "users" : "", files, dropIns);
	}
	return [...files].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([name, path]) => readQuadlet(name, path, dropIns));
}

function walk(folder: string, depth: number, except: string, files: Map<string, string>, dropIns: Map<string, string[]>): void {
	let names: string[];
	try {
		names = listFolder(folder).sort();
	} catch {
		return; // absent, or no folder
	}
	for (const name of names) {
		const path = `${folder}/${name}`;
		if (splitName(name) !== undefined) {
			if (!files.has(name)) files.set(name, path);
		} else if (name.endsWith(".d")) {
			for (const part of listOrNone(path)) if (part.endsWith(".conf")) dropIns.set(name, [...(dropIns.get(name) ?? []), `${path}/${part}`]);
		} else if (depth < maxDepth && name !== except && !/\.[a-z]+$/.test(name)) walk(path, depth + 1, "", files, dropIns);
	}
}

function listOrNone(folder: string): string[] {
	try {
		return listFolder(folder).sort();
	} catch {
		return [];
	}
}

/** `foo-bar@x.container` -> the folders of its drop-ins, the most general first. */
function dropInFolders(stem: string, kind: Kind): string[] {
	const template = stem.replace(/@.*$/, "@");
	const dashes = [...template.matchAll(/-/g)].map(({ index }) => `${template.slice(0, index + 1)}.${kind}.d`);
	return [...new Set([`${kind}.d`, ...dashes, `${template}.${kind}.d`, `${stem}.${kind}.d`])];
}

function readQuadlet(name: string, path: string, dropIns: ReadonlyMap<string, readonly string[]>): Quadlet[] {
	const found = splitName(name);
	if (found === undefined) return [];
	const parts = [path, ...dropInFolders(found.stem, found.kind).flatMap((folder) => byName(dropIns.get(folder) ?? []))];
	const read = parts.map((part) => {
		try {
			return parseUnitFile(readText(part, maxBytes), part);
		} catch (error) {
			if (!isError(error)) throw error;
			return { entries: [], remarks: [{ file: part, line: 0, text: error.message }] };
		}
	});
	return [{ name, ...found, path, entries: read.flatMap(({ entries }) => entries), remarks: read.flatMap(({ remarks }) => remarks) }];
}

/** Of drop-ins of one name the first folder's counts; they are read in the order of their names. */
function byName(paths: readonly string[]): string[] {
	const names = new Map<string, string>();
	for (const path of paths) {
		const name = path.slice(path.lastIndexOf("/") + 1);
		if (!names.has(name)) names.set(name, path);
	}
	return [...names].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path);
}
