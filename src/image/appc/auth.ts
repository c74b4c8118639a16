// Passwords and tokens for hosts of images, as rkt's auth.d keeps them: JSON files, those of /etc before those of /usr/lib. What is found for a
// host is sent to it alone, and over TLS alone.
// @see rkt's Documentation/configuration.md, "rktKind: auth"

import { CortenError } from "../../base/errors.ts";
import { listFolder, readText } from "../../linux/file.ts";
import { decodeJson, list, object, optional, string } from "../../spec/decode.ts";

/** Where they lie; the first folder that names a host decides. */
export const authFolders: readonly string[] = ["/etc/corten/auth.d", "/usr/lib/corten/auth.d"];

const kindDocument = object({ rktKind: string, rktVersion: string });
const authDocument = object({
	domains: list(string, 1000),
	type: string,
	credentials: object({ user: optional(string), password: optional(string), token: optional(string) }),
});

/**
 * The Authorization header for a host.
 * @param host with its port if that is not 443, as in the URL
 * @throws `invalid-spec` for a broken file and for a host that two files of a folder name; `unsupported` for type aws
 */
export function findAuthorization(host: string, folders: readonly string[] = authFolders): string | undefined {
	for (const folder of folders) {
		const found = new Map<string, string>();
		for (const name of listFolder(folder).sort()) {
			if (!name.endsWith(".json")) continue;
			const path = `${folder}/${name}`;
			const text = readText(path, 1 << 20);
			const { rktKind, rktVersion } = decodeJson(kindDocument, text, `"${path}"`);
			if (rktKind !== "auth") continue; // dockerAuth: registries have their own files
			if (rktVersion !== "v1") throw new CortenError("unsupported", `cannot read "${path}": rktVersion is ${JSON.stringify(rktVersion)}`);
			const auth = decodeJson(authDocument, text, `"${path}"`);
			if (!auth.domains.some((domain) => domain.toLowerCase() === host)) continue;
			found.set(path, headerOf(auth.type, auth.credentials, path));
		}
		const [first, second] = [...found];
		if (second !== undefined)
			throw new CortenError("invalid-spec", `cannot choose credentials for "${host}": both "${first?.[0]}" and "${second[0]}" name it`);
		if (first !== undefined) return first[1];
	}
	return undefined;
}

type Credentials = { readonly user?: string; readonly password?: string; readonly token?: string };

function headerOf(type: string, credentials: Credentials, path: string): string {
	const { user, password, token } = credentials;
	if (type === "basic" && user !== undefined && user !== "" && !user.includes(":") && password !== undefined && password !== "")
		return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
	if (type === "oauth" && token !== undefined && /^[\x21-\x7e]+$/.test(token)) return `Bearer ${token}`;
	if (type === "aws") throw new CortenError("unsupported", `cannot use "${path}": signing for AWS is not done`);
	const wanted = type === "basic" ? "user and password" : type === "oauth" ? "a token" : "type basic or oauth";
	throw new CortenError("invalid-spec", `cannot use "${path}": expected ${wanted}`);
}
