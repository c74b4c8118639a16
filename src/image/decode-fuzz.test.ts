// Random damage to good documents, seeded: a manifest, an index, a config, an artifact, an appc manifest. Whatever comes of it is decoded, or refused as
// invalid-spec or unsupported; never another failure, and never slowly. FUZZ_ROUNDS and FUZZ_SEED as for the layers' fuzzer.

import { expect, test } from "bun:test";
import { isError } from "../base/errors.ts";
import { decodeAppcManifest } from "../spec/appc.ts";
import { decodeArtifact } from "./artifact-manifest.ts";
import { decodeConfig } from "./config.ts";
import { decodeManifest } from "./manifest.ts";
import { referrerOf } from "./sinks/referrers.ts";

const seed = Number(process.env.FUZZ_SEED ?? 1);
const rounds = Number(process.env.FUZZ_ROUNDS ?? 1500) * 4;

let state = seed;
function random(below: number): number {
	state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 3_266_489_917) >>> 0;
	return Math.floor((state / 2 ** 32) * below);
}
const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;

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

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
const values: readonly Json[] = [
	null,
	true,
	-1,
	0,
	1.5,
	2 ** 53,
	"",
	"\0",
	"__proto__",
	digest,
	`sha256:${"AB".repeat(32)}`,
	"sha512:1",
	"../../etc",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	"x".repeat(5000),
	[],
	{},
	[[[[]]]],
	{ toString: "x", constructor: null },
];

function mutate(value: Json, chance: number): Json {
	if (random(chance) === 0) return pick(values);
	if (Array.isArray(value)) {
		const list = value.map((item) => mutate(item, chance));
		if (random(chance) === 0)
			list.splice(random(list.length + 1), random(2), ...Array.from({ length: random(3) }, () => pick([...values, ...value])));
		return list;
	}
	if (typeof value !== "object" || value === null) return value;
	const entries = Object.entries(value).map(([key, member]): [string, Json] => [
		random(chance) === 0 ? pick([key.toUpperCase(), `${key} `, "manifests", "layers", "config", "__proto__", "mediaType"]) : key,
		mutate(member, chance),
	]);
	return Object.fromEntries(random(chance) === 0 ? entries.slice(random(entries.length + 1)) : entries);
}

/** The bytes of a document, sometimes no longer JSON. */
function encode(document: Json): Uint8Array {
	const text = JSON.stringify(document) ?? "";
	const bytes = new TextEncoder().encode(random(30) === 0 ? text.replace("{", '{"schemaVersion":1,"config":{},') : text);
	for (let count = random(20) === 0 ? 1 + random(3) : 0; count > 0; count--) bytes[random(bytes.length)] = random(256);
	return random(40) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
}

const decoders: readonly (readonly [what: string, good: Json, decode: (bytes: Uint8Array) => unknown])[] = [
	["manifest", manifest, (bytes) => decodeManifest(bytes, pick([undefined, manifest.mediaType, index.mediaType]), "x")],
	["index", index, (bytes) => decodeManifest(bytes, pick([undefined, index.mediaType]), "x")],
	["config", config, (bytes) => decodeConfig(bytes, random(3), "x")],
	["artifact", artifact, (bytes) => [decodeArtifact(bytes, pick([undefined, manifest.mediaType]), "x"), referrerOf(layer, bytes)]],
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
				throw new Error(`round ${round} of seed ${seed}: ${new TextDecoder().decode(bytes)}`, { cause: error });
			}
		}
		expect(decoded).toBeGreaterThan(0);
		expect(decoded).toBeLessThan(rounds);
	}, 600_000);
}
