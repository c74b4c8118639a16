// Images of appc's by name: found by discovery, verified, and read as ACIs with the dependencies they name, which are found and verified the
// same way. Also the check of an ACI on this machine before it may run.
// @see appc spec discovery.md; docs/decisions/0027

import { mkdtempSync, rmSync } from "node:fs";
import type { AppcPair } from "../../spec/appc.ts";
import type { Platform } from "../../spec/image.ts";
import { folderResolver, type ResolveDependency } from "../aci/dependencies.ts";
import { type AppString, formatAppString, parseAppString } from "../appc/app-string.ts";
import { checkAsked, fetchAci, verifyBeside } from "../appc/fetch.ts";
import { type Web, type WebOptions, webOf } from "../appc/web.ts";
import { hostPlatform } from "../platform.ts";
import type { PullProgress } from "../pull-layers.ts";
import { formatReference, parseReference } from "../reference.ts";
import { aciSource } from "./aci.ts";
import type { ImageSource } from "./source.ts";

/** How images of appc's are opened. */
export type AppcSourceOptions = {
	/** In the store: files and layers go below it, and are gone at disposal. */
	readonly temporaryFolder: string;
	readonly appc?: WebOptions;
	/** Of labels that are not asked for; this machine's if not given. */
	readonly platform?: Platform;
	readonly onProgress?: (progress: PullProgress) => void;
};

/** A folder for downloads, which is gone when `open` fails or the source is disposed. */
async function inFolder(temporaryFolder: string, open: (folder: string) => Promise<ImageSource>): Promise<ImageSource> {
	const folder = mkdtempSync(`${temporaryFolder}/appc-`);
	const dispose = () => rmSync(folder, { recursive: true, force: true });
	try {
		const source = await open(folder);
		return {
			...source,
			[Symbol.asyncDispose]: async () => {
				await source[Symbol.asyncDispose]();
				dispose();
			},
		};
	} catch (error) {
		dispose();
		throw error;
	}
}

/** Fetches each name once; dependencies of a verified image are verified themselves. */
function fetcher(web: Web, folder: string, options: AppcSourceOptions) {
	const platform = options.platform ?? hostPlatform();
	const fetched = new Map<string, Promise<string>>();
	return (app: AppString): Promise<string> => {
		const text = formatAppString(app);
		const before = fetched.get(text);
		if (before !== undefined) return before;
		const path = `${folder}/${fetched.size}.aci`;
		const progress = (state: PullProgress["state"], bytes: number, size: number) =>
			options.onProgress?.({ digest: `sha512:${text}`, state, bytes, size: Math.max(size, bytes) });
		let bytes = 0;
		const result = fetchAci(app, platform, path, web, (now, size) => {
			bytes = now;
			progress("downloading", now, size);
		}).then(() => {
			progress("done", bytes, bytes);
			return path;
		});
		fetched.set(text, result);
		return result;
	};
}

function appOf(name: string, labels: readonly AppcPair[]): AppString {
	return { name, labels: new Map(labels.map((label) => [label.name, label.value])) };
}

/**
 * Opens an image by its name.
 * @param text `NAME[:VERSION][,label=value]...`
 * @throws `invalid-argument`; `not-found` when nothing is discovered; `integrity` for what is not signed, or signed by nobody trusted, or not what
 * was asked for; `permission-denied`, `unavailable`; what {@link aciSource} throws
 */
export async function appcSource(text: string, options: AppcSourceOptions): Promise<ImageSource> {
	const app = parseAppString(text);
	const web = webOf(options.appc);
	return await inFolder(options.temporaryFolder, async (folder) => {
		const fetch = fetcher(web, folder, options);
		const source = await aciSource(await fetch(app), {
			temporaryFolder: folder,
			resolveDependency: (name, labels) => fetch(appOf(name, labels)),
			check: async (manifest) => checkAsked(app, manifest),
		});
		const names = [...new Set([...askedNames(app), ...source.names()])];
		return { ...source, names: () => names };
	});
}

/** The name in the store by which the same words find it again. None where those would be read as another's. */
function askedNames({ name, labels }: AppString): readonly string[] {
	const full = `${name}:${(labels.get("version") ?? "latest").replaceAll("+", "_")}`;
	try {
		return formatReference(parseReference(full)) === full ? [full] : [];
	} catch {
		return [];
	}
}

/**
 * Opens an ACI on this machine that is about to be used, as rkt did: it must be signed (FILE.asc), unless signatures are not asked for. So must its
 * dependencies, which lie beside it: what is on this machine asks no network.
 * @throws as {@link appcSource}
 */
export async function signedAciSource(path: string, options: AppcSourceOptions): Promise<ImageSource> {
	const web = webOf(options.appc);
	return await inFolder(options.temporaryFolder, async (folder) => {
		const slash = path.lastIndexOf("/");
		const beside = folderResolver(slash < 0 ? "." : path.slice(0, slash) || "/", folder);
		const verify = async (file: string, name: string) => {
			if (!web.insecure.has("image")) await verifyBeside(file, name, web);
		};
		const resolveDependency: ResolveDependency = async (name, labels, imageID) => {
			const file = await beside(name, labels, imageID);
			if (file !== undefined) await verify(file, name);
			return file;
		};
		return await aciSource(path, { temporaryFolder: folder, resolveDependency, check: ({ name }) => verify(path, name) });
	});
}
