// Large images, made as a stream: a layer of a gibibyte never is in memory or on disk uncompressed. The same recipe gives the same tar.

import { createCipheriv } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { type TarEntry, tarHeader, writeTar } from "../../scripts/lib/tar.ts";
import { busyboxEntries } from "./fixtures/busybox.ts";
import { sha256 } from "./images.ts";

type Digest = `sha256:${string}`;

/** A large image's documents. */
export type LargeImage = { readonly manifest: Digest; readonly config: Digest };

/** A layer as the pieces of its tar, without the end mark. */
export type LargeLayer = Iterable<Uint8Array>;

const mebibyte = 1 << 20;
const endBlocks = 1024;

function members(entries: readonly TarEntry[]): Uint8Array {
	return writeTar(entries).subarray(0, -endBlocks);
}

/** Busybox, so that the image runs. */
export function* busyboxMembers(): LargeLayer {
	yield members(busyboxEntries());
}

/** A mebibyte of which each 64 KiB begin with so many that no compressor can make smaller, and repeat them. */
function noise(freshKib: number): Uint8Array {
	const block = createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(mebibyte));
	for (let from = 0; from < mebibyte; from += 64 << 10)
		for (let at = freshKib << 10; at < 64 << 10; at++) block[from + at] = block[from + at - (freshKib << 10)] ?? 0;
	return block;
}

/**
 * One large file. Every mebibyte carries its number: a piece that is lost or out of its place changes the checksum.
 * @param freshKib of each 64 KiB do not compress: 64 for all, 4 for a blob of a sixteenth
 */
export function* largeFile(path: string, mebibytes: number, freshKib: number): LargeLayer {
	yield tarHeader({ path, kind: "file" }, mebibytes * mebibyte);
	const block = noise(freshKib);
	for (let index = 0; index < mebibytes; index++) {
		new DataView(block.buffer, block.byteOffset).setUint32(0, index);
		yield block;
	}
}

/** What the file of that number holds: 0 to 1.2 kB. */
function smallContent(index: number): string {
	return `${index} `.repeat((index * 7) % 200);
}

/** Small files, a hundred a folder, ten such folders in each of those below `top`; `top` ends with a slash. */
export function* smallFiles(top: string, count: number): LargeLayer {
	yield members([{ path: top, kind: "folder" }]);
	for (let from = 0; from < count; from += 100) {
		const outer = `${top}part-${String(Math.floor(from / 1000)).padStart(3, "0")}/`;
		const inner = `${outer}section-${(from / 100) % 10}/`;
		const folders: TarEntry[] = from % 1000 === 0 ? [{ path: outer, kind: "folder" }] : [];
		const files = Array.from(
			{ length: Math.min(100, count - from) },
			(_, at): TarEntry => ({ path: `${inner}file-${from + at}.txt`, kind: "file", data: smallContent(from + at) }),
		);
		yield members([...folders, { path: inner, kind: "folder" }, ...files]);
	}
}

function* ended(layer: LargeLayer): LargeLayer {
	yield* layer;
	yield new Uint8Array(endBlocks);
}

/** Compresses a layer into the layout. @returns its descriptor and diffID */
async function writeLayer(folder: string, layer: LargeLayer, compression: "gzip" | "zstd") {
	const unnamed = `${folder}/layer`;
	const command = compression === "gzip" ? ["gzip", "-n1"] : ["zstd", "-q", "-1"];
	const child = Bun.spawn(command, { stdin: "pipe", stdout: Bun.file(unnamed), stderr: "inherit" });
	const tar = new Bun.CryptoHasher("sha256");
	for (const piece of ended(layer)) {
		tar.update(piece);
		child.stdin.write(piece);
		await child.stdin.flush();
	}
	await child.stdin.end();
	if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: status ${child.exitCode}`);
	const blob = new Bun.CryptoHasher("sha256");
	for await (const chunk of Bun.file(unnamed).stream()) blob.update(chunk);
	const hex = blob.digest("hex");
	const { size } = Bun.file(unnamed);
	renameSync(unnamed, `${folder}/blobs/sha256/${hex}`);
	const mediaType = `application/vnd.oci.image.layer.v1.tar+${compression}`;
	return { diffID: `sha256:${tar.digest("hex")}`, descriptor: { mediaType, digest: `sha256:${hex}`, size } };
}

/** Makes an OCI layout of one image of this machine's platform, in a folder that it makes. */
export async function writeLargeImage(
	folder: string,
	name: string,
	layers: readonly LargeLayer[],
	compression: "gzip" | "zstd",
): Promise<LargeImage> {
	mkdirSync(`${folder}/blobs/sha256`, { recursive: true });
	const put = (document: object) => {
		const text = JSON.stringify(document);
		const digest = sha256(text);
		writeFileSync(`${folder}/blobs/${digest.replace(":", "/")}`, text);
		return { digest, size: Buffer.byteLength(text) };
	};
	const written = [];
	for (const layer of layers) written.push(await writeLayer(folder, layer, compression));
	const config = put({
		created: "2024-01-02T03:04:05Z",
		architecture: process.arch === "x64" ? "amd64" : process.arch,
		os: "linux",
		config: { Env: ["PATH=/bin"], Cmd: ["sh"] },
		rootfs: { type: "layers", diff_ids: written.map(({ diffID }) => diffID) },
		history: layers.map(() => ({ created: "2024-01-02T03:04:05Z", created_by: "large" })),
	});
	const mediaType = "application/vnd.oci.image.manifest.v1+json";
	const manifest = put({
		schemaVersion: 2,
		mediaType,
		config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
		layers: written.map(({ descriptor }) => descriptor),
	});
	writeFileSync(`${folder}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
	const entry = { mediaType, ...manifest, annotations: { "org.opencontainers.image.ref.name": name } };
	writeFileSync(`${folder}/index.json`, JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
	return { manifest: manifest.digest, config: config.digest };
}
