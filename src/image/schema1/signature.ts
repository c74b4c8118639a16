// The signatures of a schema 1 manifest: by whatever key they bring along. Nobody says whose key that is, so a good one says nothing about who made
// the image; but a bad one says that the document was changed. Who may sign is asked by the signature policy (decision 30).
// @see RFC 7515 section 5.2, RFC 7518 section 3, RFC 7517

import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { CortenError } from "../../base/errors.ts";
import { quote } from "../../spec/decode.ts";
import type { Envelope, PayloadSignature } from "./envelope.ts";

type Algorithm = { readonly kty: "EC" | "RSA"; readonly crv?: string; readonly hash: string };

// Those of docker's libtrust, which made all there are. The key's kind is part of it: an algorithm of another kind would read the key as something else.
const algorithms: Readonly<Record<string, Algorithm>> = {
	ES256: { kty: "EC", crv: "P-256", hash: "sha256" },
	ES384: { kty: "EC", crv: "P-384", hash: "sha384" },
	ES512: { kty: "EC", crv: "P-521", hash: "sha512" },
	RS256: { kty: "RSA", hash: "sha256" },
	RS384: { kty: "RSA", hash: "sha384" },
	RS512: { kty: "RSA", hash: "sha512" },
};

/**
 * Throws unless every signature is good. Without signatures there is nothing to throw for.
 * @param what the manifest in messages
 * @throws `integrity` for a signature that is not of this payload by its own key; `invalid-spec` for a key that is none; `unsupported` for an algorithm
 * there is not, and for a key in a certificate
 */
export function verifySignatures({ payload, signatures }: Envelope, what: string): void {
	const encoded = Buffer.from(payload).toString("base64url");
	for (const [at, entry] of signatures.entries()) {
		const name = `signature ${at + 1} of ${what}`;
		const { key, hash } = keyOf(entry, name);
		const data = Buffer.from(`${entry.protected}.${encoded}`);
		let good = false;
		try {
			good = verify(hash, data, { key, dsaEncoding: "ieee-p1363" }, Buffer.from(entry.signature, "base64url"));
		} catch {
			// of a length that no signature has: not good
		}
		if (!good) throw new CortenError("integrity", `cannot verify ${name}: it is not of this document by the key it names`);
	}
}

function keyOf({ header: { alg, jwk } }: PayloadSignature, name: string): { readonly key: KeyObject; readonly hash: string } {
	if (jwk === undefined) throw new CortenError("unsupported", `cannot verify ${name}: its header has no jwk`);
	const algorithm = Object.hasOwn(algorithms, alg) ? algorithms[alg] : undefined;
	if (algorithm === undefined) throw new CortenError("unsupported", `cannot verify ${name}: there is no algorithm ${quote(alg)}`);
	const { kty, crv, hash } = algorithm;
	if (jwk.kty !== kty || (crv !== undefined && jwk.crv !== crv))
		throw new CortenError("invalid-spec", `cannot verify ${name}: its key is none for algorithm ${alg}`);
	const { x = "", y = "", n = "", e = "" } = jwk;
	try {
		const key = createPublicKey({ key: crv === undefined ? { kty, n, e } : { kty, crv, x, y }, format: "jwk" });
		return { key, hash };
	} catch (cause) {
		throw new CortenError("invalid-spec", `cannot verify ${name}: its key is broken`, { cause });
	}
}
