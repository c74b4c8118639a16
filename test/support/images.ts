// Images in memory, honest or bent, and a registry that serves them from this process: for the tests of src/image.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type TarEntry, writeTar } from "../../scripts/lib/tar.ts";

const encoder = new TextEncoder();

/** The digest of bytes or text. */
export function sha256(bytes: Uint8Array | string): `sha256:${string}` {
	return `sha256:${Bun.SHA256.hash(bytes, "hex")}`;
}

/** A JSON document before it is bent. */
export type Document = Record<string, unknown>;

/** What to make an image of. */
export type ImageRecipe = {
	/** Layers, lowest first; one with /etc/passwd if not given. */
	readonly layers?: readonly (readonly TarEntry[])[];
	readonly compression?: "gzip" | "zstd" | "none";
	/** docker's media types instead of OCI's. */
	readonly docker?: boolean;
	readonly architecture?: string;
	readonly variant?: string;
	/** Changes the config document. */
	readonly config?: (config: Document) => unknown;
	/** Changes the manifest document. */
	readonly manifest?: (manifest: Document) => unknown;
};

/** An image; `blobs` has everything by digest, the manifest too. */
export type TestImage = {
	readonly manifest: { readonly mediaType: string; readonly digest: `sha256:${string}`; readonly size: number };
	readonly config: { readonly digest: `sha256:${string}`; readonly size: number };
	readonly layers: readonly { readonly digest: `sha256:${string}`; readonly size: number; readonly tar: Uint8Array }[];
	readonly blobs: Map<string, Uint8Array>;
};

/** A layer with root in /etc/passwd and /etc/group. */
export const passwdLayer: readonly TarEntry[] = [
	{ path: "etc/", kind: "folder" },
	{ path: "etc/passwd", kind: "file", data: "root:x:0:0::/root:/bin/sh\n" },
	{ path: "etc/group", kind: "file", data: "root:x:0:\n" },
];

/** Makes an image of this machine's platform. */
export function makeImage(recipe: ImageRecipe = {}): TestImage {
	const blobs = new Map<string, Uint8Array>();
	const put = (bytes: Uint8Array) => {
		const digest = sha256(bytes);
		blobs.set(digest, bytes);
		return { digest, size: bytes.length };
	};
	const { compression = "gzip", docker = false } = recipe;
	const tars = (recipe.layers ?? [passwdLayer]).map(writeTar);
	const pack = (tar: Uint8Array) =>
		compression === "none" ? tar : compression === "zstd" ? Bun.zstdCompressSync(tar) : Bun.gzipSync(new Uint8Array(tar));
	const suffix = compression === "none" ? "" : `${docker ? "." : "+"}${compression}`;
	const layers = tars.map((tar) => ({ ...put(pack(tar)), tar }));
	const architecture = recipe.architecture ?? (process.arch === "x64" ? "amd64" : process.arch);
	const configDocument: Document = {
		created: "2024-01-02T03:04:05Z",
		architecture,
		...(recipe.variant === undefined ? {} : { variant: recipe.variant }),
		os: "linux",
		config: { Env: ["PATH=/bin"], Cmd: ["sh"], Entrypoint: null, WorkingDir: "/", Labels: { a: "b" } },
		rootfs: { type: "layers", diff_ids: tars.map(sha256) },
		history: [{ created: "2024-01-02T03:04:05Z", created_by: "test" }],
	};
	const config = put(encoder.encode(JSON.stringify(recipe.config?.(configDocument) ?? configDocument)));
	const prefix = docker ? "application/vnd.docker" : "application/vnd.oci";
	const mediaType = docker ? `${prefix}.distribution.manifest.v2+json` : `${prefix}.image.manifest.v1+json`;
	const manifestDocument: Document = {
		schemaVersion: 2,
		mediaType,
		config: { mediaType: docker ? `${prefix}.container.image.v1+json` : `${prefix}.image.config.v1+json`, ...config },
		layers: layers.map(({ digest, size }) => ({
			mediaType: `${prefix}.${docker ? "image.rootfs.diff" : "image.layer.v1"}.tar${suffix}`,
			digest,
			size,
		})),
	};
	const manifest = { mediaType, ...put(encoder.encode(JSON.stringify(recipe.manifest?.(manifestDocument) ?? manifestDocument))) };
	return { manifest, config, layers, blobs };
}

/** An OCI index of documents; put into a map of blobs. */
export function makeIndex(
	entries: readonly Document[],
	blobs: Map<string, Uint8Array>,
	mediaType = "application/vnd.oci.image.index.v1+json",
) {
	const bytes = encoder.encode(JSON.stringify({ schemaVersion: 2, mediaType, manifests: entries }));
	const digest = sha256(bytes);
	blobs.set(digest, bytes);
	return { mediaType, digest, size: bytes.length };
}

/** Writes a layout folder with images under their names. */
export function writeImages(folder: string, images: Readonly<Record<string, TestImage>>): void {
	mkdirSync(`${folder}/blobs/sha256`, { recursive: true });
	const manifests = Object.entries(images).map(([name, image]) => {
		for (const [digest, bytes] of image.blobs) writeFileSync(`${folder}/blobs/${digest.replace(":", "/")}`, bytes);
		return { ...image.manifest, ...(name === "" ? {} : { annotations: { "org.opencontainers.image.ref.name": name } }) };
	});
	writeFileSync(`${folder}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
	writeFileSync(`${folder}/index.json`, JSON.stringify({ schemaVersion: 2, manifests }));
}

/** A request as the fake registry saw it. */
export type Seen = {
	readonly method: string;
	readonly path: string;
	readonly host: string;
	readonly authorization: string | null;
	readonly range: string | null;
};

/** A registry in this process, plain http on a loopback port. */
export type FakeRegistry = Disposable & {
	readonly host: string;
	readonly seen: Seen[];
	/** `tag or digest` -> what is served as a manifest. */
	readonly manifests: Map<string, { readonly bytes: Uint8Array; readonly mediaType: string }>;
	readonly blobs: Map<string, Uint8Array>;
	/** Makes an image known under a tag and its digest. */
	readonly add: (tag: string, image: TestImage) => void;
	/** Answers instead of the registry; undefined: the registry answers. */
	answer: (request: Request, url: URL) => Response | undefined | Promise<Response | undefined>;
};

/** Serves on 127.0.0.1; one repository name is as good as another. */
export function serveFake(): FakeRegistry {
	const manifests: FakeRegistry["manifests"] = new Map();
	const blobs: FakeRegistry["blobs"] = new Map();
	const seen: Seen[] = [];
	const server = Bun.serve({
		hostname: "127.0.0.1",
		port: 0,
		idleTimeout: 0,
		development: false,
		fetch: async (request) => {
			const url = new URL(request.url);
			const { headers } = request;
			seen.push({
				method: request.method,
				path: url.pathname + url.search,
				host: url.host,
				authorization: headers.get("authorization"),
				range: headers.get("range"),
			});
			const special = await registry.answer(request, url);
			if (special !== undefined) return special;
			if (url.pathname === "/v2/") return Response.json({});
			const [, kind, name] = /\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname) ?? [];
			if (kind === "manifests") {
				const found = manifests.get(name ?? "");
				if (found !== undefined) return new Response(new Uint8Array(found.bytes), { headers: { "content-type": found.mediaType } });
			}
			const blob = kind === "blobs" ? blobs.get(name ?? "") : undefined;
			if (blob === undefined) return Response.json({ errors: [{ code: "NAME_UNKNOWN", message: "not here" }] }, { status: 404 });
			const from = Number(/^bytes=(\d+)-$/.exec(headers.get("range") ?? "")?.[1] ?? 0);
			if (from === 0) return new Response(new Uint8Array(blob));
			return new Response(new Uint8Array(blob.subarray(from)), {
				status: 206,
				headers: { "content-range": `bytes ${from}-${blob.length - 1}/${blob.length}` },
			});
		},
	});
	const registry: FakeRegistry = {
		host: `127.0.0.1:${server.port}`,
		seen,
		manifests,
		blobs,
		add: (tag, image) => {
			for (const [digest, bytes] of image.blobs) blobs.set(digest, bytes);
			const document = { bytes: image.blobs.get(image.manifest.digest) ?? new Uint8Array(), mediaType: image.manifest.mediaType };
			manifests.set(tag, document);
			manifests.set(image.manifest.digest, document);
		},
		answer: () => undefined,
		[Symbol.dispose]: () => void server.stop(true),
	};
	return registry;
}

/** A folder that goes with its `using` block. */
export function temporaryFolder(): Disposable & { readonly path: string } {
	const path = mkdtempSync(`${tmpdir()}/corten-image-`);
	return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
