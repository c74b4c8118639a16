// Image archives for the tests, honest and not.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { archive, type Member, member } from "../layer/tar.fixture.ts";
import { decodeManifest, type Manifest } from "../manifest.ts";
import type { ImageSource } from "../sources/source.ts";

/** A manifest document. */
export function manifestOf(name: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
	return { acKind: "ImageManifest", acVersion: "0.8.11", name, ...more };
}

/** An archive of a manifest and files of these paths below the rootfs; a name with a slash at its end is a folder. */
export function aciBytes(manifest: unknown, ...files: readonly (string | Member)[]): Uint8Array {
	return archive(
		{ name: "rootfs", type: "5", mode: 0o755 },
		...files.map((file) => {
			if (typeof file !== "string") return member({ ...file, name: `rootfs/${file.name}` });
			return file.endsWith("/")
				? member({ name: `rootfs/${file}`, type: "5", mode: 0o755 })
				: member({ name: `rootfs/${file}`, data: `${file} of ${(manifest as { name?: string }).name}` });
		}),
		{ name: "manifest", data: typeof manifest === "string" ? manifest : JSON.stringify(manifest) },
	);
}

/** A folder that goes away, and files in it. */
export function workFolder(): { readonly path: string; put(name: string, bytes: Uint8Array): string } & Disposable {
	const path = mkdtempSync(`${tmpdir()}/aci-test-`);
	return {
		path,
		put(name, bytes) {
			writeFileSync(`${path}/${name}`, bytes);
			return `${path}/${name}`;
		},
		[Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
	};
}

/** The manifest of a source, decoded, and as it is. */
export async function openManifest(
	source: ImageSource,
): Promise<{ readonly manifest: Manifest; readonly annotations: Readonly<Record<string, string>> }> {
	const { bytes, mediaType } = await source.root();
	const manifest = decodeManifest(bytes, mediaType, "manifest");
	if (manifest.kind !== "manifest") throw new Error("it is an index");
	return { manifest, annotations: JSON.parse(new TextDecoder().decode(bytes)).annotations };
}

/** All of a blob. */
export async function readBlobOf(source: ImageSource, descriptor: Manifest["config"]): Promise<Uint8Array> {
	const chunks: Uint8Array[] = [];
	for await (const chunk of source.blob(descriptor)) chunks.push(chunk);
	return new Uint8Array(Buffer.concat(chunks));
}

/** sha512 of a file, as an image ID. */
export function imageIDOf(path: string): string {
	return `sha512-${new Bun.CryptoHasher("sha512").update(readFileSync(path)).digest("hex")}`;
}
