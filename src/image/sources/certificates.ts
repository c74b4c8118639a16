// Certificates of registries: the world's authorities, those the system trusts, and what an administrator keeps for one registry: `HOST/*.crt`,
// authorities, and `HOST/*.cert` with `HOST/*.key`, what we show of ourselves.
// @see containers-certs.d(5)

import { rootCertificates } from "node:tls";
import { CortenError } from "../../base/errors.ts";
import { exists, listFolder, readText, readTextIfPresent } from "../../linux/file.ts";

/** Where certificates are kept, one folder a registry host below. */
export const certificateFolders: readonly string[] = ["/etc/containers/certs.d", "/etc/docker/certs.d"];

/** The bundles of the distributions; the first there is counts. */
const systemBundles = [
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
];
const maxBundleBytes = 16 << 20;

/** What a TLS connection is made with, all PEM. */
export type Certificates = {
	/** Authorities; the program's own if not given. */
	readonly authorities?: readonly string[];
	readonly client?: { readonly certificate: string; readonly key: string };
};

/**
 * The certificates for a registry. The world's authorities stay beside a registry's own: it may redirect to a host of theirs for blobs.
 * @param domain host and port as in the reference
 * @param folder in place of the folders of the host's name
 * @throws `permission-denied` and its kin when a file cannot be read; `not-found` for a certificate without its key
 */
export function findCertificates(domain: string, folder?: string, folders: readonly string[] = certificateFolders): Certificates {
	const own = folder === undefined ? folders.map((base) => `${base}/${domain}`) : [folder];
	const files = own.flatMap((base) =>
		listFolder(base)
			.sort()
			.map((name) => `${base}/${name}`),
	);
	const added = files.filter((path) => path.endsWith(".crt")).map((path) => readText(path, 1 << 20));
	const system = systemAuthorities(process.env);
	const certificate = files.find((path) => path.endsWith(".cert"));
	const authorities = added.length === 0 && system === undefined ? {} : { authorities: [...(system ?? rootCertificates), ...added] };
	if (certificate === undefined) return authorities;
	const key = certificate.replace(/cert$/, "key");
	if (!exists(key)) throw new CortenError("not-found", `cannot use client certificate "${certificate}": "${key}" is missing`);
	return { ...authorities, client: { certificate: readText(certificate, 1 << 20), key: readText(key, 1 << 20) } };
}

/** What the machine's administrator trusts: `$SSL_CERT_FILE`, or the distribution's bundle. */
function systemAuthorities(environment: Readonly<Record<string, string | undefined>>): readonly string[] | undefined {
	const { SSL_CERT_FILE } = environment;
	if (SSL_CERT_FILE) return [readText(SSL_CERT_FILE, maxBundleBytes)];
	for (const path of systemBundles) {
		const text = readTextIfPresent(path, maxBundleBytes);
		if (text !== undefined) return [text];
	}
	return undefined;
}
