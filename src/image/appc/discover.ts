// Meta discovery: from an image's name to the URLs of its file, its signature and the keys of who makes it, by tags in a web page at the name.
// @see appc spec discovery.md#meta-discovery; docs/decisions/0027

import { CortenError, isError, joinCauses } from "../../base/errors.ts";
import { readReply } from "../sources/http.ts";
import { type AppString, formatAppString, hostOf } from "./app-string.ts";
import { type AcMeta, readAcMeta } from "./meta.ts";
import { ask, usableUrl, type Web } from "./web.ts";

const maxPageBytes = 1 << 20;

/** Where an image can be had. */
export type Endpoint = { readonly image: URL; readonly signature: URL };

/** A page with its tags that suit. */
type Found<T> = { readonly page: string; readonly values: readonly T[] };

/** Whether a tag's prefix is the name or one of the folders it lies in. Whole elements: `example.com/foo` is none of `example.com/foobar`. */
export function prefixSuits(prefix: string, name: string): boolean {
	const clean = prefix.replace(/\/+$/, "");
	return clean !== "" && (name === clean || name.startsWith(`${clean}/`));
}

/**
 * Fills a template: `{name}`, each label, `{ext}`. Values of labels are escaped, but for what versions are made of, so that none becomes another
 * host or a query.
 * @returns undefined when something stays unfilled
 */
export function fillTemplate(template: string, name: string, labels: ReadonlyMap<string, string>, ext: string): string | undefined {
	let whole = true;
	const filled = template.replace(/\{([^{}]*)\}/g, (_, word: string) => {
		if (word === "name") return name;
		if (word === "ext") return ext;
		const value = labels.get(word);
		whole &&= value !== undefined;
		return value?.replace(/[^A-Za-z0-9._~+-]/gu, (character) => encodeURIComponent(character)) ?? "";
	});
	return whole && !/[{}]/.test(filled) ? filled : undefined;
}

/**
 * Finds where an image can be had.
 * @param app with all labels that templates may ask for: version, os, arch
 * @returns what the first page with a usable tag offers, in its order; at least one
 * @throws `not-found` when no page of the name or above has a usable tag; the message says what each had
 */
export async function discoverEndpoints(app: AppString, web: Web): Promise<readonly Endpoint[]> {
	const { values } = await walkUp(app, web, web.insecure.has("http"), "ac-discovery", ({ template }, plainHttp) => {
		const image = fillTemplate(template, app.name, app.labels, "aci");
		const signature = fillTemplate(template, app.name, app.labels, "aci.asc");
		if (image === undefined || signature === undefined) return "a label it asks for is not given";
		const at = usableUrl(image, plainHttp);
		const signed = usableUrl(signature, plainHttp);
		if (typeof at === "string") return at;
		return typeof signed === "string" ? signed : { image: at, signature: signed };
	});
	return values;
}

/** Finds the files of keys for a name: literal URLs. @param plainHttp whether pages and keys may be plain http @throws as {@link discoverEndpoints} */
export async function discoverKeys(name: string, web: Web, plainHttp: boolean): Promise<readonly URL[]> {
	const { values } = await walkUp({ name, labels: new Map() }, web, plainHttp, "ac-discovery-pubkeys", ({ template }) =>
		usableUrl(template, plainHttp),
	);
	return values;
}

/** From the name upwards, one element less each time, until a page has a tag that can be used. */
async function walkUp<T>(
	app: AppString,
	web: Web,
	plainHttp: boolean,
	kind: string,
	take: (meta: AcMeta, plainHttp: boolean) => T | string,
): Promise<Found<T>> {
	const said: string[] = [];
	for (let level = app.name; level !== ""; level = level.slice(0, Math.max(level.lastIndexOf("/"), 0))) {
		const html = await readPage(level, web, plainHttp, said);
		if (html === "unreachable") break; // all levels are on this host
		if (html === undefined) continue;
		const metas = readAcMeta(html.text).filter((meta) => meta.name === kind && prefixSuits(meta.prefix, app.name));
		const values: T[] = [];
		for (const meta of metas) {
			const value = take(meta, plainHttp);
			if (typeof value === "string") said.push(`${html.page}: ${JSON.stringify(meta.template.slice(0, 200))} is not used: ${value}`);
			else values.push(value);
		}
		if (values.length > 0) return { page: html.page, values };
		if (metas.length === 0) said.push(`${html.page}: no ${kind} tag for this name`);
	}
	throw new CortenError("not-found", `cannot discover "${formatAppString(app)}": ${said.join("; ") || "it has no host"}`);
}

async function readPage(
	level: string,
	web: Web,
	plainHttp: boolean,
	said: string[],
): Promise<{ readonly page: string; readonly text: string } | "unreachable" | undefined> {
	let reached = false;
	for (const scheme of plainHttp ? ["https", "http"] : ["https"]) {
		const host = hostOf(level);
		const authority = web.port === undefined ? host : `${host}:${web.port}`;
		const page = `${scheme}://${authority}${level.slice(host.length)}`;
		try {
			const reply = await ask(web, new URL(`${page}?ac-discovery=1`), plainHttp);
			reached = true;
			if (reply.status === 200) return { page, text: new TextDecoder().decode(await readReply(reply, maxPageBytes, `"${page}"`)) };
			await reply.discard();
			said.push(`${page}: status ${reply.status}`);
		} catch (error) {
			if (!isError(error)) throw error;
			// A redirect that is not followed, or a page that is too large: the level above may do better. No connection: it will not.
			reached ||= error.code !== "unavailable";
			said.push(`${page}: ${joinCauses(error)}`);
		}
	}
	return reached ? undefined : "unreachable";
}
