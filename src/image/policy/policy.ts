// policy.json: which images may come in, and what signatures they need, by where they come from.
// @see containers-policy.json(5)

import { CortenError } from "../../base/errors.ts";
import { readTextIfPresent } from "../../linux/file.ts";
import {
	type Decoder,
	fail,
	failed,
	fallback,
	type Infer,
	list,
	oneOf,
	optional,
	quote,
	record,
	refine,
	string,
	unsupported,
} from "../../spec/decode.ts";
import { decodeStrict, exact } from "./strict-json.ts";

const maxBytes = 1 << 20;

const identity = byType({
	matchExact: exact({ type: string }),
	matchRepoDigestOrExact: exact({ type: string }),
	matchRepository: exact({ type: string }),
	exactReference: exact({ type: string, dockerReference: string }),
	exactRepository: exact({ type: string, dockerRepository: string }),
	remapIdentity: exact({ type: string, prefix: string, signedPrefix: string }),
});

/** Which name a signature must bear. */
export type IdentityRule =
	| { readonly type: "matchExact" | "matchRepoDigestOrExact" | "matchRepository" }
	| { readonly type: "exactReference"; readonly dockerReference: string }
	| { readonly type: "exactRepository"; readonly dockerRepository: string }
	| { readonly type: "remapIdentity"; readonly prefix: string; readonly signedPrefix: string };

const keyFields = { keyPath: optional(string), keyPaths: optional(list(string, 100)), keyData: optional(string) };
type KeyFields = {
	readonly keyPath?: string;
	readonly keyPaths?: readonly string[];
	readonly keyData?: string;
	readonly keyDatas?: readonly string[];
};
const oneKeyPlace = ({ keyPath, keyPaths, keyData, keyDatas }: KeyFields): string | undefined => {
	const given = [keyPath, keyPaths, keyData, keyDatas].filter((place) => place !== undefined);
	if (given.length !== 1) return "needs one of keyPath, keyPaths, keyData and keyDatas, and not more";
	return given[0]?.length === 0 ? "names no key" : undefined;
};

const requirement = byType({
	insecureAcceptAnything: exact({ type: string }),
	reject: exact({ type: string }),
	signedBy: refine(exact({ type: string, keyType: oneOf(["GPGKeys"]), ...keyFields, signedIdentity: optional(identity) }), oneKeyPlace),
	sigstoreSigned: refine(
		exact({
			type: string,
			...keyFields,
			keyDatas: optional(list(string, 100)),
			fulcio: unsupported("certificates of fulcio are not verified here: name a key"),
			rekorPublicKeyPath: unsupported("rekor's log is not asked"),
			rekorPublicKeyPaths: unsupported("rekor's log is not asked"),
			rekorPublicKeyData: unsupported("rekor's log is not asked"),
			rekorPublicKeyDatas: unsupported("rekor's log is not asked"),
			pki: unsupported("certificates are not verified here: name a key"),
			signedIdentity: optional(identity),
		}),
		oneKeyPlace,
	),
	signedBaseLayer: exact({ type: unsupported("is not defined by its specification"), baseLayerIdentity: optional(identity) }),
});

/** One thing an image must fulfil. */
export type Requirement =
	| { readonly type: "insecureAcceptAnything" | "reject" }
	| ({ readonly type: "signedBy" | "sigstoreSigned"; readonly signedIdentity?: IdentityRule } & KeyFields);

const requirements = refine(list(requirement as Decoder<Requirement>, 100), (all) =>
	all.length === 0 ? "is empty: insecureAcceptAnything is how nothing is required" : undefined,
);
const document = exact({ default: requirements, transports: fallback(record(record(requirements)), {}) });

/** A policy, and the file it is from. */
export type Policy = Infer<typeof document> & { readonly path: string };

/** An object whose other properties depend on its `type`. */
function byType(kinds: Readonly<Record<string, Decoder<unknown>>>): Decoder<unknown> {
	return (value, at, issues) => {
		const type = typeof value === "object" && value !== null && "type" in value ? value.type : undefined;
		const decoder = typeof type === "string" && Object.hasOwn(kinds, type) ? kinds[type] : undefined;
		if (decoder !== undefined) return decoder(value, at, issues);
		fail(issues, at, typeof type === "string" ? `has type ${quote(type)}, expected ${Object.keys(kinds).join(", ")}` : "has no type");
		return failed;
	};
}

/** Decodes a policy. @param path for messages @throws `invalid-spec`; `unsupported` for what is not verified here */
export function decodePolicy(bytes: Uint8Array, path: string): Policy {
	return { ...decodeStrict(document, bytes, `signature policy "${path}"`), path };
}

/**
 * Reads the policy of this machine: the user's, else the system's.
 * @param path in place of both; it must be there
 * @returns undefined when there is none: then nothing is required (docs/decisions/0030)
 * @throws `not-found` for `path`; `invalid-spec`, `unsupported`, `permission-denied`
 */
export function readPolicy(path: string | undefined, environment: Readonly<Record<string, string | undefined>>): Policy | undefined {
	const { HOME } = environment;
	const places = path !== undefined ? [path] : [...(HOME ? [`${HOME}/.config/containers/policy.json`] : []), "/etc/containers/policy.json"];
	for (const place of places) {
		const text = readTextIfPresent(place, maxBytes);
		if (text !== undefined) return decodePolicy(new TextEncoder().encode(text), place);
	}
	if (path === undefined) return undefined;
	throw new CortenError("not-found", `cannot find signature policy "${path}"`);
}
