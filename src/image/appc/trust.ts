// Keys that a person is about to trust: from files, from URLs, or by discovery at the name they are for.

import { CortenError, isError } from "../../base/errors.ts";
import { readFile } from "../../linux/file.ts";
import { type OpenPgpKey, readKeys } from "../openpgp.ts";
import { discoverKeys } from "./discover.ts";
import { fetchSmall, usableUrl, type Web } from "./web.ts";

const maxKeyBytes = 1 << 20;

/** Keys with the place they came from. */
export type OfferedKeys = { readonly place: string; readonly keys: readonly OpenPgpKey[] };

/**
 * Reads keys from a file or a URL.
 * @param plainHttp whether the URL may be plain http
 * @throws `not-found`, `invalid-spec`, `invalid-argument` for a URL that is not https, `unavailable`
 */
export async function readKeysAt(place: string, web: Web, plainHttp: boolean): Promise<OfferedKeys> {
	if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(place)) return { place, keys: await readKeys(readFile(place, maxKeyBytes), `key "${place}"`) };
	const url = usableUrl(place, plainHttp);
	if (typeof url === "string")
		throw new CortenError("invalid-argument", `cannot use key "${place}": ${url}`, {
			...(/^http:/i.test(place) ? { hint: "--insecure-allow-http takes keys that anybody on the way could have replaced" } : {}),
		});
	const what = `key "${url.href}"`;
	const bytes = await fetchSmall(web, url, plainHttp, maxKeyBytes, what);
	if (bytes === undefined) throw new CortenError("not-found", `cannot read ${what}: it is not there`);
	return { place: url.href, keys: await readKeys(bytes, what) };
}

/**
 * Finds the keys that the pages of a name offer for it.
 * @throws `not-found` when there are none
 */
export async function discoverOffered(name: string, web: Web, plainHttp: boolean): Promise<readonly OfferedKeys[]> {
	const urls = await discoverKeys(name, web, plainHttp);
	const offered: OfferedKeys[] = [];
	const failures: unknown[] = [];
	for (const url of urls.slice(0, 16)) {
		try {
			offered.push(await readKeysAt(url.href, web, plainHttp));
		} catch (error) {
			if (!isError(error)) throw error;
			failures.push(error);
		}
	}
	if (offered.length === 0) throw failures[0];
	return offered;
}
