// Schema 1 manifests for tests, signed as docker's libtrust did, honest or bent.

import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { sha256, type TestImage } from "../../../test/support/images.ts";

/** A JSON object. */
export type Json = Record<string, unknown>;

const base64url = (data: Uint8Array | string) => Buffer.from(data).toString("base64url");

/** Keys, made once. */
export const keys = {
	ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
	ES384: generateKeyPairSync("ec", { namedCurve: "P-384" }),
	ES512: generateKeyPairSync("ec", { namedCurve: "P-521" }),
	RS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
	RS512: generateKeyPairSync("rsa", { modulusLength: 2048 }),
};

/** How a document is signed. */
export type Signing = {
	readonly algorithm?: keyof typeof keys;
	/** Changes what is protected: formatLength and formatTail. */
	readonly protect?: (header: Json) => Json;
	/** Changes the finished signature. */
	readonly bend?: (signature: { header: Json; signature: string; protected: string }) => unknown;
};

/** One signature of a payload, which must end with a brace. */
export function signPayload(payload: string, { algorithm = "ES256", protect = (header) => header, bend = (entry) => entry }: Signing = {}) {
	const end = payload.trimEnd().length - 1;
	const length = Buffer.byteLength(payload.slice(0, end).trimEnd());
	const protectedHeader = base64url(
		JSON.stringify(
			protect({ formatLength: length, formatTail: base64url(Buffer.from(payload).subarray(length)), time: "2015-04-08T18:52:59Z" }),
		),
	);
	const { privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject } = keys[algorithm];
	const made = sign(`sha${algorithm.slice(2)}`, Buffer.from(`${protectedHeader}.${base64url(payload)}`), {
		key: privateKey,
		dsaEncoding: "ieee-p1363",
	});
	return bend({
		header: { jwk: publicKey.export({ format: "jwk" }), alg: algorithm },
		signature: base64url(made),
		protected: protectedHeader,
	});
}

/** A document with its signatures in it. */
export function signedDocument(payload: string, signings: readonly Signing[] = [{}]): Uint8Array {
	const end = payload.trimEnd().length - 1;
	const body = payload.slice(0, end).trimEnd();
	const signatures = signings.map((signing) => signPayload(payload, signing));
	return new TextEncoder().encode(`${body},"signatures":${JSON.stringify(signatures)}${payload.slice(body.length)}`);
}

const id = (at: number) => at.toString(16).padStart(64, "0");

/**
 * The payload of a manifest: an entry for each layer, and one above the lowest that made none.
 * @param entries changes the v1Compatibility documents, the topmost first
 */
export function schema1Payload(
	image: TestImage,
	change: (document: Json) => Json = (document) => document,
	entries = (list: Json[]) => list,
): string {
	const lowestFirst: Json[] = image.layers.map((_, at) => ({
		created: "2014-01-02T03:04:05.600Z",
		container_config: { Cmd: ["/bin/sh", "-c", `step <${at}>`] },
	}));
	const blobs: string[] = image.layers.map(({ digest }) => digest);
	lowestFirst.splice(1, 0, { created: "2014-01-02T03:04:06Z", container_config: { Cmd: ["ENV A=b"] }, throwaway: true });
	blobs.splice(1, 0, sha256("nowhere"));
	const documents = lowestFirst.map((document, at): Json => ({ id: id(at + 1), ...(at === 0 ? {} : { parent: id(at) }), ...document }));
	const top = documents.at(-1) ?? {};
	documents[documents.length - 1] = { ...top, os: "linux", architecture: "amd64", config: { Cmd: ["sh"], Env: ["A=<b>"] }, Size: 7 };
	return JSON.stringify(
		change({
			schemaVersion: 1,
			name: "a/b",
			tag: "1",
			architecture: "amd64",
			fsLayers: blobs.toReversed().map((blobSum) => ({ blobSum })),
			history: entries(documents.toReversed()).map((document) => ({ v1Compatibility: JSON.stringify(document) })),
		}),
		undefined,
		3,
	);
}
