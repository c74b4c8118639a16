// Which requirements are an image's: those of the narrowest scope that it is in.
// @see containers-policy.json(5) Supported transports and their scopes

import { realpathSync } from "node:fs";
import { formatReference, type Reference } from "../reference.ts";
import type { ImageOrigin } from "../sources/source.ts";
import type { Policy, Requirement } from "./policy.ts";

/** The scopes of a name in a registry, the narrowest first: the image, its repository, what that lies in, the host, domains above it. */
export function referenceScopes(reference: Reference): readonly string[] {
	const scopes = [formatReference(reference)];
	const parts = `${reference.domain}/${reference.repository}`.split("/");
	for (let length = parts.length; length > 0; length--) scopes.push(parts.slice(0, length).join("/"));
	const labels = reference.domain.split(".");
	for (let from = 1; from < labels.length; from++) scopes.push(`*.${labels.slice(from).join(".")}`);
	return scopes;
}

function pathScopes(path: string, name: string | undefined): readonly string[] {
	let real: string;
	try {
		real = realpathSync(path);
	} catch {
		return [];
	}
	const scopes = name === undefined ? [] : [`${real}:${name}`];
	for (let rest = real; rest !== ""; rest = rest.slice(0, rest.lastIndexOf("/"))) scopes.push(rest);
	return scopes;
}

/** The requirements an image must fulfil, and the scope that says so (for messages). */
export function requirementsOf(
	policy: Policy,
	origin: ImageOrigin,
): { readonly scope: string; readonly requirements: readonly Requirement[] } {
	const { transport } = origin;
	const table = Object.hasOwn(policy.transports, transport) ? policy.transports[transport] : undefined;
	const reference = origin.reference?.();
	const scopes =
		reference !== undefined
			? referenceScopes(reference)
			: ["oci", "oci-archive", "dir"].includes(transport) && origin.path !== undefined
				? pathScopes(origin.path, origin.name)
				: [];
	for (const scope of [...scopes, ""]) {
		const requirements = table !== undefined && Object.hasOwn(table, scope) ? table[scope] : undefined;
		if (requirements !== undefined) return { scope: `${transport}:${scope}`, requirements };
	}
	return { scope: "default", requirements: policy.default };
}
