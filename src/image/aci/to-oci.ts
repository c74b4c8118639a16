// What an appc manifest says, as an OCI config says it. The manifest itself travels in an annotation, word for word; what corten does not
// do of it is said by name, never passed over.
// @see image-spec config.md, annotations.md; appc spec aci.md#image-manifest-schema

import { CortenError } from "../../base/errors.ts";
import { type AppcApp, type AppcManifest, type AppcPair, appcValue } from "../../spec/appc.ts";
import type { Platform } from "../../spec/image.ts";
import type { TarEntry } from "../layer/tar-entry.ts";
import { hostPlatform } from "../platform.ts";

/** The annotation that holds the appc manifest as it came. */
export const appcManifestKey = "org.appc.manifest";
/** The annotation that holds the image ID of the ACI. */
export const appcImageIDKey = "org.appc.image-id";
/** The annotation that holds how the ACI's tar is made of the last layer. */
export const appcRecipeKey = "org.corten.aci.recipe";

const architectures: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
	i386: ["386"],
	x86_64: ["amd64"],
	aarch64: ["arm64"],
	aarch64_be: ["arm64be"],
	armv6l: ["arm", "v6"],
	armv7l: ["arm", "v7"],
	armv7b: ["armbe", "v7"],
};

/** The platform of labels; where they name none the image runs anywhere, so this machine is named, and Linux. */
export function platformOf(labels: readonly AppcPair[]): Platform {
	const arch = appcValue(labels, "arch");
	const [architecture, variant] = arch === undefined ? [hostPlatform().architecture] : (architectures[arch] ?? [arch]);
	return { os: appcValue(labels, "os") ?? "linux", architecture, ...(variant === undefined ? {} : { variant }) };
}

/** A user or group as OCI has it: `/path` is whoever owns that file of the rendered tree. */
function identity(word: string, key: "uid" | "gid", find: (path: string) => TarEntry | undefined): string {
	if (!word.startsWith("/")) return word;
	const entry = find(word);
	if (entry === undefined)
		throw new CortenError("invalid-spec", `cannot find the ${key === "uid" ? "user" : "group"} of the image: it has no file "${word}"`);
	return String(entry[key]);
}

function stringList(text: string | undefined): readonly string[] | undefined {
	if (text === undefined) return undefined;
	try {
		const value: unknown = JSON.parse(text);
		if (value === null) return [];
		return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined;
	} catch {
		return undefined;
	}
}

/** docker2aci joins entrypoint and command, and keeps both apart in annotations: where they still make exec they are taken. */
function command(
	app: AppcApp,
	annotations: readonly AppcPair[],
): { readonly Entrypoint?: readonly string[]; readonly Cmd?: readonly string[] } {
	const entrypoint = stringList(appcValue(annotations, "appc.io/docker/entrypoint")) ?? [];
	const cmd = stringList(appcValue(annotations, "appc.io/docker/cmd")) ?? [];
	const joined = [...entrypoint, ...cmd];
	if (joined.length > 0 && joined.length === app.exec.length && joined.every((word, i) => word === app.exec[i]))
		return { ...(entrypoint.length === 0 ? {} : { Entrypoint: entrypoint }), ...(cmd.length === 0 ? {} : { Cmd: cmd }) };
	return app.exec.length === 0 ? {} : { Entrypoint: app.exec };
}

function executionOf(app: AppcApp, manifest: AppcManifest, find: (path: string) => TarEntry | undefined, warn: (text: string) => void) {
	const ports: Record<string, object> = {};
	for (const { name, port, count, protocol, socketActivated } of app.ports) {
		if (!["tcp", "udp", "sctp"].includes(protocol)) warn(`port "${name}" has protocol "${protocol}", which corten does not forward`);
		else ports[`${port}${count > 1 ? `-${port + count - 1}` : ""}/${protocol}`] = {};
		if (socketActivated) warn(`port "${name}" is socketActivated, which corten run leaves to the unit's sockets`);
	}
	for (const { name, readOnly } of app.mountPoints)
		if (readOnly) warn(`mountPoint "${name}" is readOnly, which an anonymous volume is not`);
	for (const { name } of app.isolators) warn(`isolator "${name}" is not applied`);
	for (const { name } of app.eventHandlers) warn(`eventHandler "${name}" is not run`);
	if (app.supplementaryGIDs.length > 0) warn("supplementaryGIDs are not given to the process; --group-add does");
	return {
		User: `${identity(app.user, "uid", find)}:${identity(app.group, "gid", find)}`,
		...(app.ports.length === 0 ? {} : { ExposedPorts: ports }),
		...(app.environment.length === 0 ? {} : { Env: app.environment.map(({ name, value }) => `${name}=${value}`) }),
		...command(app, manifest.annotations),
		...(app.mountPoints.length === 0 ? {} : { Volumes: Object.fromEntries(app.mountPoints.map(({ path }) => [path, {}])) }),
		WorkingDir: app.workingDirectory === "" ? "/" : app.workingDirectory,
	};
}

/** The OCI config of an appc manifest, without its rootfs and history; and what is not done. */
export function configOf(
	manifest: AppcManifest,
	find: (path: string) => TarEntry | undefined,
): { readonly config: Readonly<Record<string, unknown>>; readonly warnings: readonly string[] } {
	const warnings: string[] = [];
	const { annotations, labels, app } = manifest;
	const created = appcValue(annotations, "created");
	// docker2aci writes either.
	const author = appcValue(annotations, "authors") ?? appcValue(annotations, "author");
	const kept: Record<string, string> = { ...app?.userLabels };
	for (const { name, value } of labels) if (!["version", "os", "arch"].includes(name)) kept[`appc.label.${name}`] = value;
	const execution = app === undefined ? {} : executionOf(app, manifest, find, (text) => warnings.push(text));
	return {
		config: {
			...(created === undefined ? {} : { created }),
			...(author === undefined ? {} : { author }),
			...platformOf(labels),
			config: { ...execution, ...(Object.keys(kept).length === 0 ? {} : { Labels: kept }) },
		},
		warnings,
	};
}

/** The annotations of an OCI manifest that other tools know. */
export function annotationsOf({ name, labels, annotations }: AppcManifest): Readonly<Record<string, string>> {
	const version = appcValue(labels, "version");
	const known = { created: "created", authors: "authors", homepage: "url", documentation: "documentation" } as const;
	const found: [string, string][] = [];
	for (const [from, to] of Object.entries(known)) {
		const value = appcValue(annotations, from);
		if (value !== undefined) found.push([`org.opencontainers.image.${to}`, value]);
	}
	found.push(["org.opencontainers.image.ref.name", version === undefined ? name : `${name}:${version}`]);
	if (version !== undefined) found.push(["org.opencontainers.image.version", version]);
	return Object.fromEntries(found);
}
