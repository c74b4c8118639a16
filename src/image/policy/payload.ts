// What a signature signs: a digest and the name it was given under. Read after the signature was verified, never before.
// @see containers-signature(5) JSON data format; sigstore's signatures have the same document with another type

import { CortenError } from "../../base/errors.ts";
import { anything, fallback, object, optional, quote, string } from "../../spec/decode.ts";
import type { Digest } from "../../spec/image.ts";
import { digest } from "../manifest.ts";
import { formatReference, parseReference, type Reference } from "../reference.ts";
import type { IdentityRule } from "./policy.ts";
import { decodeStrict, exact } from "./strict-json.ts";

/** Of simple signing, and of sigstore. */
export const payloadTypes = { simple: "atomic container signature", sigstore: "cosign container image signature" } as const;

const document = exact({
	critical: exact({
		type: string,
		image: exact({ "docker-manifest-digest": digest }),
		identity: exact({ "docker-reference": string }),
	}),
	optional: optional(object({ creator: fallback(anything, undefined), timestamp: fallback(anything, undefined) })),
});

/** What is claimed. */
export type Claim = { readonly digest: Digest; readonly reference: string };

/** Decodes a payload whose signature is good. @throws `invalid-spec` */
export function decodePayload(bytes: Uint8Array, form: keyof typeof payloadTypes, what: string): Claim {
	const { critical } = decodeStrict(document, bytes, what);
	if (critical.type !== payloadTypes[form])
		throw new CortenError("invalid-spec", `cannot decode ${what}: its type is ${quote(critical.type)}, not "${payloadTypes[form]}"`);
	return { digest: critical.image["docker-manifest-digest"], reference: critical.identity["docker-reference"] };
}

type Named = { readonly repository: string; readonly full: string; readonly kind: "tag" | "digest" | "name" };

// parseReference adds :latest where there is nothing; a signature of a bare name is one of its repository alone.
function readName(text: string): Named | undefined {
	try {
		const reference = parseReference(text);
		const repository = `${reference.domain}/${reference.repository}`;
		const bare = !text.includes("@") && !text.slice(text.lastIndexOf("/") + 1).includes(":");
		return { repository, full: formatReference(reference), kind: reference.digest !== undefined ? "digest" : bare ? "name" : "tag" };
	} catch {
		return undefined;
	}
}

function remapped(repository: string, prefix: string, signedPrefix: string): string {
	if (repository === prefix) return signedPrefix;
	return repository.startsWith(`${prefix}/`) ? `${signedPrefix}${repository.slice(prefix.length)}` : repository;
}

/**
 * Why a signature made under one name is none for an image that was asked for by another.
 * @param wanted undefined where images have no such names: then only rules that name one can be fulfilled
 * @returns undefined when it is
 */
export function identityProblem(rule: IdentityRule, wanted: Reference | undefined, signed: string): string | undefined {
	const claim = readName(signed);
	const wrong = `it is made for ${quote(signed)}`;
	if (claim === undefined) return wrong;
	const good = (is: boolean) => (is ? undefined : wrong);
	if (rule.type === "exactReference") {
		const exactly = readName(rule.dockerReference);
		return good(exactly !== undefined && exactly.kind !== "name" && claim.kind !== "name" && exactly.full === claim.full);
	}
	if (rule.type === "exactRepository") return good(readName(rule.dockerRepository)?.repository === claim.repository);
	if (wanted === undefined) return `${rule.type} needs an image with a name in a registry`;
	const own = `${wanted.domain}/${wanted.repository}`;
	if (rule.type === "matchRepository") return good(claim.repository === own);
	const repository = rule.type === "remapIdentity" ? remapped(own, rule.prefix, rule.signedPrefix) : own;
	if (wanted.digest !== undefined && rule.type !== "matchExact") return good(claim.repository === repository);
	const full = `${repository}${formatReference(wanted).slice(own.length)}`;
	return good(claim.kind !== "name" && claim.full === full);
}
