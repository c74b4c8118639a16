// Keeps credentials, and forgets them: in the file podman and skopeo use, or in the credential helper that file names. What the file has
// beside is left as it is.
// @see containers-auth.json(5)

import { CortenError } from "../../base/errors.ts";
import { makeFolders, readTextIfPresent, replaceFile } from "../../linux/file.ts";
import { type Decoder, decodeJson, failed, fallback, object, record, string } from "../../spec/decode.ts";
import { authFiles, runHelper } from "./credentials.ts";

/** A document whose members are kept, known or not. */
type Document = Readonly<Record<string, unknown>>;

const anything: Decoder<Document> = (value, at, issues) => {
	if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Document;
	issues.push({ at: at ?? "", message: "is no object" });
	return failed;
};
const helpers = object({ credHelpers: fallback(record(string), {}), credsStore: fallback(string, "") });

type Environment = Readonly<Record<string, string | undefined>>;

/** The file that is written: the first that is looked at. */
function writtenFile(environment: Environment): string {
	const [path] = authFiles(environment);
	if (path === undefined) throw new CortenError("bug", "there is no credentials file");
	return path;
}

function readDocument(path: string): Document {
	const text = readTextIfPresent(path, 1 << 20);
	return text === undefined || text.trim() === "" ? {} : decodeJson(anything, text, `credentials file "${path}"`);
}

function helperOf(document: Document, key: string, path: string): string | undefined {
	const { credHelpers, credsStore } = decodeJson(helpers, JSON.stringify(document), `credentials file "${path}"`);
	return (Object.hasOwn(credHelpers, key) ? credHelpers[key] : undefined) ?? (credsStore === "" ? undefined : credsStore);
}

function writeDocument(path: string, document: Document): void {
	makeFolders(path.slice(0, path.lastIndexOf("/")) || "/");
	replaceFile(path, `${JSON.stringify(document, undefined, "\t")}\n`);
}

/**
 * Keeps a user's name and password for a registry, or for a path of one. Atomic; the file is the user's alone.
 * @param key `quay.io`, `quay.io/team`, `docker.io`
 * @returns where they are: the file, or `helper "NAME"`
 * @throws `invalid-spec` for a file that cannot be decoded; `unavailable` when the helper fails; the disk's errors
 */
export async function keepCredentials(key: string, username: string, password: string, environment: Environment): Promise<string> {
	const path = writtenFile(environment);
	const document = readDocument(path);
	const helper = helperOf(document, key, path);
	if (helper !== undefined) {
		await runHelper(helper, "store", JSON.stringify({ ServerURL: key, Username: username, Secret: password }), environment);
		return `credential helper "${helper}"`;
	}
	const auths = (document.auths ?? {}) as Document;
	const auth = Buffer.from(`${username}:${password}`).toString("base64");
	writeDocument(path, { ...document, auths: { ...auths, [key]: { auth } } });
	return `"${path}"`;
}

/**
 * Forgets the credentials of a registry in every file that is looked at, or all of them.
 * @param key undefined: of every registry
 * @returns the registries that had any
 */
export async function forgetCredentials(key: string | undefined, environment: Environment): Promise<readonly string[]> {
	const forgotten = new Set<string>();
	for (const path of authFiles(environment)) {
		const document = readDocument(path);
		const helper = key === undefined ? undefined : helperOf(document, key, path);
		if (helper !== undefined && key !== undefined) {
			await runHelper(helper, "erase", key, environment);
			forgotten.add(key);
			continue;
		}
		const auths = (document.auths ?? {}) as Document;
		const kept = Object.entries(auths).filter(([name]) => key !== undefined && !isSame(name, key));
		if (kept.length === Object.keys(auths).length) continue;
		for (const name of Object.keys(auths)) if (!kept.some(([own]) => own === name)) forgotten.add(name);
		writeDocument(path, { ...document, auths: Object.fromEntries(kept) });
	}
	return [...forgotten];
}

function isSame(name: string, key: string): boolean {
	const bare = name
		.replace(/^https?:\/\//, "")
		.replace(/\/+$/, "")
		.replace(/\/v[12]$/, "");
	return bare === key || (key === "docker.io" && /^(?:index|registry-1)\.docker\.io$/.test(bare));
}
