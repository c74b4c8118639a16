// An image of appc's from its name to a verified file: discovery, signature, download, verification. What its manifest must say is checked by who
// reads it: {@link checkAsked}.

import { CortenError } from "../../base/errors.ts";
import { O_RDONLY, openFd, readFile } from "../../linux/file.ts";
import { type AppcManifest, appcArches, appcValue } from "../../spec/appc.ts";
import type { Platform } from "../../spec/image.ts";
import { platformOf } from "../aci/to-oci.ts";
import { type Signer, verifyDetached } from "../openpgp.ts";
import { platformSuits } from "../platform.ts";
import { streamFd } from "../sources/oci-layout.ts";
import { type AppString, formatAppString } from "./app-string.ts";
import { discoverEndpoints, type Endpoint } from "./discover.ts";
import { type DownloadProgress, download } from "./download.ts";
import { trustedKeys } from "./keystore.ts";
import { fetchSmall, type Web } from "./web.ts";

const maxSignatureBytes = 64 << 10;

/** The labels that templates are filled with: those asked for, else the latest version for the platform. */
export function discoveryLabels(app: AppString, platform: Platform): ReadonlyMap<string, string> {
	const labels = new Map(app.labels);
	if (!labels.has("version")) labels.set("version", "latest");
	if (!labels.has("os")) labels.set("os", platform.os);
	const arches = appcArches[labels.get("os") ?? ""] ?? [];
	const arch = arches.findLast((name) => platformSuits(platformOf([...pairs({ os: platform.os, arch: name })]), platform));
	if (!labels.has("arch")) labels.set("arch", arch ?? platform.architecture);
	return labels;
}

function pairs(labels: Readonly<Record<string, string>>) {
	return Object.entries(labels).map(([name, value]) => ({ name, value }));
}

/**
 * Checks that an image is the one that was asked for. Labels that were not asked for may be any.
 * @throws `integrity`
 */
export function checkAsked(app: AppString, manifest: AppcManifest): void {
	const what = `"${formatAppString(app)}"`;
	if (manifest.name !== app.name) throw new CortenError("integrity", `cannot use ${what}: the image is named "${manifest.name}"`);
	for (const [name, value] of app.labels) {
		const found = appcValue(manifest.labels, name);
		if (found === value) continue;
		const why = found === undefined ? `has no label ${name}` : `has ${name} ${JSON.stringify(found.slice(0, 200))}`;
		throw new CortenError("integrity", `cannot use ${what}: the image ${why}, asked for was ${JSON.stringify(value.slice(0, 200))}`);
	}
}

/**
 * Verifies a file by a detached signature of a key that is trusted for a name.
 * @throws `integrity`, with what to do as hint when no key is trusted for the name
 */
export async function verifyFile(path: string, signature: Uint8Array, name: string, what: string, web: Web): Promise<Signer> {
	const keys = await trustedKeys(web.keystore, name);
	if (keys.length === 0)
		throw new CortenError("integrity", `cannot verify the signature of ${what}: no key is trusted for it`, {
			hint: `corten trust --prefix ${name}`,
		});
	using file = openFd(path, O_RDONLY);
	return await verifyDetached(() => streamFd(file, path), signature, keys, `the signature of ${what}`);
}

/** Verifies a file on this machine by FILE.asc beside it. @throws `integrity` when there is none, or no good one */
export async function verifyBeside(path: string, name: string, web: Web): Promise<void> {
	let signature: Uint8Array;
	try {
		signature = readFile(`${path}.asc`, maxSignatureBytes);
	} catch (cause) {
		throw new CortenError("integrity", `cannot verify "${path}": it is not signed`, {
			cause,
			hint: "--insecure-options=image takes it without",
		});
	}
	await verifyFile(path, signature, name, `"${path}"`, web);
}

/**
 * Fetches the file of an image; unless told otherwise, only one that is signed by a key that is trusted for the name.
 * @param path the new file
 * @throws `not-found`, `permission-denied`, `unavailable`, `integrity`, `invalid-spec`
 */
export async function fetchAci(app: AppString, platform: Platform, path: string, web: Web, onProgress?: DownloadProgress): Promise<void> {
	const what = `"${formatAppString(app)}"`;
	const plainHttp = web.insecure.has("http");
	const [endpoint] = await discoverEndpoints({ name: app.name, labels: discoveryLabels(app, platform) }, web);
	if (endpoint === undefined) throw new CortenError("bug", "discovery found nothing and did not say so");
	if (web.insecure.has("image")) {
		await download(web, endpoint.image, plainHttp, path, onProgress);
		return;
	}
	// Before a gigabyte is fetched for nothing.
	const signature = await fetchSignature(app, endpoint, web, plainHttp);
	await download(web, endpoint.image, plainHttp, path, onProgress);
	await verifyFile(path, signature, app.name, what, web);
}

async function fetchSignature(app: AppString, { signature }: Endpoint, web: Web, plainHttp: boolean): Promise<Uint8Array> {
	const what = `the signature of "${formatAppString(app)}"`;
	if ((await trustedKeys(web.keystore, app.name)).length === 0)
		throw new CortenError("integrity", `cannot verify ${what}: no key is trusted for it`, { hint: `corten trust --prefix ${app.name}` });
	const bytes = await fetchSmall(web, signature, plainHttp, maxSignatureBytes, what);
	if (bytes === undefined)
		throw new CortenError("integrity", `cannot verify "${formatAppString(app)}": it is not signed, "${signature.href}" is not there`, {
			hint: "--insecure-options=image takes it without",
		});
	return bytes;
}
