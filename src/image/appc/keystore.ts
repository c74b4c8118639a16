// Which keys may sign which images, in folders as rkt's: root.d/FINGERPRINT may sign all, prefix.d/NAME/FINGERPRINT the images of that name and
// those below it, by whole path elements: a key for example.com/app is none for example.com/apple. The administrator's folder goes before the
// distribution's: a file there that is empty hides the one of that name here.

import { CortenError, isError } from "../../base/errors.ts";
import { listFolder, makeFolders, readFile, replaceFile, unlink } from "../../linux/file.ts";
import { isAppcIdentifier } from "../../spec/appc.ts";
import { armourKey, type OpenPgpKey, readKeys } from "../openpgp.ts";

/** The folders of a keystore. */
export type Keystore = {
	/** The administrator's; the one that is written. */
	readonly local: string;
	/** The distribution's. */
	readonly system: string;
};

/** Where the keys are. */
export const defaultKeystore: Keystore = { local: "/etc/corten/trustedkeys", system: "/usr/lib/corten/trustedkeys" };

/** What a key is trusted for: a name and what lies below it, or everything. */
export type Scope = { readonly prefix: string } | "root";

/** A key in the keystore. */
export type TrustedKey = { readonly scope: Scope; readonly path: string; readonly key: OpenPgpKey };

const fingerprintGrammar = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

function scopeFolder(scope: Scope): string {
	if (scope === "root") return "root.d";
	if (!isAppcIdentifier(scope.prefix))
		throw new CortenError("invalid-argument", `cannot trust keys for "${scope.prefix}": it is no name of images`, {
			hint: "a name is like example.com/app, without a scheme or version",
		});
	return `prefix.d/${scope.prefix}`;
}

/** `all images`, `example.com/app` */
export function formatScope(scope: Scope): string {
	return scope === "root" ? "all images" : scope.prefix;
}

/** Files of one scope: the local ones, and those of the system that they do not hide. Empty local ones are left out. */
async function readScope(keystore: Keystore, scope: Scope): Promise<readonly TrustedKey[]> {
	const folder = scopeFolder(scope);
	const found = new Map<string, TrustedKey>();
	const hidden = new Set<string>();
	for (const top of [keystore.local, keystore.system]) {
		for (const name of listKeyFiles(`${top}/${folder}`)) {
			if (hidden.has(name)) continue;
			hidden.add(name);
			const path = `${top}/${folder}/${name}`;
			const bytes = readFile(path, 1 << 20);
			if (bytes.length === 0) continue;
			const keys = await readKeys(bytes, `key "${path}"`);
			const [key] = keys;
			// A name that is not the content's would hide, and show in listings, another key than the one that counts.
			if (key === undefined || keys.length > 1 || key.fingerprint !== name)
				throw new CortenError(
					"invalid-spec",
					`cannot use key "${path}": its fingerprint is ${keys.map((one) => one.fingerprint).join(", ")}`,
				);
			found.set(name, { scope, path, key });
		}
	}
	return [...found.values()];
}

function listKeyFiles(folder: string): readonly string[] {
	try {
		return listFolder(folder)
			.filter((name) => fingerprintGrammar.test(name))
			.sort();
	} catch (error) {
		if (isError(error) && error.errno === 20) return []; // ENOTDIR: a key file where a folder of the name would be
		throw error;
	}
}

/**
 * The keys that may sign images of a name: for everything, for the name, and for what it lies below.
 * @throws `invalid-spec` for a file that is no key, or not that of its name
 */
export async function trustedKeys(keystore: Keystore, name: string): Promise<readonly OpenPgpKey[]> {
	const elements = name.split("/");
	const scopes: Scope[] = ["root", ...elements.map((_, at) => ({ prefix: elements.slice(0, at + 1).join("/") }))];
	const keys: OpenPgpKey[] = [];
	for (const scope of scopes) for (const { key } of await readScope(keystore, scope)) keys.push(key);
	return keys;
}

/** All keys, by scope. @throws as {@link trustedKeys} */
export async function listTrusted(keystore: Keystore): Promise<readonly TrustedKey[]> {
	const prefixes = new Set<string>();
	const walk = (folder: string, prefix: string, depth: number) => {
		if (depth > 64) return;
		for (const name of listFolders(folder)) {
			const next = prefix === "" ? name : `${prefix}/${name}`;
			if (fingerprintGrammar.test(name) || !isAppcIdentifier(next)) continue;
			prefixes.add(next);
			walk(`${folder}/${name}`, next, depth + 1);
		}
	};
	for (const top of [keystore.local, keystore.system]) walk(`${top}/prefix.d`, "", 0);
	const scopes: Scope[] = ["root", ...[...prefixes].sort().map((prefix) => ({ prefix }))];
	const found: TrustedKey[] = [];
	for (const scope of scopes) found.push(...(await readScope(keystore, scope)));
	return found;
}

function listFolders(folder: string): readonly string[] {
	try {
		return listFolder(folder);
	} catch (error) {
		if (isError(error) && error.errno === 20) return [];
		throw error;
	}
}

/** Adds a key. Durable; adding it again changes nothing. @returns its file @throws `permission-denied` and its kin */
export function storeTrusted(keystore: Keystore, scope: Scope, key: OpenPgpKey): string {
	const folder = `${keystore.local}/${scopeFolder(scope)}`;
	makeFolders(folder, 0o755);
	const path = `${folder}/${key.fingerprint}`;
	replaceFile(path, armourKey(key), 0o644);
	return path;
}

/**
 * Takes a key away: the local file goes; where the system has it too, an empty local one hides that.
 * @returns false when it was not trusted for this
 */
export async function removeTrusted(keystore: Keystore, scope: Scope, fingerprint: string): Promise<boolean> {
	const trusted = (await readScope(keystore, scope)).some(({ key }) => key.fingerprint === fingerprint);
	if (!trusted) return false;
	const folder = scopeFolder(scope);
	const path = `${keystore.local}/${folder}/${fingerprint}`;
	if (listKeyFiles(`${keystore.system}/${folder}`).includes(fingerprint)) {
		makeFolders(`${keystore.local}/${folder}`, 0o755);
		replaceFile(path, "", 0o644);
	} else unlink(path);
	return true;
}
