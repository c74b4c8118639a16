// The payload of a schema 1 manifest decoded, and what it becomes; what docker would read otherwise is refused.

import { describe, expect, test } from "bun:test";
import { makeImage, passwdLayer, sha256 } from "../../../test/support/images.ts";
import type { Digest } from "../../spec/image.ts";
import { decodeSchema1 } from "./document.ts";
import { compactJson, rawMembers } from "./raw-json.ts";
import { type Json, schema1Payload } from "./schema1.fixture.ts";
import { type KnownLayer, translateSchema1 } from "./translate.ts";

const image = makeImage({ layers: [passwdLayer, [{ path: "b", kind: "file", data: "b" }]] });
const text = (data: Uint8Array) => new TextDecoder().decode(data);
const decode = (payload: string) => decodeSchema1(new TextEncoder().encode(payload), "manifest");
const known = new Map(
	image.layers.map(({ digest, size, tar }): [Digest, KnownLayer] => [
		digest,
		{ size, mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip", diffID: sha256(tar) },
	]),
);
const translate = (payload: string) => translateSchema1(decode(payload), known, "manifest");

test("layers come lowest first, with what a step without files has said", () => {
	const { entries, name, tag } = decode(schema1Payload(image));
	expect([name, tag]).toEqual(["a/b", "1"]);
	expect(entries.map(({ document }) => document.throwaway)).toEqual([false, true, false]);
	expect(entries.filter(({ document }) => !document.throwaway).map(({ blob }) => blob)).toEqual(image.layers.map(({ digest }) => digest));
});

test("the config is what containers-image makes of it, to the last byte, and the manifest names it", () => {
	const { config, manifest } = translate(schema1Payload(image));
	const [first, second] = image.layers.map(({ tar }) => sha256(tar));
	expect(text(config.bytes)).toBe(
		`{"architecture":"amd64","config":{"Cmd":["sh"],"Env":["A=\\u003cb\\u003e"]},"container_config":{"Cmd":["/bin/sh","-c","step \\u003c1\\u003e"]},` +
			'"created":"2014-01-02T03:04:05.600Z","history":[{"created":"2014-01-02T03:04:05.6Z","created_by":"/bin/sh -c step \\u003c0\\u003e"},' +
			'{"created":"2014-01-02T03:04:06Z","created_by":"ENV A=b","empty_layer":true},' +
			`{"created":"2014-01-02T03:04:05.6Z","created_by":"/bin/sh -c step \\u003c1\\u003e"}],"os":"linux","rootfs":{"type":"layers","diff_ids":["${first}","${second}"]}}`,
	);
	expect(JSON.parse(text(manifest.bytes))).toEqual({
		schemaVersion: 2,
		mediaType: "application/vnd.docker.distribution.manifest.v2+json",
		config: { mediaType: "application/vnd.docker.container.image.v1+json", digest: sha256(config.bytes), size: config.bytes.length },
		layers: image.layers.map(({ digest, size }) => ({ mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip", digest, size })),
	});
	expect(translate(schema1Payload(image))).toEqual({ config, manifest });
});

test("numbers keep their digits and members their order, whatever they are called", () => {
	const raw = '{"z" : {"10":1, "2":12345678901234567890,"f":1.10e+3} ,"a":[ "x y", {"b":null} ], "z\\u0061":"\\"}"}';
	expect([...rawMembers(raw)]).toEqual([
		["z", '{"10":1, "2":12345678901234567890,"f":1.10e+3}'],
		["a", '[ "x y", {"b":null} ]'],
		["za", '"\\"}"'],
	]);
	expect(compactJson(raw)).toBe('{"z":{"10":1,"2":12345678901234567890,"f":1.10e+3},"a":["x y",{"b":null}],"z\\u0061":"\\"}"}');
	expect([...rawMembers("{}"), ...rawMembers(" { } ")]).toEqual([]);
});

test("what the topmost layer does not say comes from the manifest, or is what it was then", () => {
	const bare = (change: (document: Json) => Json) =>
		JSON.parse(
			text(translate(schema1Payload(image, change, ([top, ...rest]) => [{ id: top?.id, parent: top?.parent }, ...rest])).config.bytes),
		);
	expect(bare((document) => ({ ...document, architecture: "arm64" }))).toMatchObject({ os: "linux", architecture: "arm64" });
	expect(bare(({ architecture: _, ...document }) => document)).toMatchObject({ os: "linux", architecture: "amd64" });
	expect(bare((document) => document).history.at(-1)).toEqual({ created: "0001-01-01T00:00:00Z" });
});

test("an entry that is there twice, to the last letter, is there once, as docker 1.4 wrote hello-world", () => {
	const twice = schema1Payload(image, (document) => ({
		...document,
		fsLayers: [(document.fsLayers as Json[])[0], ...(document.fsLayers as Json[])],
		history: [(document.history as Json[])[0], ...(document.history as Json[])],
	}));
	expect(decode(twice)).toEqual(decode(schema1Payload(image)));
});

describe("refused is", () => {
	const id = (digit: string) => digit.repeat(64);
	const lists = (change: (fsLayers: Json[], history: Json[]) => Json) => (document: Json) => ({
		...document,
		...change(document.fsLayers as Json[], document.history as Json[]),
	});
	const documents: readonly (readonly [why: string, change: (document: Json) => Json, message: string])[] = [
		["another schema", (document) => ({ ...document, schemaVersion: 2 }), "/schemaVersion"],
		["a layer without history", lists((_, history) => ({ history: history.slice(1) })), "3 layers and a history of 2"],
		["history without a layer", lists((fsLayers) => ({ fsLayers: fsLayers.slice(1) })), "2 layers and a history of 3"],
		["nothing at all", () => ({ schemaVersion: 1, fsLayers: [], history: [] }), "no entry of it is a layer"],
		["five thousand entries", lists(([layer]) => ({ fsLayers: Array(5000).fill(layer) })), "more than 4096"],
		["a blob that is a path", lists((fsLayers) => ({ fsLayers: [{ blobSum: "../../etc/passwd" }, ...fsLayers.slice(1)] })), "is no sha256"],
		["a blob in another case", lists(([first, ...rest]) => ({ fsLayers: [{ ...first, BlobSum: "" }, ...rest] })), '"BlobSum"'],
		["layers under two names", (document) => ({ ...document, FSLayers: [] }), '"FSLayers"'],
		["a manifest of schema 2 as well", (document) => ({ ...document, layers: [], config: {} }), "/config"],
		["a list of manifests as well", (document) => ({ ...document, manifests: [] }), "/manifests"],
		["signatures inside what is signed", (document) => ({ ...document, signatures: [] }), "/signatures"],
		[
			"history that is no JSON",
			lists((_, [, ...rest]) => ({ history: [{ v1Compatibility: "{" }, ...rest] })),
			"/history/0/v1Compatibility",
		],
		["history that is no text", lists((_, [, ...rest]) => ({ history: [{ v1Compatibility: {} }, ...rest] })), "/history/0/v1Compatibility"],
		[
			"history that is nested without end",
			lists((_, [, ...rest]) => ({ history: [{ v1Compatibility: `{"a":${"[".repeat(1 << 20)}` }, ...rest] })),
			"/history/0",
		],
	];
	for (const [why, change, message] of documents)
		test(why, () => {
			expect(() => decode(schema1Payload(image, change))).toThrow(
				expect.objectContaining({ code: "invalid-spec", message: expect.stringContaining(message) }),
			);
		});

	const chains: readonly (readonly [why: string, entries: (list: Json[]) => Json[], message: string])[] = [
		["a layer without id", ([top, ...rest]) => [{ ...top, id: undefined }, ...rest], "has no id"],
		["an id that is a path", ([top, ...rest]) => [{ ...top, id: "../.." }, ...rest], "is no layer ID"],
		["a parent that is not the next", ([top, ...rest]) => [{ ...top, parent: id("e") }, ...rest], "but"],
		["a gap in the chain", ([top, ...rest]) => [{ ...top, parent: undefined }, ...rest], "the parent of /history/0"],
		["a parent below the lowest", (list) => [...list.slice(0, -1), { ...list.at(-1), parent: id("d") }], "which is not there"],
		["a ring", () => [{ id: id("a"), parent: id("b") }, { id: id("b"), parent: id("a") }, { id: id("a") }], "its own ancestor"],
		[
			"a layer twice with other words",
			([top, middle]) => [
				{ ...top, parent: top?.id },
				{ ...top, parent: middle?.id },
				{ ...middle, parent: "" },
			],
			"its own ancestor",
		],
		["nothing but steps without files", (list) => list.map((entry) => ({ ...entry, throwaway: true })), "no entry of it is a layer"],
		["a flag in another case", ([top, ...rest]) => [{ ...top, ThrowAway: true }, ...rest], '"ThrowAway"'],
		["a flag that is none", ([top, ...rest]) => [{ ...top, throwaway: 1 }, ...rest], "/throwaway"],
	];
	for (const [why, entries, message] of chains)
		test(why, () => {
			expect(() => decode(schema1Payload(image, undefined, entries))).toThrow(
				expect.objectContaining({ code: "invalid-spec", message: expect.stringContaining(message) }),
			);
		});

	test("a property twice", () => {
		expect(() => decode(schema1Payload(image).replace('"name"', '"tag": "x", "name"'))).toThrow("is there twice");
	});

	test("a history of 501 layers", () => {
		const name = (at: number) => at.toString(16).padStart(64, "0");
		const history = Array.from({ length: 501 }, (_, at) => ({
			v1Compatibility: JSON.stringify({ id: name(at), parent: at === 500 ? "" : name(at + 1) }),
		}));
		const fsLayers = history.map(() => ({ blobSum: sha256("x") }));
		expect(() => decode(JSON.stringify({ schemaVersion: 1, fsLayers, history }))).toThrow("more than 500");
	});

	test("a time that is none", () => {
		expect(() => translate(schema1Payload(image, undefined, ([top, ...rest]) => [{ ...top, created: "today" }, ...rest]))).toThrow(
			'"today" is no time',
		);
	});
});
