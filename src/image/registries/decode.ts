// One registries.conf in version 2 of its format, from TOML to rules. What a file leaves out stays undefined, so that files can be merged.
// @see containers-registries.conf(5)

import { CortenError } from "../../base/errors.ts";
import { boolean, decode, fallback, list, object, oneOf, optional, quote, record, string } from "../../spec/decode.ts";
import { isShortName, parseReference } from "../reference.ts";

/** For which references a mirror is asked. */
export type PullFromMirror = "all" | "digest-only" | "tag-only";

/** Another place for what a rule matches. */
export type Mirror = { readonly location: string; readonly insecure: boolean; readonly use: PullFromMirror };

/** A `[[registry]]` table. */
export type Rule = {
	/** `host[:port][/path...]`, or `*.domain`. */
	readonly prefix: string;
	/** What takes the prefix's place; "" with a wildcard: nothing does. */
	readonly location: string;
	readonly insecure: boolean;
	readonly blocked: boolean;
	readonly mirrors: readonly Mirror[];
	/** The file. */
	readonly origin: string;
};

/** How a short name that several registries may mean is resolved. */
export type ShortNameMode = "enforcing" | "permissive" | "disabled";

/** What one file says, or several together. */
export type RegistriesConfig = {
	/** By prefix. */
	readonly rules: ReadonlyMap<string, Rule>;
	/** By short name; the value is a full name without tag, "" for an alias that was taken away. */
	readonly aliases: ReadonlyMap<string, string>;
	readonly search?: { readonly registries: readonly string[]; readonly origin: string };
	readonly shortNameMode?: ShortNameMode;
	readonly credentialHelpers?: readonly string[];
};

const endpoint = { location: fallback(string, ""), insecure: fallback(boolean, false) };
const modes = ["all", "digest-only", "tag-only"] as const;
const document = object({
	registry: fallback(
		list(
			object({
				...endpoint,
				prefix: fallback(string, ""),
				blocked: fallback(boolean, false),
				"mirror-by-digest-only": fallback(boolean, false),
				"pull-from-mirror": optional(string),
				mirror: fallback(list(object({ ...endpoint, "pull-from-mirror": fallback(oneOf(["", ...modes]), "") })), []),
			}),
		),
		[],
	),
	"unqualified-search-registries": optional(list(string, 256)),
	"credential-helpers": optional(list(string, 256)),
	"short-name-mode": fallback(oneOf(["", "enforcing", "permissive", "disabled"]), ""),
	aliases: fallback(record(string), {}),
	/** Version 1: `[registries.search]` and its kin. */
	registries: optional(object({ search: optional(object({})), insecure: optional(object({})), block: optional(object({})) })),
});

/**
 * Decodes a file. Unknown keys are ignored, as containers/image does.
 * @param path for messages, and to name where a rule is from
 * @throws `invalid-spec` for what is no TOML or breaks a rule of the format; `unsupported` for version 1
 */
export function decodeRegistries(text: string, path: string): RegistriesConfig {
	const what = `registries configuration "${path}"`;
	const refuse = (why: string) => new CortenError("invalid-spec", `cannot use ${what}: ${why}`);
	let parsed: unknown;
	try {
		parsed = Bun.TOML.parse(text);
	} catch (error) {
		throw refuse(error instanceof Error ? error.message.replace(/^TOML Parse error: /, "it is no TOML: ") : "it is no TOML");
	}
	const file = decode(document, parsed, what);
	if (file.registries !== undefined && Object.keys(file.registries).length > 0) {
		throw new CortenError("unsupported", `cannot use ${what}: it is in version 1 of the format`, {
			hint: "[registries.search] is unqualified-search-registries = [...] in version 2, insecure and block are keys of a [[registry]]",
		});
	}
	const rules = new Map<string, Rule>();
	const all = file.registry.map((entry) => ruleOf(entry, path, refuse));
	for (const rule of all) {
		const twin = all.find((other) => (other.location || other.prefix) === (rule.location || rule.prefix));
		for (const key of ["insecure", "blocked"] as const)
			if (twin !== undefined && twin[key] !== rule[key])
				throw refuse(`registry ${quote(rule.location || rule.prefix)} is there more than once, "${key}" in one and not in the other`);
		if (!rules.has(rule.prefix)) rules.set(rule.prefix, rule); // the first one wins, as everywhere this file is read
	}
	const search = file["unqualified-search-registries"]?.map((host) => searchOf(host, refuse));
	const helpers = file["credential-helpers"];
	const mode = file["short-name-mode"];
	return {
		rules,
		aliases: decodeAliases(file.aliases, refuse),
		...(search === undefined ? {} : { search: { registries: search, origin: path } }),
		...(mode === "" ? {} : { shortNameMode: mode }),
		...(helpers === undefined ? {} : { credentialHelpers: helpers }),
	};
}

type Refuse = (why: string) => CortenError;

/** The tables, each key checked by its own rules. */
type Entry = {
	readonly location: string;
	readonly prefix: string;
	readonly insecure: boolean;
	readonly blocked: boolean;
	readonly "mirror-by-digest-only": boolean;
	readonly "pull-from-mirror"?: string;
	readonly mirror: readonly { readonly location: string; readonly insecure: boolean; readonly "pull-from-mirror": PullFromMirror | "" }[];
};

function ruleOf(entry: Entry, origin: string, refuse: Refuse): Rule {
	const location = locationOf(entry.location, refuse);
	const prefix = entry.prefix === "" ? location : locationOf(entry.prefix, refuse);
	const wildcard = prefix.startsWith("*.");
	if (prefix === "") throw refuse("a [[registry]] has neither prefix nor location");
	if (location === "" && !wildcard) throw refuse(`registry ${quote(prefix)} has no location`);
	if (wildcard && /[/@:]/.test(prefix)) throw refuse(`prefix ${quote(prefix)} is not of the form *.example.com`);
	if (entry["pull-from-mirror"]) throw refuse(`registry ${quote(prefix)} has pull-from-mirror, which only mirrors have`);
	const byDigest = entry["mirror-by-digest-only"];
	const mirrors = entry.mirror.map((mirror): Mirror => {
		const place = locationOf(mirror.location, refuse);
		const use = mirror["pull-from-mirror"];
		if (place === "") throw refuse(`a mirror of ${quote(prefix)} has no location`);
		if (byDigest && use !== "")
			throw refuse(`registry ${quote(prefix)} has mirror-by-digest-only, and its mirror ${quote(place)} pull-from-mirror: only one can be`);
		return { location: place, insecure: mirror.insecure, use: byDigest ? "digest-only" : use === "" ? "all" : use };
	});
	return { prefix, location, insecure: entry.insecure, blocked: entry.blocked, mirrors, origin };
}

function locationOf(text: string, refuse: Refuse): string {
	if (/^https?:\/\//.test(text)) throw refuse(`location ${quote(text)} has a scheme, it must begin with the host`);
	return text.replace(/\/+$/, "");
}

function searchOf(text: string, refuse: Refuse): string {
	const host = locationOf(text, refuse);
	if (host.includes("/")) throw refuse(`unqualified-search-registries: ${quote(text)} is not a host`);
	try {
		parseReference(`${host}/name`);
	} catch {
		throw refuse(`unqualified-search-registries: ${quote(text)} is not a host`);
	}
	return host;
}

function decodeAliases(table: Readonly<Record<string, string>>, refuse: Refuse): ReadonlyMap<string, string> {
	const aliases = new Map<string, string>();
	for (const [name, value] of Object.entries(table)) {
		if (!isShortName(name) || !isBareName(`example.com/${name}`))
			throw refuse(`alias ${quote(name)} is not a short name without tag and digest`);
		if (value !== "" && (isShortName(value) || !isBareName(value)))
			throw refuse(`alias ${quote(name)} = ${quote(value)} is not a name with a registry and without tag and digest`);
		aliases.set(name, value);
	}
	return aliases;
}

function isBareName(text: string): boolean {
	if (text.includes("@") || text.slice(text.lastIndexOf("/")).includes(":")) return false;
	try {
		parseReference(text);
		return true;
	} catch {
		return false;
	}
}
