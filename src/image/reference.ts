// Image references as registries and docker's command line use them. No I/O, and no imports beyond the errors: this is on the way of
// every `corten run`. Parsing is strict, because a reference becomes part of URLs and of the store's index.
// @see distribution-spec spec.md#pulling-manifests

import { CortenError } from "../base/errors.ts";
import type { Digest } from "../spec/image.ts";

/** A normalized reference: `docker.io/library/alpine:3` for `alpine:3`. At least one of tag and digest is there. */
export type Reference = {
	/** Host and port as typed, `docker.io` if none was. */
	readonly domain: string;
	/** `library/alpine` */
	readonly repository: string;
	readonly tag?: string;
	readonly digest?: Digest;
};

/** Transports whose place is a path on this machine: `TRANSPORT:PATH[:NAME]`. */
const pathTransports = ["oci", "oci-archive", "docker-archive", "dir", "aci"] as const;

/** Where an image comes from or goes to, as typed by a person. */
export type Source =
	| { readonly transport: "docker"; readonly reference: Reference }
	/**
	 * A file or folder. `name` is the image's in it: an org.opencontainers.image.ref.name of a layout, a reference among the RepoTags of a docker
	 * archive or `@N`, its N-th image.
	 */
	| { readonly transport: (typeof pathTransports)[number]; readonly path: string; readonly name?: string }
	/** An image of appc's by its name, found by discovery: `NAME[:VERSION][,label=value]`, not parsed further here. */
	| { readonly transport: "appc"; readonly text: string };

const otherTransports = ["docker-daemon", "containers-storage", "ostree", "sif", "atomic"];
const label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const domainGrammar = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]{1,5})?$`);
const componentGrammar = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagGrammar = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const digestGrammar = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

function refuse(text: string, why: string): CortenError {
	return new CortenError("invalid-argument", `cannot parse reference ${JSON.stringify(text.slice(0, 300))}: ${why}`);
}

/**
 * Parses `[DOMAIN[:PORT]/]PATH[:TAG][@DIGEST]`. The first component is a domain if it holds a dot, a colon or an upper-case letter,
 * or is `localhost`; without one it is docker.io, where a single component means `library/`. Without tag and digest the tag is latest.
 * @throws `invalid-argument`
 */
export function parseReference(text: string): Reference {
	if (text.length > 600) throw refuse(text, "it is too long");
	const at = text.indexOf("@");
	const digest = at < 0 ? undefined : text.slice(at + 1);
	if (digest !== undefined && !digestGrammar.test(digest))
		throw refuse(text, "after @ a digest must follow, sha256: and 64 hexadecimal digits");
	const named = at < 0 ? text : text.slice(0, at);
	const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
	const tag = colon < 0 ? undefined : named.slice(colon + 1);
	if (tag !== undefined && !tagGrammar.test(tag)) throw refuse(text, `${JSON.stringify(tag.slice(0, 140))} is no tag`);
	const { domain, repository } = splitName(colon < 0 ? named : named.slice(0, colon), text);
	return {
		domain,
		repository,
		...(tag !== undefined ? { tag } : digest === undefined ? { tag: "latest" } : {}),
		...(digest !== undefined ? { digest: digest as Digest } : {}),
	};
}

function splitName(name: string, text: string): { domain: string; repository: string } {
	if (name === "") throw refuse(text, "the name is missing");
	const slash = name.indexOf("/");
	const first = name.slice(0, Math.max(slash, 0));
	const hasDomain = slash > 0 && (/[.:A-Z[]/.test(first) || first === "localhost");
	let domain = hasDomain ? first : "docker.io";
	let repository = hasDomain ? name.slice(slash + 1) : name;
	if (!domainGrammar.test(domain)) throw refuse(text, `${JSON.stringify(domain)} is no registry host`);
	if (Number(/(?<!\[[^\]]*):([0-9]+)$/.exec(domain)?.[1] ?? 0) > 65535) throw refuse(text, "the port is above 65535");
	if (domain === "index.docker.io") domain = "docker.io";
	if (domain === "docker.io" && !repository.includes("/")) repository = `library/${repository}`;
	if (domain.length + 1 + repository.length > 255) throw refuse(text, "the name is longer than 255 characters");
	for (const component of repository.split("/")) {
		if (componentGrammar.test(component)) continue;
		const hint = /[A-Z]/.test(component) ? ", it must be lower case" : "";
		throw refuse(text, `${JSON.stringify(component)} is no path component${hint}`);
	}
	if (!hasDomain && /^[0-9a-f]{64}$/.test(name)) throw refuse(text, "64 hexadecimal digits are an image ID");
	return { domain, repository };
}

/** The full form, the name in the store's index: `docker.io/library/alpine:3`. With a digest the tag is left out: the digest decides. */
export function formatReference(reference: Reference): string {
	const name = `${reference.domain}/${reference.repository}`;
	return reference.digest === undefined ? `${name}:${reference.tag ?? "latest"}` : `${name}@${reference.digest}`;
}

/** The short name people type: `alpine`, `user/app`, `ghcr.io/user/app`. */
export function familiarName(reference: Reference): string {
	if (reference.domain !== "docker.io") return `${reference.domain}/${reference.repository}`;
	const rest = reference.repository.startsWith("library/") ? reference.repository.slice(8) : reference.repository;
	// "library/foo/bar" without its first component would read as another name.
	return rest.includes("/") && rest !== reference.repository ? reference.repository : rest;
}

/** What a person reads: `alpine:3`, `quay.io/a/b@sha256:...`. */
export function formatFamiliar(reference: Reference): string {
	const name = familiarName(reference);
	return reference.digest === undefined ? `${name}:${reference.tag ?? "latest"}` : `${name}@${reference.digest}`;
}

/** Whether a reference as typed names no registry: `alpine`, `team/app:1`. */
export function isShortName(text: string): boolean {
	const slash = text.indexOf("/");
	const first = text.slice(0, Math.max(slash, 0));
	return !(slash > 0 && (/[.:A-Z[]/.test(first) || first === "localhost"));
}

/** A short name as the store remembers it, with its tag: `alpine:latest`; undefined for any other name. */
export function shortNameOf(text: string): string | undefined {
	if (!isShortName(text) || hasTransport(text)) return undefined;
	return /[:@]/.test(text) ? text : `${text}:latest`;
}

/** Whether the text begins with the word of a transport: it is no name of the store's. */
export function hasTransport(text: string): boolean {
	const colon = text.indexOf(":");
	const word = colon < 0 ? "" : text.slice(0, colon);
	return text.startsWith("docker://") || word === "appc" || Object.hasOwn(pathWords, word);
}

const pathWords: Readonly<Record<string, (typeof pathTransports)[number]>> = Object.fromEntries(pathTransports.map((word) => [word, word]));

/**
 * Parses what a person may give as an image: a reference, `docker://REFERENCE`, `appc:NAME`, or a path with its transport, as
 * `oci:PATH[:NAME]`. A path ends at its first colon, so that a name may hold colons; `dir` and `aci` know no names.
 * @throws `invalid-argument`; `unsupported` for the transports of other tools
 */
export function parseSource(text: string): Source {
	if (text.startsWith("docker://")) return { transport: "docker", reference: parseReference(text.slice(9)) };
	const colon = text.indexOf(":");
	const word = colon < 0 ? "" : text.slice(0, colon);
	if (otherTransports.includes(word)) throw new CortenError("unsupported", `cannot use transport "${word}"`);
	const rest = text.slice(colon + 1);
	if (word === "appc") return { transport: word, text: rest };
	const transport = Object.hasOwn(pathWords, word) ? pathWords[word] : undefined;
	if (transport === undefined) return { transport: "docker", reference: parseReference(text) };
	const end = transport === "dir" || transport === "aci" ? -1 : rest.indexOf(":");
	const path = end < 0 ? rest : rest.slice(0, end);
	const name = end < 0 ? "" : rest.slice(end + 1);
	if (path === "") throw refuse(text, "the path is missing");
	if (text.includes("\0")) throw refuse(text, "it holds a NUL byte");
	return { transport, path, ...(name === "" ? {} : { name }) };
}
