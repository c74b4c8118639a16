// Certificate authorities an administrator trusts for one registry: `HOST/*.crt` in podman's and docker's folders.
// @see containers-certs.d(5)

import { rootCertificates } from "node:tls";
import { listFolder, readText } from "../../linux/file.ts";

/** Where authorities are kept, one folder a registry host below. */
export const certificateFolders: readonly string[] = ["/etc/containers/certs.d", "/etc/docker/certs.d"];

/**
 * The authorities for a registry: the world's and the administrator's.
 * @param domain host and port as in the reference
 * @returns undefined when nothing is configured for the host: the world's alone
 * @throws `permission-denied` and its kin when a file cannot be read
 */
export function trustedAuthorities(domain: string, folders: readonly string[] = certificateFolders): readonly string[] | undefined {
	const own = folders.flatMap((folder) =>
		listFolder(`${folder}/${domain}`)
			.filter((name) => name.endsWith(".crt"))
			.sort()
			.map((name) => readText(`${folder}/${domain}/${name}`, 1 << 20)),
	);
	// The world's stay: a registry may redirect to a host of theirs for blobs.
	return own.length === 0 ? undefined : [...rootCertificates, ...own];
}
