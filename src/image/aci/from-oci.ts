// What an OCI config says, as an appc manifest says it, in every rule that a builder must keep. What appc has no words for travels in
// annotations, the config and the manifest word for word among them.
// @see appc spec aci.md#image-manifest-schema; image-spec config.md

import { CortenError } from "../../base/errors.ts";
import { type AppcPair, appcArches, appcVersion, decodeAppcManifest, isAppcIdentifier } from "../../spec/appc.ts";
import type { ImageConfig, Platform } from "../../spec/image.ts";
import { formatPlatform } from "../platform.ts";

/** The annotation of an ACI that holds the OCI manifest it was made of. */
export const ociManifestKey = "org.corten.oci.manifest";
/** The annotation that holds the OCI config. */
export const ociConfigKey = "org.corten.oci.config";
/** The annotation that holds how a layer's tar is made of the ACI's. */
export const ociRecipeKey = "org.corten.oci.recipe";

/** Makes an AC Identifier, or an AC Name, of any text: lower case, runs of anything else become one separator. */
export function sanitize(text: string, kind: "identifier" | "name"): string {
	const lower = text.toLowerCase();
	return kind === "identifier"
		? lower
				.replace(/[^a-z0-9\-._~/]+/g, "_")
				.replace(/([-._~/])[-._~/]+/g, "$1")
				.replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "")
		: lower.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "");
}

const arches: Readonly<Record<string, string>> = {
	"linux/386": "i386",
	"linux/arm64": "aarch64",
	"linux/arm64be": "aarch64_be",
	"linux/arm/v6": "armv6l",
	"linux/arm/v7": "armv7l",
	"linux/arm": "armv7l",
	"linux/armbe/v7": "armv7b",
	"freebsd/386": "i386",
	"darwin/386": "i386",
	"darwin/amd64": "x86_64",
};

/** Labels of a platform. @throws `unsupported` for one that appc has no word for */
export function platformLabels({ os, architecture, variant }: Platform): readonly AppcPair[] {
	const platform = formatPlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) });
	const arch = arches[platform] ?? arches[`${os}/${architecture}`] ?? architecture;
	if (!(appcArches[os] ?? []).includes(arch))
		throw new CortenError("unsupported", `cannot write an image archive: appc has no word for "${platform}"`);
	return [
		{ name: "os", value: os },
		{ name: "arch", value: arch },
	];
}

/** Whom the process runs as. Without a group it has the one of /etc/passwd, which appc does not look up. */
function identity(user: string, passwd: string): { readonly user: string; readonly group: string } {
	const colon = user.indexOf(":");
	const name = (colon < 0 ? user : user.slice(0, colon)) || "0";
	if (colon >= 0 && user.slice(colon + 1) !== "") return { user: name, group: user.slice(colon + 1) };
	const entry = passwd
		.split("\n")
		.map((line) => line.split(":"))
		.find(([own, , uid]) => own === name || uid === name);
	return { user: name, group: entry?.[3] !== undefined && /^\d+$/.test(entry[3]) ? entry[3] : "0" };
}

function ports(exposed: readonly string[]) {
	const made: { name: string; protocol: string; port: number; count: number; socketActivated: boolean }[] = [];
	for (const text of [...exposed].sort()) {
		const [range = "", protocol = "tcp"] = text.split("/");
		const [first = 0, last = first] = range.split("-").map(Number);
		if (first < 1 || last < first || last > 65535) continue; // port 0 exposes nothing
		const name = `${range}-${protocol}`;
		if (!made.some((port) => port.name === name))
			made.push({ name, protocol, port: first, count: last - first + 1, socketActivated: false });
	}
	return made;
}

function mountPoints(volumes: readonly string[]) {
	const made = new Map<string, string>();
	for (const path of [...volumes].sort()) {
		const base = sanitize(`volume-${path}`, "name");
		let name = base;
		for (let count = 1; made.has(name); count++) name = `${base}-${count}`;
		made.set(name, path.startsWith("/") ? path : `/${path}`);
	}
	return [...made].map(([name, path]) => ({ name, path, readOnly: false }));
}

/** Variables that appc can name; of two of one name the last counts. */
function environment(env: readonly string[]): readonly AppcPair[] {
	const made = new Map<string, string>();
	for (const entry of env) {
		const equals = entry.indexOf("=");
		const name = entry.slice(0, equals);
		if (/^[A-Za-z_][A-Za-z_0-9.-]*$/.test(name)) made.set(name, entry.slice(equals + 1));
	}
	return [...made].map(([name, value]) => ({ name, value }));
}

/** What a manifest is made of. */
export type FromOci = {
	readonly config: ImageConfig;
	/** AC Identifier, and the label version. */
	readonly name: string;
	readonly version: string | undefined;
	/** /etc/passwd of the image. */
	readonly passwd: string;
	/** Of the OCI manifest. */
	readonly annotations: Readonly<Record<string, string>>;
	/** More annotations of the ACI. */
	readonly carried: readonly AppcPair[];
	readonly dependencies: readonly { readonly imageName: string; readonly imageID: string }[];
	readonly pathWhitelist: readonly string[] | undefined;
};

function annotationsOf({ config: { created, author, config }, annotations, carried }: FromOci): readonly AppcPair[] {
	const value = (key: string) => annotations[`org.opencontainers.image.${key}`];
	const web = (text: string | undefined) => (text !== undefined && /^https?:\/\/[^\s/?#]+(?:[/?#]\S*)?$/i.test(text) ? text : undefined);
	const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
	const found: [string, string | undefined][] = [
		["created", created !== undefined && time.test(created) ? created : undefined],
		["authors", value("authors") ?? (author === "" ? undefined : author)],
		["homepage", web(value("url"))],
		["documentation", web(value("documentation"))],
		["appc.io/docker/entrypoint", config.entrypoint.length === 0 ? undefined : JSON.stringify(config.entrypoint)],
		["appc.io/docker/cmd", config.cmd.length === 0 ? undefined : JSON.stringify(config.cmd)],
	];
	return [...found.flatMap(([name, text]) => (text === undefined ? [] : [{ name, value: text }])), ...carried];
}

/**
 * Makes an image manifest; the same image gives the same bytes.
 * @throws `unsupported` for a platform without a word, and for what makes no valid manifest
 */
export function encodeAppcManifest(from: FromOci): Uint8Array {
	const { config: image, name, version, passwd, dependencies, pathWhitelist } = from;
	const { config } = image;
	const exec = [...config.entrypoint, ...config.cmd];
	const list = <T>(key: string, values: readonly T[]) => (values.length === 0 ? {} : { [key]: values });
	const directory = config.workingDir === "" ? "" : config.workingDir.startsWith("/") ? config.workingDir : `/${config.workingDir}`;
	const manifest = {
		acKind: "ImageManifest",
		acVersion: appcVersion,
		name,
		labels: [...(version === undefined ? [] : [{ name: "version", value: version }]), ...platformLabels(image)],
		app: {
			...list("exec", exec),
			...identity(config.user, passwd),
			...(directory === "" ? {} : { workingDirectory: directory }),
			...list("environment", environment(config.env)),
			...list("mountPoints", mountPoints(config.volumes)),
			...list("ports", ports(config.exposedPorts)),
			...(Object.keys(config.labels).length === 0 ? {} : { userLabels: config.labels }),
		},
		...list("dependencies", dependencies),
		...(pathWhitelist === undefined ? {} : { pathWhitelist }),
		annotations: annotationsOf(from),
	};
	const bytes = new TextEncoder().encode(JSON.stringify(manifest));
	try {
		decodeAppcManifest(bytes, `manifest of "${name}"`, "build");
	} catch (cause) {
		throw new CortenError("unsupported", `cannot write image archive "${name}": no valid manifest can be made of its config`, { cause });
	}
	return bytes;
}

/** The name of an ACI for a reference or a file: `docker.io/library/alpine`, and its tag as version. */
export function nameOf(reference: string): { readonly name: string; readonly version: string | undefined } {
	const plain = reference.replace(/@.*$/, "");
	const colon = plain.indexOf(":", plain.lastIndexOf("/") + 1);
	const name = sanitize(colon < 0 ? plain : plain.slice(0, colon), "identifier");
	if (!isAppcIdentifier(name)) throw new CortenError("invalid-argument", `cannot name an image archive "${reference}"`);
	return { name, version: colon < 0 ? undefined : plain.slice(colon + 1) };
}
