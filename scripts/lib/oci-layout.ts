// Writes an OCI image layout folder with one image: oci-layout, index.json and blobs/sha256/*. The same input gives the same bytes.
// @see image-spec image-layout.md

import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { arch } from "node:os";

/** What one image is made of; layers are uncompressed tars, lowest first. */
export type LayoutImage = {
	/** `docker.io/library/busybox:latest`, for org.opencontainers.image.ref.name. */
	readonly refName: string;
	readonly layers: readonly Uint8Array[];
	/** The `config` object of the image config, in the specification's spelling. */
	readonly config: Readonly<Record<string, unknown>>;
};

const created = "1970-01-01T00:00:00Z";

function sha256(bytes: Uint8Array | string): string {
	return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Writes the layout into `folder`, which is made; files of an older run are overwritten. @returns the manifest's digest */
export function writeLayout(folder: string, image: LayoutImage): string {
	mkdirSync(`${folder}/blobs/sha256`, { recursive: true });
	const blob = (bytes: Uint8Array | string) => {
		const digest = sha256(bytes);
		writeFileSync(`${folder}/blobs/${digest.replace(":", "/")}`, bytes);
		return { digest, size: typeof bytes === "string" ? Buffer.byteLength(bytes) : bytes.length };
	};
	const layers = image.layers.map((tar) => ({
		mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
		...blob(Bun.gzipSync(new Uint8Array(tar), { level: 6 })),
	}));
	const architecture = arch() === "x64" ? "amd64" : arch();
	const config = {
		created,
		architecture,
		os: "linux",
		config: image.config,
		rootfs: { type: "layers", diff_ids: image.layers.map(sha256) },
		history: image.layers.map((_, index) => ({ created, created_by: `layer ${index + 1}` })),
	};
	const manifest = {
		schemaVersion: 2,
		mediaType: "application/vnd.oci.image.manifest.v1+json",
		config: { mediaType: "application/vnd.oci.image.config.v1+json", ...blob(JSON.stringify(config)) },
		layers,
	};
	const descriptor = {
		mediaType: manifest.mediaType,
		...blob(JSON.stringify(manifest)),
		platform: { os: "linux", architecture },
		annotations: { "org.opencontainers.image.ref.name": image.refName },
	};
	const index = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [descriptor] };
	writeFileSync(`${folder}/oci-layout`, JSON.stringify({ imageLayoutVersion: "1.0.0" }));
	writeFileSync(`${folder}/index.json`, JSON.stringify(index));
	return descriptor.digest;
}
