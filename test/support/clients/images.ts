// What tests of image formats ask of skopeo and podman.

import { mkdirSync, writeFileSync } from "node:fs";
import { sha256 } from "../images.ts";
import { must } from "../must.ts";

/** skopeo, without a policy; arguments follow. */
export const skopeo: readonly string[] = ["skopeo", "--insecure-policy"];

/** The digest of the manifest that skopeo finds at a place, `oci:FOLDER:NAME`. */
export function rawDigest(place: string, ...options: readonly string[]): `sha256:${string}` {
	return sha256(must([...skopeo, "inspect", "--raw", ...options, place]));
}

/** The image ID that skopeo finds at a place. */
export function imageID(place: string): string {
	return (JSON.parse(must([...skopeo, "inspect", "--raw", place]).toString()) as { config: { digest: string } }).config.digest;
}

/** podman with all it keeps below a folder; who loads and saves adds `--signature-policy FOLDER/policy.json`. */
export function podmanIn(folder: string): (...args: readonly string[]) => string {
	mkdirSync(folder, { recursive: true });
	writeFileSync(`${folder}/policy.json`, '{"default":[{"type":"insecureAcceptAnything"}]}');
	const places = ["--root", `${folder}/root`, "--runroot", `${folder}/run`, "--tmpdir", `${folder}/tmp`];
	return (...args) => must(["podman", ...places, "--storage-driver", "vfs", "--events-backend", "none", ...args]).toString();
}
