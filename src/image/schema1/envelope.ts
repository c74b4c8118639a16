// A schema 1 manifest as it is sent: the document, and in a signed one its signatures written into the middle of it. Each says how to take them out
// again (formatLength, formatTail): what is left is the payload, which is what is signed, what the digest is of, and all that is believed.
// @see distribution manifest-v2-1.md "Signed Manifests"; RFC 7515 section 7.2

import { CortenError } from "../../base/errors.ts";
import { decode, decodeJson, type Infer, integer, list, object, optional, parseJson, quote, refine, string } from "../../spec/decode.ts";
import { maxManifestBytes } from "../manifest.ts";
import { mediaKind } from "../media-types.ts";

/** Registries once added a signature at each push. */
const maxSignatures = 100;

const base64url = refine(string, (text) =>
	/^[A-Za-z0-9_-]*$/.test(text) && text.length % 4 !== 1 ? undefined : `${quote(text)} is no base64url`,
);
// 8192 bits of a modulus are 1366 characters: the work that a hostile key makes has an end.
const keyNumber = refine(base64url, (text) => (text.length <= 1400 ? undefined : "is a number of too many digits"));

const signature = object({
	header: object({
		alg: string,
		jwk: optional(
			object({
				kty: string,
				crv: optional(string),
				x: optional(keyNumber),
				y: optional(keyNumber),
				n: optional(keyNumber),
				e: optional(keyNumber),
			}),
		),
	}),
	signature: base64url,
	protected: base64url,
});
const envelope = object({ signatures: optional(list(signature, maxSignatures)) });
const protectedHeader = object({ formatLength: integer(0, maxManifestBytes), formatTail: base64url });

/** One signature, not verified. */
export type PayloadSignature = Infer<typeof signature>;

/** What was signed, and by what; without signatures when the manifest is of the unsigned kind. */
export type Envelope = { readonly payload: Uint8Array; readonly signatures: readonly PayloadSignature[] };

/** Whether a document is a schema 1 manifest: by the type that is stated, or without one by its own word. */
export function isSchema1(bytes: Uint8Array, stated: string | undefined): boolean {
	if (stated !== undefined) return mediaKind(stated) === "docker-schema1";
	if (bytes.length > maxManifestBytes) return false;
	try {
		const value = parseJson(bytes, "document");
		return typeof value === "object" && value !== null && "schemaVersion" in value && value.schemaVersion === 1;
	} catch {
		return false; // whoever decodes it says what is wrong
	}
}

/**
 * What the digest of a manifest is of: all of it, but of a signed one of schema 1 the payload.
 * @throws `invalid-spec` as {@link openEnvelope}
 */
export function identifiedBytes(bytes: Uint8Array, stated: string | undefined, what: string): Uint8Array {
	return isSchema1(bytes, stated) ? openEnvelope(bytes, stated, what).payload : bytes;
}

/**
 * Takes a schema 1 manifest and its signatures apart.
 * @param stated a type that promises signatures is kept to its word
 * @throws `invalid-spec` also when signatures disagree about the payload, or when the whole says something else than the payload
 */
export function openEnvelope(bytes: Uint8Array, stated: string | undefined, what: string): Envelope {
	if (bytes.length > maxManifestBytes) throw refuse(what, `it is larger than ${maxManifestBytes} bytes`);
	const whole = parseJson(bytes, what);
	const { signatures } = decode(envelope, whole, what);
	if (signatures === undefined) {
		if (stated?.endsWith("+prettyjws") === true) throw refuse(what, "it is announced as signed and has no signatures");
		return { payload: bytes, signatures: [] };
	}
	const [first, ...others] = signatures.map((entry) => payloadBy(entry, bytes, what));
	if (first === undefined) throw refuse(what, "its list of signatures is empty");
	if (others.some((other) => !Bun.deepEquals(other, first))) throw refuse(what, "its signatures are of different payloads");
	// Some readers look at the whole and others at the payload: a document that tells them different things is refused (the CVE-2021-41190 class).
	const { signatures: _signatures, ...rest } = whole as Record<string, unknown>;
	if (!Bun.deepEquals(parseJson(first, what), rest)) throw refuse(what, "it says something else than what is signed");
	return { payload: first, signatures };
}

function payloadBy(entry: PayloadSignature, bytes: Uint8Array, what: string): Uint8Array {
	const { formatLength, formatTail } = decodeJson(protectedHeader, Buffer.from(entry.protected, "base64url"), `signature of ${what}`);
	if (formatLength > bytes.length) throw refuse(what, `a signature is of ${formatLength} bytes of it, and it has ${bytes.length}`);
	return Buffer.concat([bytes.subarray(0, formatLength), Buffer.from(formatTail, "base64url")]);
}

function refuse(what: string, why: string): CortenError {
	return new CortenError("invalid-spec", `cannot decode ${what}: ${why}`);
}
