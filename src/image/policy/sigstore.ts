// Sigstore's signatures by a key: as cosign and skopeo attach them to an image, under a tag made of its digest.
// @see cosign specs/SIGNATURE_SPEC.md

import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { CortenError } from "../../base/errors.ts";
import { list, object, optional, record, string } from "../../spec/decode.ts";
import type { Digest } from "../../spec/image.ts";
import { descriptor } from "../manifest.ts";

/** The tag that an image's signatures are under. */
export function signatureTag(digest: Digest): string {
	return `${digest.replace(":", "-")}.sig`;
}

/** The media type of what is signed. */
export const payloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
/** Of a payload's descriptor: its signature, base64. */
export const signatureKey = "dev.cosignproject.cosign/signature";

/** The manifest under {@link signatureTag}. */
export const signatureManifest = object({ layers: list(descriptor, 128), annotations: optional(record(string)) });

/** Reads a public key as cosign.pub has it: PEM, or base64 of PEM. @param what the key in messages @throws `invalid-spec`, `unsupported` */
export function readPublicKey(text: string, what: string): KeyObject {
	const pem = text.includes("-----BEGIN ") ? text : Buffer.from(text, "base64").toString();
	let key: KeyObject;
	try {
		// A private key would be taken too, and its public half used.
		if (!/-----BEGIN (?:RSA )?PUBLIC KEY-----/.test(pem)) throw new Error("it holds no PEM block PUBLIC KEY");
		key = createPublicKey(pem);
	} catch (cause) {
		throw new CortenError("invalid-spec", `cannot read ${what}`, { cause });
	}
	if (["ec", "rsa", "ed25519"].includes(key.asymmetricKeyType ?? "")) return key;
	throw new CortenError("unsupported", `cannot use ${what}: it is of type "${key.asymmetricKeyType}", expected ec, rsa or ed25519`);
}

/** Whether one of the keys made the signature. @param signature base64 */
export function isSignedBy(keys: readonly KeyObject[], payload: Uint8Array, signature: string): boolean {
	const bytes = Buffer.from(signature, "base64");
	return keys.some((key) => {
		try {
			return verify(key.asymmetricKeyType === "ed25519" ? null : "sha256", payload, key, bytes);
		} catch {
			return false;
		}
	});
}
