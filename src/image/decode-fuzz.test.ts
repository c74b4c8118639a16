// Random damage to good documents, seeded: a manifest, an index, a config, an artifact, an appc manifest, schema 1 in its two forms, what a
// signature signs, and the files that say whom to trust. Whatever comes of it is decoded, or refused as invalid-spec or unsupported; never another
// failure, and never slowly. FUZZ_ROUNDS and FUZZ_SEED as for the layers' fuzzer.

import { expect, test } from "bun:test";
import { isError } from "../base/errors.ts";
import { decodeAppcManifest } from "../spec/appc.ts";
import { decodeArtifact } from "./artifact-manifest.ts";
import { decodeConfig } from "./config.ts";
import { decodeManifest } from "./manifest.ts";
import { createMutator, type Json } from "./mutate.fixture.ts";
import { decodePayload } from "./policy/payload.ts";
import { decodePolicy } from "./policy/policy.ts";
import { decodeRegistries } from "./registries/decode.ts";
import { decodeSchema1 } from "./schema1/document.ts";
import { openEnvelope } from "./schema1/envelope.ts";
import { signedDocument } from "./schema1/schema1.fixture.ts";
import { verifySignatures } from "./schema1/signature.ts";
import { translateSchema1 } from "./schema1/translate.ts";
import { referrerOf } from "./sinks/referrers.ts";

const seed = Number(process.env.FUZZ_SEED ?? 1);
const rounds = Number(process.env.FUZZ_ROUNDS ?? 1500) * 4;

const { random, pick, mutate, encode } = createMutator(seed);

const digest = `sha256:${"ab".repeat(32)}` as const;
const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest, size: 10 };
const manifest = {
	schemaVersion: 2,
	mediaType: "application/vnd.oci.image.manifest.v1+json",
	config: { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: 2 },
	layers: [layer, layer],
	annotations: { a: "b" },
};
const index = {
	schemaVersion: 2,
	mediaType: "application/vnd.oci.image.index.v1+json",
	manifests: [{ mediaType: manifest.mediaType, digest, size: 3, platform: { os: "linux", architecture: "amd64", variant: "v1" } }],
};
const config = {
	architecture: "amd64",
	os: "linux",
	created: "2024-01-01T00:00:00Z",
	config: {
		Env: ["A=b"],
		Cmd: ["c"],
		Entrypoint: null,
		User: "1:2",
		ExposedPorts: { "80/tcp": {} },
		Volumes: { "/v": {} },
		Labels: { l: "m" },
		Healthcheck: { Test: ["CMD", "x"], Interval: 1_000_000_000, Retries: 2 },
	},
	rootfs: { type: "layers", diff_ids: [digest, digest] },
	history: [{ created_by: "x", empty_layer: true }],
};
const artifact = {
	...manifest,
	artifactType: "text/x",
	config: { mediaType: "application/vnd.oci.empty.v1+json", digest, size: 2 },
	subject: { mediaType: manifest.mediaType, digest, size: 4 },
};
const appc = {
	acKind: "ImageManifest",
	acVersion: "0.8.11",
	name: "example.com/a",
	labels: [
		{ name: "os", value: "linux" },
		{ name: "arch", value: "amd64" },
	],
	app: {
		exec: ["/a"],
		user: "0",
		group: "0",
		environment: [{ name: "A", value: "b" }],
		mountPoints: [{ name: "m", path: "/m" }],
		ports: [{ name: "p", protocol: "tcp", port: 80, count: 2 }],
		isolators: [{ name: "resource/memory", value: { limit: "1G" } }],
	},
	dependencies: [{ imageName: "example.com/b", labels: [] }],
	pathWhitelist: ["/a"],
	annotations: [{ name: "created", value: "2024-01-01T00:00:00Z" }],
};

const id = (digit: string) => digit.repeat(64);
const v1 = [
	{
		id: id("b"),
		parent: id("a"),
		created: "2014-01-02T03:04:05Z",
		os: "linux",
		architecture: "amd64",
		config: { Cmd: ["c"] },
		throwaway: true,
	},
	{ id: id("a"), created: "2014-01-02T03:04:05Z", container_config: { Cmd: ["c"] }, Size: 1 },
];
const schema1 = {
	schemaVersion: 1,
	name: "a/b",
	tag: "1",
	architecture: "amd64",
	fsLayers: [{ blobSum: digest }, { blobSum: digest }],
	history: v1.map((document) => ({ v1Compatibility: JSON.stringify(document) })),
};
const signed = JSON.parse(new TextDecoder().decode(signedDocument(JSON.stringify(schema1))));

function translatePayload(payload: Uint8Array): void {
	const decoded = decodeSchema1(payload, "x");
	const known = { mediaType: layer.mediaType, size: 1, diffID: decoded.entries[0]?.blob ?? "sha256:" } as const;
	translateSchema1(decoded, new Map(decoded.entries.map(({ blob }) => [blob, known])), "x");
}

function readSigned(bytes: Uint8Array): void {
	const envelope = openEnvelope(bytes, undefined, "x");
	translatePayload(envelope.payload);
	verifySignatures(envelope, "x");
}

/** A payload whose history is the list of documents. */
function payloadOf(bytes: Uint8Array): Uint8Array {
	const text = new TextDecoder().decode(bytes);
	let documents: unknown;
	try {
		documents = JSON.parse(text);
	} catch {
		documents = undefined;
	}
	const history = Array.isArray(documents) ? documents.map((document) => JSON.stringify(document)) : [text];
	const lists = { fsLayers: history.map(() => ({ blobSum: digest })), history: history.map((v1Compatibility) => ({ v1Compatibility })) };
	return new TextEncoder().encode(JSON.stringify({ ...schema1, ...lists }));
}

const rule = {
	type: "sigstoreSigned",
	keyPath: "/k",
	signedIdentity: { type: "remapIdentity", prefix: "a.example", signedPrefix: "b.example" },
};
const policy = {
	default: [{ type: "reject" }],
	transports: {
		docker: { "a.example/b": [rule], "": [{ type: "signedBy", keyType: "GPGKeys", keyPaths: ["/k"] }] },
		dir: { "/x": [rule] },
	},
};
const payload = {
	critical: {
		type: "cosign container image signature",
		image: { "docker-manifest-digest": digest },
		identity: { "docker-reference": "a.example/b:1" },
	},
	optional: { creator: "x", timestamp: 1 },
};
/** registries.conf: a line for each thing it may say. */
const registriesLines = [
	'unqualified-search-registries = ["a.example", "docker.io"]',
	'short-name-mode = "permissive"',
	'credential-helpers = ["containers-auth.json", "x"]',
	"[aliases]",
	'"app" = "a.example/team/app"',
	"[[registry]]",
	'prefix = "*.example.com"',
	'location = "b.example/c"',
	"blocked = false",
	"insecure = true",
	"mirror-by-digest-only = true",
	"[[registry.mirror]]",
	'location = "m.example:5000"',
	'pull-from-mirror = "digest-only"',
];
/** Some of them gone, doubled, or bent. */
function registries(): string {
	const words = ["", "=", "[", "]", "[[registry]]", '"', "true", "1", '"""', "location = 1", "\u0000", "[__proto__]", "prefix = '..'"];
	return registriesLines
		.flatMap((line) => (random(12) === 0 ? [] : random(12) === 0 ? [line, line] : [line]))
		.map((line) => (random(15) === 0 ? line.slice(0, random(line.length)) + pick(words) + line.slice(random(line.length)) : line))
		.join("\n");
}

const decoders: readonly (readonly [what: string, good: Json, decode: (bytes: Uint8Array) => unknown])[] = [
	["manifest", manifest, (bytes) => decodeManifest(bytes, pick([undefined, manifest.mediaType, index.mediaType]), "x")],
	["index", index, (bytes) => decodeManifest(bytes, pick([undefined, index.mediaType]), "x")],
	["config", config, (bytes) => decodeConfig(bytes, random(3), "x")],
	["artifact", artifact, (bytes) => [decodeArtifact(bytes, pick([undefined, manifest.mediaType]), "x"), referrerOf(layer, bytes)]],
	["schema 1 payload", schema1, translatePayload],
	["schema 1 history", v1, (bytes) => translatePayload(payloadOf(bytes))],
	["signed schema 1", signed, readSigned],
	["policy", policy, (bytes) => decodePolicy(bytes, "x")],
	["signature's payload", payload, (bytes) => decodePayload(bytes, "sigstore", "x")],
	["registries.conf", null, () => decodeRegistries(registries(), "x")],
	["appc manifest", appc, (bytes) => decodeAppcManifest(bytes, "x")],
];

for (const [what, good, decode] of decoders) {
	test(`${rounds} random documents from ${what}, seed ${seed}`, () => {
		let decoded = 0;
		for (let round = 0; round < rounds; round++) {
			const bytes = encode(mutate(good, pick([4, 20, 100, 1000])));
			try {
				decode(bytes);
				decoded++;
			} catch (error) {
				if (isError(error, "invalid-spec") || isError(error, "unsupported")) continue;
				if (what === "signed schema 1" && isError(error, "integrity")) continue;
				throw new Error(`round ${round} of seed ${seed}: ${new TextDecoder().decode(bytes)}`, { cause: error });
			}
		}
		expect(decoded).toBeGreaterThan(0);
		expect(decoded).toBeLessThan(rounds);
	}, 600_000);
}
