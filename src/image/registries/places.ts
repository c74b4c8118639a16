// From the name of an image to the places it is read from or written to: the rule with the longest prefix, its mirrors, its location.
// @see containers-registries.conf(5) "Choosing a [[registry]] TOML table", "Remapping and mirroring registries"

import { CortenError } from "../../base/errors.ts";
import { isShortName, parseReference, type Reference } from "../reference.ts";
import type { RegistriesConfig, Rule } from "./decode.ts";

/** Where an image is. */
export type Place = {
	/** What is asked for there; the image's name stays what it was. */
	readonly reference: Reference;
	/** Any certificate will do, and plain http. */
	readonly insecure: boolean;
	/** Why it must not be spoken to: the file that says so. */
	readonly blockedBy?: string;
};

/** `host/path[:tag][@digest]` */
function textOf({ domain, repository, tag, digest }: Reference): string {
	const name = repository === "" ? domain : `${domain}/${repository}`;
	return `${name}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** How much of the text a prefix takes; -1: it does not match. */
function matchLength(text: string, prefix: string): number {
	if (prefix.startsWith("*.")) {
		const host = /^[^/:@]*/.exec(text)?.[0] ?? "";
		return host.endsWith(prefix.slice(1)) ? host.length : -1;
	}
	if (!text.startsWith(prefix)) return -1;
	// What follows must be a new part. That "host" takes "host:5000" too is how the file has always been read.
	return text.length === prefix.length || ":/@".includes(text.charAt(prefix.length)) ? prefix.length : -1;
}

/** The rule of a name: that with the longest prefix; undefined if none matches. */
export function findRule(config: RegistriesConfig, reference: Reference): Rule | undefined {
	const text = textOf(reference);
	let found: Rule | undefined;
	for (const rule of config.rules.values())
		if (matchLength(text, rule.prefix) >= 0 && rule.prefix.length > (found?.prefix.length ?? 0)) found = rule;
	return found;
}

function rewrite(reference: Reference, rule: Rule, location: string): Reference {
	// A whole registry (a login) is itself, wherever its images are.
	if (location === "" || location === rule.prefix || reference.repository === "") return reference;
	const text = textOf(reference);
	const rewritten = `${location}${text.slice(matchLength(text, rule.prefix))}`;
	try {
		if (isShortName(rewritten)) throw new CortenError("invalid-spec", "it does not begin with a registry");
		return parseReference(rewritten);
	} catch (cause) {
		throw new CortenError("invalid-spec", `cannot use location "${location}" of "${rule.origin}" for "${text}"`, { cause });
	}
}

// A mirror or a location that is itself blocked is as blocked as if it had been asked for by its name.
function placeOf(config: RegistriesConfig, reference: Reference, insecure: boolean, blockedBy?: string): Place {
	const rule = findRule(config, reference);
	const blocked = blockedBy ?? (rule?.blocked === true ? rule.origin : undefined);
	return { reference, insecure, ...(blocked === undefined ? {} : { blockedBy: blocked }) };
}

/** Where an image is read when no mirror has it; whether its registry may be spoken to, and how. @throws `invalid-spec` for a location that makes no reference */
export function primaryPlace(config: RegistriesConfig, reference: Reference): Place {
	const rule = findRule(config, reference);
	if (rule === undefined) return { reference, insecure: false };
	return placeOf(config, rewrite(reference, rule, rule.location), rule.insecure, rule.blocked ? rule.origin : undefined);
}

/** Where an image is read, in the order in which it is tried. @throws as {@link primaryPlace} */
export function pullPlaces(config: RegistriesConfig, reference: Reference): readonly Place[] {
	const rule = findRule(config, reference);
	const refused = reference.digest === undefined ? "digest-only" : "tag-only";
	const mirrors = (rule?.mirrors ?? []).filter(({ use }) => use !== refused);
	return [
		...mirrors.map((mirror) => placeOf(config, rewrite(reference, rule as Rule, mirror.location), mirror.insecure)),
		primaryPlace(config, reference),
	];
}

/** @throws `permission-denied` when the place is blocked */
export function checkAllowed({ reference, blockedBy }: Place): void {
	if (blockedBy === undefined) return;
	throw new CortenError("permission-denied", `cannot use registry "${textOf(reference)}": it is blocked in "${blockedBy}"`);
}
