// registries.d: where signatures lie that no registry keeps.
// @see containers-registries.d(5)

import { CortenError, isError } from "../../base/errors.ts";
import { exists, listFolder, readFile, readTextIfPresent } from "../../linux/file.ts";
import { boolean, decode, fallback, type Infer, object, optional, quote, record, string } from "../../spec/decode.ts";
import type { Digest } from "../../spec/image.ts";
import { digestAlgorithm, digestHex } from "../digest.ts";
import type { Reference } from "../reference.ts";
import { findCertificates } from "../sources/certificates.ts";
import { defaultPatience, readReply, send } from "../sources/http.ts";
import { referenceScopes } from "./scope.ts";

const section = object({ lookaside: optional(string), sigstore: optional(string), "use-sigstore-attachments": optional(boolean) });
const document = object({ "default-docker": optional(section), docker: fallback(record(section), {}) });

/** What is configured for one image. */
export type SignaturePlaces = {
	/** URL below which its signatures lie; undefined: nowhere. */
	readonly lookaside: string | undefined;
	/** Whether its registry is asked for sigstore's. */
	readonly attachments: boolean;
};

const maxFileBytes = 1 << 20;
const maxSignatureBytes = 1 << 20;
const maxSignatures = 128;

/** The folder of the configuration: the user's if there is one, else the system's. */
function configurationFolder({ HOME }: Readonly<Record<string, string | undefined>>): string {
	const own = `${HOME}/.config/containers/registries.d`;
	return HOME && exists(own) ? own : "/etc/containers/registries.d";
}

/**
 * Where the signatures of an image are.
 * @throws `invalid-spec` for a file that cannot be decoded, or a scope that two files configure
 */
export function findSignaturePlaces(reference: Reference, environment: Readonly<Record<string, string | undefined>>): SignaturePlaces {
	const folder = configurationFolder(environment);
	const scopes = new Map<string, { readonly section: Infer<typeof section>; readonly path: string }>();
	const names = exists(folder) ? listFolder(folder).filter((name) => name.endsWith(".yaml")) : [];
	for (const path of names.sort().map((name) => `${folder}/${name}`)) {
		const file = decodeYaml(path);
		const own = Object.entries(file.docker).map(([scope, section]) => ({ scope, section }));
		if (file["default-docker"] !== undefined) own.push({ scope: "", section: file["default-docker"] });
		for (const { scope, section } of own) {
			const other = scopes.get(scope);
			const what = scope === "" ? "default-docker" : quote(scope);
			if (other !== undefined) throw new CortenError("invalid-spec", `cannot use "${path}": "${other.path}" configures ${what} too`);
			scopes.set(scope, { section, path });
		}
	}
	const found = [...referenceScopes(reference).filter((scope) => !scope.startsWith("*")), ""].find((scope) => scopes.has(scope));
	const chosen = found === undefined ? undefined : scopes.get(found)?.section;
	if (chosen === undefined) return { lookaside: `file://${defaultFolder(environment)}`, attachments: false };
	return { lookaside: chosen.lookaside ?? chosen.sigstore, attachments: chosen["use-sigstore-attachments"] ?? false };
}

function defaultFolder({ HOME }: Readonly<Record<string, string | undefined>>): string {
	return process.geteuid?.() === 0 || !HOME ? "/var/lib/containers/sigstore" : `${HOME}/.local/share/containers/sigstore`;
}

function decodeYaml(path: string): Infer<typeof document> {
	const what = `signature configuration "${path}"`;
	let value: unknown;
	try {
		value = Bun.YAML.parse(readTextIfPresent(path, maxFileBytes) ?? "");
	} catch (cause) {
		throw new CortenError("invalid-spec", `cannot decode ${what}`, { cause });
	}
	return decode(document, value ?? {}, what);
}

/**
 * Reads an image's signatures, one after the other until there is none.
 * @param lookaside a URL of http, https or file
 * @throws `unavailable`, `invalid-spec`, `unsupported` for another URL
 */
export async function readLookaside(lookaside: string, reference: Reference, digest: Digest): Promise<readonly Uint8Array[]> {
	let base: URL;
	try {
		base = new URL(lookaside);
	} catch {
		throw new CortenError("invalid-spec", `cannot read signatures from ${quote(lookaside)}: it is no URL`);
	}
	const place = `${base.pathname.replace(/\/+$/, "")}/${reference.repository}@${digestAlgorithm(digest)}=${digestHex(digest)}`;
	const found: Uint8Array[] = [];
	for (let count = 1; count <= maxSignatures; count++) {
		const url = new URL(base);
		url.pathname = `${place}/signature-${count}`;
		const bytes = url.protocol === "file:" ? readLocal(decodeURIComponent(url.pathname)) : await readRemote(url);
		if (bytes === undefined) return found;
		found.push(bytes);
	}
	throw new CortenError("invalid-spec", `cannot read signatures from ${quote(lookaside)}: there are more than ${maxSignatures}`);
}

function readLocal(path: string): Uint8Array | undefined {
	try {
		return exists(path) ? readFile(path, maxSignatureBytes) : undefined;
	} catch (error) {
		if (isError(error, "not-found")) return undefined;
		throw error;
	}
}

async function readRemote(url: URL): Promise<Uint8Array | undefined> {
	if (url.protocol !== "https:" && url.protocol !== "http:")
		throw new CortenError("unsupported", `cannot read signatures from "${url.href}": expected file, http or https`);
	const what = `signature "${url.href}"`;
	const reply = await send({
		url,
		tlsVerify: true,
		certificates: findCertificates(url.host, undefined, undefined),
		patience: defaultPatience,
	});
	if (reply.status === 200) return await readReply(reply, maxSignatureBytes, what);
	await reply.discard();
	if (reply.status === 404) return undefined;
	throw new CortenError("unavailable", `cannot read ${what}: "${url.host}" answered with status ${reply.status}`);
}
