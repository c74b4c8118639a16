// Random damage to whole archives, seeded: to the documents in them, with the digests made right again so that the next reader is reached, to the
// layers' compressed streams, and to the archive's own. Whatever comes of it is an image in the store that a check finds whole, or an error that says
// what is wrong with the archive; nothing is left behind. FUZZ_ROUNDS and FUZZ_SEED as for the layers' fuzzer.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type TarEntry, writeTar } from "../../scripts/lib/tar.ts";
import { passwdLayer, sha256 } from "../../test/support/images.ts";
import { isError } from "../base/errors.ts";
import { createStore, holdBlobs, temporaryFolder } from "./blobs.ts";
import { checkStore } from "./check.ts";
import { createMutator, type Json } from "./mutate.fixture.ts";
import { storeImage } from "./pull.ts";
import { collectGarbage } from "./remove.ts";
import { aciSource } from "./sources/aci.ts";
import { openArchive } from "./sources/archive.ts";

const folder = mkdtempSync(`${tmpdir()}/corten-archive-fuzz-`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const seed = Number(process.env.FUZZ_SEED ?? 1);
const rounds = Number(process.env.FUZZ_ROUNDS ?? 400);
const { random, pick, mutate, encode, damage } = createMutator(seed);

const layer = writeTar([...passwdLayer, { path: "data", kind: "file", data: "data ".repeat(500) }]);
const compress = {
	"": (bytes: Uint8Array) => bytes,
	"+gzip": (bytes: Uint8Array) => Bun.gzipSync(new Uint8Array(bytes)),
	"+zstd": (bytes: Uint8Array) => Bun.zstdCompressSync(bytes),
};
const external = (program: string) => (bytes: Uint8Array) =>
	new Uint8Array(Bun.spawnSync([program, "-c"], { stdin: bytes, stdout: "pipe" }).stdout);
const outer = [...Object.values(compress), external("bzip2"), external("xz")];

const file = (path: string, data: Uint8Array): TarEntry => ({ path, kind: "file", data });
/** A document, bent in one of a few rounds. */
const bent = (document: Json): Uint8Array => (random(3) === 0 ? encode(mutate(document, pick([10, 40]))) : encode(document));
const describe = (mediaType: string, bytes: Uint8Array) => ({ mediaType, digest: sha256(bytes) as string, size: bytes.length });

function config(): Uint8Array {
	return bent({
		architecture: "amd64",
		os: "linux",
		config: { Env: ["A=b"], Cmd: ["c"], Volumes: { "/v": {} }, Healthcheck: { Test: ["CMD", "x"] } },
		rootfs: { type: "layers", diff_ids: [sha256(layer)] },
		history: [{ created_by: "x" }],
	});
}

function layout(): TarEntry[] {
	const suffix = pick(["", "+gzip", "+zstd"] as const);
	const blob = damage(compress[suffix](layer));
	const configBytes = config();
	const manifest = bent({
		schemaVersion: 2,
		mediaType: "application/vnd.oci.image.manifest.v1+json",
		config: describe("application/vnd.oci.image.config.v1+json", configBytes),
		layers: [describe(`application/vnd.oci.image.layer.v1.tar${suffix}`, blob)],
	});
	const index = bent({
		schemaVersion: 2,
		manifests: [
			{
				...describe("application/vnd.oci.image.manifest.v1+json", manifest),
				annotations: { "org.opencontainers.image.ref.name": "example.com/a:1" },
			},
		],
	});
	const place = (bytes: Uint8Array) => file(`blobs/sha256/${sha256(bytes).slice(7)}`, bytes);
	return [
		file("oci-layout", bent({ imageLayoutVersion: "1.0.0" })),
		file("index.json", index),
		place(manifest),
		place(configBytes),
		place(blob),
	];
}

function docker(): TarEntry[] {
	const manifest = bent([{ Config: "config.json", RepoTags: ["example.com/a:1"], Layers: ["layer.tar"] }]);
	return [file("manifest.json", manifest), file("config.json", config()), file("layer.tar", damage(pick(Object.values(compress))(layer)))];
}

function legacy(): TarEntry[] {
	const [a, b] = ["a".repeat(64), "b".repeat(64)];
	const documents: [string, Json][] = [
		["repositories", { "example.com/a": { 1: b } }],
		[`${a}/json`, { id: a, created: "2014-01-01T00:00:00Z", container_config: { Cmd: ["x"] } }],
		[`${b}/json`, { id: b, parent: a, os: "linux", architecture: "amd64", config: { Cmd: ["sh"] } }],
	];
	return [
		...documents.map(([path, document]) => file(path, bent(document))),
		file(`${a}/layer.tar`, damage(layer)),
		file(`${b}/layer.tar`, layer),
	];
}

function aci(): TarEntry[] {
	const manifest = bent({
		acKind: "ImageManifest",
		acVersion: "0.8.11",
		name: "example.com/a",
		labels: [
			{ name: "os", value: "linux" },
			{ name: "arch", value: "amd64" },
		],
		app: { exec: ["/data"], user: "0", group: "0", mountPoints: [{ name: "m", path: "/m" }] },
		pathWhitelist: pick([[], ["/data"]]),
	});
	return [{ path: "rootfs/", kind: "folder" }, file("rootfs/data", damage(layer)), file("manifest", manifest)];
}

/** What may be said of an archive, and nothing else. */
const honest = ["invalid-spec", "integrity", "unsupported", "not-found"] as const;

test(`${rounds} random archives, seed ${seed}`, async () => {
	const root = `${folder}/root`;
	createStore(root);
	let stored = 0;
	for (let round = 0; round < rounds; round++) {
		const make = pick([layout, layout, docker, docker, legacy, aci]);
		const bytes = damage(pick(outer)(damage(writeTar(make()))));
		const path = `${folder}/archive`;
		writeFileSync(path, bytes);
		try {
			using _hold = holdBlobs(root);
			if (make === aci) {
				await using source = await aciSource(path, { temporaryFolder: temporaryFolder(root) });
				await storeImage(source, path, { root });
			} else {
				using archive = await openArchive(path, temporaryFolder(root));
				for (const source of archive.images) await storeImage(source, path, { root });
			}
			stored++;
		} catch (error) {
			if (!honest.some((code) => isError(error, code))) throw new Error(`round ${round} of seed ${seed}, ${make.name}`, { cause: error });
		}
		expect(readdirSync(`${root}/store/tmp`)).toEqual([]);
	}
	expect(stored).toBeGreaterThan(rounds / 50);
	expect(stored).toBeLessThan(rounds);
	expect(await checkStore(root, { repair: false, quick: false })).toMatchObject({ problems: [] });
	collectGarbage(root);
}, 600_000);
