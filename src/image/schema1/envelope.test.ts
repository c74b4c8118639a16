// Signed documents taken apart and verified: each attack is a document that says two things, or a signature that is none.

import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { makeImage } from "../../../test/support/images.ts";
import { isSchema1, openEnvelope } from "./envelope.ts";
import { type Json, keys, type Signing, schema1Payload, signedDocument } from "./schema1.fixture.ts";
import { verifySignatures } from "./signature.ts";

const payload = schema1Payload(makeImage());
const signedType = "application/vnd.docker.distribution.manifest.v1+prettyjws";
const unsignedType = "application/vnd.docker.distribution.manifest.v1+json";
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

function open(document: Uint8Array, stated: string | undefined = signedType) {
	const envelope = openEnvelope(document, stated, "manifest");
	verifySignatures(envelope, "manifest");
	return envelope;
}

test("a document is schema 1 by the type that is stated, and by its own word without one", () => {
	expect(isSchema1(bytes("{}"), signedType)).toBe(true);
	expect(isSchema1(bytes("{}"), unsignedType)).toBe(true);
	expect(isSchema1(bytes(payload), undefined)).toBe(true);
	expect(isSchema1(bytes(payload), "application/vnd.oci.image.manifest.v1+json")).toBe(false);
	for (const other of ['{"schemaVersion":2}', "[1]", "null", "{", "<html>"]) expect(isSchema1(bytes(other), undefined)).toBe(false);
});

for (const algorithm of Object.keys(keys) as (keyof typeof keys)[])
	test(`the payload of a document signed with ${algorithm} comes out byte for byte`, () => {
		for (const form of [payload, JSON.stringify(JSON.parse(payload)), `${payload}\n \t`])
			expect(text(open(signedDocument(form, [{ algorithm }])).payload)).toBe(form);
	});

test("several signatures of one payload are good together", () => {
	expect(open(signedDocument(payload, [{}, { algorithm: "RS256" }])).signatures.length).toBe(2);
});

test("an unsigned document is its own payload, and a signed one is what it is whatever is stated", () => {
	expect(text(open(bytes(payload), unsignedType).payload)).toBe(payload);
	for (const stated of [unsignedType, undefined]) expect(text(open(signedDocument(payload), stated).payload)).toBe(payload);
});

describe("refused is", () => {
	const sign = (signing: Signing) => signedDocument(payload, [signing]);
	const header = (change: (header: Json) => unknown): Signing => ({ bend: (entry) => ({ ...entry, header: change(entry.header) }) });
	const jwk = (change: (jwk: Json) => Json): Signing => header((old) => ({ ...old, jwk: change(old.jwk as Json) }));
	const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" }) as Json;
	const swap = (from: string, to: string) => bytes(text(signedDocument(payload)).replace(from, to));
	const cases: readonly (readonly [why: string, document: Uint8Array, code: string, message: string])[] = [
		["what announces signatures and has none", bytes(payload), "invalid-spec", "has no signatures"],
		["an empty list of signatures", signedDocument(payload, []), "invalid-spec", "is empty"],
		["a hundred and one signatures", signedDocument(payload, Array(101).fill({})), "invalid-spec", "more than 100"],
		["what is no JSON", bytes("{"), "invalid-spec", "cannot decode"],
		["what is too large", new Uint8Array((4 << 20) + 1).fill(0x20), "invalid-spec", "larger than"],
		["a document that was changed after it was signed", swap('"tag": "1"', '"tag": "2"'), "integrity", "it is not of this document"],
		[
			"a member that is not signed",
			swap('"signatures":', '"name":"c/d","signatures":'),
			"invalid-spec",
			"something else than what is signed",
		],
		["an unsigned layer behind the signatures", swap("}]\n}", '}],"fsLayers":[]}'), "invalid-spec", "something else than what is signed"],
		["a length beyond the end", sign({ protect: (old) => ({ ...old, formatLength: 1 << 21 }) }), "invalid-spec", "bytes of it"],
		["a length below nothing", sign({ protect: (old) => ({ ...old, formatLength: -1 }) }), "invalid-spec", "/formatLength"],
		["a length that is no number", sign({ protect: (old) => ({ ...old, formatLength: "9" }) }), "invalid-spec", "/formatLength"],
		["no length", sign({ protect: () => ({}) }), "invalid-spec", "/formatLength"],
		["a tail that makes another document", sign({ protect: (old) => ({ ...old, formatTail: "LDE" }) }), "invalid-spec", "cannot decode"],
		["a tail that is no base64", sign({ protect: (old) => ({ ...old, formatTail: "*" }) }), "invalid-spec", "base64url"],
		[
			"signatures that disagree",
			signedDocument(payload, [{}, { protect: (old) => ({ ...old, formatTail: Buffer.from(" \n}").toString("base64url") }) }]),
			"invalid-spec",
			"different payloads",
		],
		[
			"one bad signature beside a good one",
			signedDocument(payload, [{}, { bend: (old) => ({ ...old, signature: "AAAA" }) }]),
			"integrity",
			"signature 2",
		],
		["a signature of nothing", sign({ bend: (old) => ({ ...old, signature: "" }) }), "integrity", "signature 1"],
		["a signature by another key", sign(jwk(() => other)), "integrity", "signature 1"],
		["no algorithm", sign(header((old) => ({ ...old, alg: "none" }))), "unsupported", "algorithm"],
		["a secret shared with everybody", sign(header((old) => ({ ...old, alg: "HS256" }))), "unsupported", "algorithm"],
		["an algorithm every object has", sign(header((old) => ({ ...old, alg: "constructor" }))), "unsupported", "algorithm"],
		["an algorithm of another kind of key", sign(header((old) => ({ ...old, alg: "RS256" }))), "invalid-spec", "its key is none"],
		["an algorithm of another curve", sign(header((old) => ({ ...old, alg: "ES384" }))), "invalid-spec", "its key is none"],
		["a point that is on no curve", sign(jwk((old) => ({ ...old, x: old.y }))), "invalid-spec", "is broken"],
		["a key without numbers", sign(jwk(({ kty, crv }) => ({ kty, crv }))), "invalid-spec", "is broken"],
		["a modulus of a megabit", sign(jwk((old) => ({ ...old, n: "A".repeat(150_000) }))), "invalid-spec", "too many digits"],
		["no key", sign(header(({ alg }) => ({ alg, x5c: ["MIIB"] }))), "unsupported", "has no jwk"],
		["a signature that is no object", sign({ bend: () => "x" }), "invalid-spec", "/signatures/0"],
	];
	for (const [why, document, code, message] of cases)
		test(why, () => {
			expect(() => open(document)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
		});
});
