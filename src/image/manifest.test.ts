// Hostile manifests, indexes and configs, one row each; and what must still be accepted.

import { describe, expect, test } from "bun:test";
import { makeImage } from "../../test/support/images.ts";
import { CortenError, type ErrorCode } from "../base/errors.ts";
import { decodeConfig } from "./config.ts";
import { decodeManifest } from "./manifest.ts";
import { dockerManifest, ociIndex, ociManifest } from "./media-types.ts";

const hex = "0123456789abcdef".repeat(4);
const encoder = new TextEncoder();
const good = makeImage();
const goodManifest = JSON.parse(Buffer.from(good.blobs.get(good.manifest.digest) ?? "").toString());
const goodConfig = JSON.parse(Buffer.from(good.blobs.get(good.config.digest) ?? "").toString());
const entry = { mediaType: ociManifest, digest: `sha256:${hex}`, size: 1 };

function errorOf(run: () => unknown): CortenError {
	try {
		run();
	} catch (error) {
		if (error instanceof CortenError) return error;
		throw error;
	}
	throw new Error("nothing was thrown");
}

/** Text stands for itself, all else is made JSON. */
function bytesOf(document: unknown): Uint8Array {
	return encoder.encode(typeof document === "string" ? document : JSON.stringify(document));
}

const layer = (change: object) => ({ ...goodManifest, layers: [{ ...goodManifest.layers[0], ...change }] });
const config = (change: object) => ({ ...goodManifest, config: { ...goodManifest.config, ...change } });
const index = (...manifests: unknown[]) => ({ schemaVersion: 2, mediaType: ociIndex, manifests });
const sized = (number: string) => JSON.stringify(layer({ size: 4711 })).replace("4711", number);

describe("a hostile manifest is refused, with the pointer of what is wrong", () => {
	const cases: [name: string, document: unknown, at: string, code?: ErrorCode, stated?: string][] = [
		["no JSON", "{", ""],
		["an array", "[]", ""],
		["a string", '"x"', ""],
		["null", "null", ""],
		["a number", "1", ""],
		["nothing", "", ""],
		["a megabyte of brackets", "[".repeat(1 << 20), ""],
		["more than 4 MiB", `{"x":"${"x".repeat(4 << 20)}"}`, ""],
		["an empty object", {}, "/schemaVersion"],
		["schema version 1", { ...goodManifest, schemaVersion: 1 }, "/schemaVersion"],
		["schema version as text", { ...goodManifest, schemaVersion: "2" }, "/schemaVersion"],
		["docker schema 1 by its content", { schemaVersion: 1, fsLayers: [], history: [] }, "", "unsupported"],
		["docker schema 1 by its type", goodManifest, "", "unsupported", "application/vnd.docker.distribution.manifest.v1+prettyjws"],
		["manifests and layers both (CVE-2021-41190)", { ...goodManifest, manifests: [entry] }, "/manifests"],
		[
			"manifests and layers both, without a type",
			{ ...goodManifest, mediaType: undefined, manifests: [entry] },
			"/layers",
			"invalid-spec",
			ociIndex,
		],
		["manifests and layers both, and nothing that says which", { ...goodManifest, mediaType: undefined, manifests: [] }, "/layers"],
		["an index with layers", { ...index(entry), layers: [] }, "/layers"],
		["an index with a config", { ...index(entry), config: {} }, "/config"],
		["an index announced as manifest", index(entry), "/mediaType", "invalid-spec", ociManifest],
		["a manifest announced as index", goodManifest, "/mediaType", "invalid-spec", ociIndex],
		["an OCI manifest announced as docker's", goodManifest, "/mediaType", "invalid-spec", dockerManifest],
		["an unknown type", { ...goodManifest, mediaType: "text/html" }, "", "unsupported"],
		["a type named like an inherited property", { ...goodManifest, mediaType: "constructor" }, "", "unsupported"],
		["Layers with a capital, which Go would read", { ...goodManifest, Layers: [] }, ""],
		["MANIFESTS in capitals, which Go would read", { ...goodManifest, MANIFESTS: [entry] }, ""],
		["no config", { ...goodManifest, config: undefined }, "/config"],
		["no layers", { ...goodManifest, layers: undefined }, "/layers"],
		["an empty list of layers", { ...goodManifest, layers: [] }, "/layers"],
		["layers as an object", { ...goodManifest, layers: {} }, "/layers"],
		["501 layers", { ...goodManifest, layers: new Array(501).fill(goodManifest.layers[0]) }, "/layers"],
		["a null layer", { ...goodManifest, layers: [null] }, "/layers/0"],
		["a layer without digest", layer({ digest: undefined }), "/layers/0/digest"],
		["a digest that is a path (CVE-2024-3727)", layer({ digest: "sha256:../../../../etc/passwd" }), "/layers/0/digest"],
		["a digest in capitals", layer({ digest: `sha256:${hex.toUpperCase()}` }), "/layers/0/digest"],
		["a digest that is too short", layer({ digest: "sha256:00" }), "/layers/0/digest"],
		["a digest of md5", layer({ digest: `md5:${hex}` }), "/layers/0/digest"],
		["a digest with a line feed", layer({ digest: `sha256:${hex}\n` }), "/layers/0/digest"],
		["a digest that is a number", layer({ digest: 1 }), "/layers/0/digest"],
		["a negative size", layer({ size: -1 }), "/layers/0/size"],
		["a broken size", layer({ size: 1.5 }), "/layers/0/size"],
		["a size as text", layer({ size: "1" }), "/layers/0/size"],
		["a size of 2^53 + 1", sized("9007199254740993"), "/layers/0/size"],
		["a size of 2^64", sized("18446744073709551616"), "/layers/0/size"],
		["a size of 1e400", sized("1e400"), "/layers/0/size"],
		["a size of 400 digits", sized("9".repeat(400)), "/layers/0/size"],
		["a layer of no media type", layer({ mediaType: "layer" }), "/layers/0/mediaType"],
		["a layer with a header in its media type", layer({ mediaType: "a/b\r\nx: y" }), "/layers/0/mediaType"],
		["a layer that is none", layer({ mediaType: "text/plain" }), "/layers/0", "unsupported"],
		["an encrypted layer", layer({ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip+encrypted" }), "/layers/0", "unsupported"],
		["urls that are no list", layer({ urls: "http://x" }), "/layers/0/urls"],
		["an artifact", config({ mediaType: "application/vnd.cncf.helm.config.v1+json" }), "/config", "unsupported"],
		["a config that is a manifest", config({ mediaType: ociManifest }), "/config", "unsupported"],
		[
			"annotations that are no text",
			{ ...goodManifest, layers: [{ ...goodManifest.layers[0], annotations: { a: 1 } }] },
			"/layers/0/annotations/a",
		],
		["an index whose entry has no size", index({ ...entry, size: undefined }), "/manifests/0/size"],
		["an index whose platform is text", index({ ...entry, platform: "linux/amd64" }), "/manifests/0/platform"],
		["an index of 5000 manifests", index(...new Array(5000).fill(entry)), "/manifests"],
	];
	for (const [name, document, at, code = "invalid-spec", stated] of cases) {
		test(name, () => {
			const error = errorOf(() => decodeManifest(bytesOf(document), stated, 'manifest of "x"'));
			expect(error.message).toStartWith('cannot decode manifest of "x": ');
			expect([error.code, error.at ?? ""]).toEqual([code, at]);
		});
	}

	test("urls of an ordinary layer are not asked, and do no harm", () => {
		expect(decodeManifest(bytesOf(layer({ urls: ["http://evil/"] })), ociManifest, "x").kind).toBe("manifest");
	});

	test("unknown properties are ignored", () => {
		expect(decodeManifest(bytesOf({ ...goodManifest, artifactType: "a/b", subject: entry, x: [1] }), undefined, "x").kind).toBe("manifest");
		expect(decodeManifest(bytesOf({ schemaVersion: 2, manifests: [entry] }), undefined, "x").kind).toBe("index");
	});
});

describe("a hostile config is refused, with the pointer of what is wrong", () => {
	const inner = (change: object) => ({ ...goodConfig, config: { ...goodConfig.config, ...change } });
	const rootfs = (change: object) => ({ ...goodConfig, rootfs: { ...goodConfig.rootfs, ...change } });
	const cases: [name: string, document: unknown, at: string][] = [
		["no JSON", "\0", ""],
		["an array", [], ""],
		["more than 8 MiB", `{"x":"${"x".repeat(8 << 20)}"}`, ""],
		["no rootfs", { ...goodConfig, rootfs: undefined }, "/rootfs"],
		["another kind of rootfs", rootfs({ type: "layers+base" }), "/rootfs/type"],
		["no diffIDs", rootfs({ diff_ids: undefined }), "/rootfs/diff_ids"],
		["one diffID too few", rootfs({ diff_ids: [] }), "/rootfs/diff_ids"],
		["one diffID too many", rootfs({ diff_ids: [`sha256:${hex}`, `sha256:${hex}`] }), "/rootfs/diff_ids"],
		["a diffID that is a path", rootfs({ diff_ids: ["sha256:../../x"] }), "/rootfs/diff_ids/0"],
		["no architecture", { ...goodConfig, architecture: undefined }, "/architecture"],
		["an os that is a number", { ...goodConfig, os: 1 }, "/os"],
		["a config that is a list", { ...goodConfig, config: [] }, "/config"],
		["Env as an object", inner({ Env: { PATH: "x" } }), "/config/Env"],
		["Env without =", inner({ Env: ["PATH"] }), "/config/Env/0"],
		["Env without a name", inner({ Env: ["=x"] }), "/config/Env/0"],
		["Env with NUL", inner({ Env: ["A=b\0c"] }), "/config/Env/0"],
		["Cmd as text", inner({ Cmd: "sh" }), "/config/Cmd"],
		["Entrypoint with a number", inner({ Entrypoint: [1] }), "/config/Entrypoint/0"],
		["User as a number", inner({ User: 0 }), "/config/User"],
		["User with NUL", inner({ User: "root\0" }), "/config/User"],
		["WorkingDir with NUL", inner({ WorkingDir: "/\0" }), "/config/WorkingDir"],
		["Volumes as a list", inner({ Volumes: ["/x"] }), "/config/Volumes"],
		["a volume with NUL", inner({ Volumes: { "/\0": {} } }), "/config/Volumes/0"],
		["a port above 65535", inner({ ExposedPorts: { "65536/tcp": {} } }), "/config/ExposedPorts/0"],
		["a port that is none", inner({ ExposedPorts: { "; rm -rf /": {} } }), "/config/ExposedPorts/0"],
		["a label that is no text", inner({ Labels: { a: {} } }), "/config/Labels/a"],
		["history that is no list", { ...goodConfig, history: {} }, "/history"],
		["empty_layer as text", { ...goodConfig, history: [{ empty_layer: "true" }] }, "/history/0/empty_layer"],
	];
	for (const [name, document, at] of cases) {
		test(name, () => {
			const error = errorOf(() => decodeConfig(bytesOf(document), 1, 'config of "x"'));
			expect(error.message).toStartWith('cannot decode config of "x": ');
			expect([error.code, error.at ?? ""]).toEqual(["invalid-spec", at]);
		});
	}

	test("null stands for absent, as docker writes it", () => {
		const nulls = {
			Env: null,
			Cmd: null,
			Entrypoint: null,
			Volumes: null,
			ExposedPorts: null,
			Labels: null,
			User: null,
			WorkingDir: null,
			StopSignal: null,
		};
		const decoded = decodeConfig(bytesOf({ ...goodConfig, config: nulls, history: null }), 1, "x");
		expect(decoded.config).toEqual(decodeConfig(bytesOf({ ...goodConfig, config: null }), 1, "x").config);
		expect(decoded.history).toEqual([]);
	});

	test("a label named __proto__ is a label", () => {
		const document = JSON.stringify(goodConfig).replace('"a":"b"', '"__proto__":"b"');
		expect(Object.entries(decodeConfig(bytesOf(document), 1, "x").config.labels)).toEqual([["__proto__", "b"]]);
	});

	test("all issues come at once", () => {
		const error = errorOf(() => decodeConfig(bytesOf({ ...goodConfig, os: 1, architecture: 2, rootfs: { type: "x" } }), 1, "x"));
		expect(error.message.split("; ").length).toBe(4);
	});
});
