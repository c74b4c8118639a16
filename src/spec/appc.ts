// The image manifest of appc 0.8.11, decoded. Keys are matched without regard to case, as the reference does, which wrote most of the
// documents there are; but two keys that differ in case alone are refused: one document must not have two readings. Reading is as
// lenient as the reference where that does no harm (names with two separators in a row), building is as strict as the text.
// @see appc spec aci.md#image-manifest-schema, types.md

import { CortenError } from "../base/errors.ts";
import { isolators } from "./appc-isolators.ts";
import {
	type At,
	boolean,
	type Decoder,
	decode,
	fail,
	failed,
	fallback,
	type Infer,
	type Issue,
	integer,
	list,
	object,
	oneOf,
	optional,
	parseJson,
	pointer,
	quote,
	record,
	refine,
	text,
} from "./decode.ts";

/** The version corten writes. */
export const appcVersion = "0.8.11";

/** A manifest may have this many bytes: it becomes an annotation of an OCI manifest, which has 4 MiB. */
export const maxAppcManifestBytes = 1 << 20;

/** How strict: `read` what others built, `build` for what corten writes. */
export type AppcMode = "read" | "build";

/** The pairs of os and arch there are. @see appc spec aci.md#image-manifest-schema "arch" */
export const appcArches: Readonly<Record<string, readonly string[]>> = {
	linux: ["amd64", "i386", "aarch64", "aarch64_be", "armv6l", "armv7l", "armv7b", "ppc64", "ppc64le", "s390x"],
	freebsd: ["amd64", "i386", "arm"],
	darwin: ["x86_64", "i386"],
};

const grammars = {
	read: { identifier: /^[a-z0-9](?:[a-z0-9\-._~/]*[a-z0-9])?$/, name: /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/ },
	build: { identifier: /^[a-z0-9]+(?:[-._~/][a-z0-9]+)*$/, name: /^[a-z0-9]+(?:-[a-z0-9]+)*$/ },
} as const;
const versionGrammar =
	/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;
const timeGrammar =
	/^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
const nonEmpty = refine(text, (value) => (value === "" ? "is empty" : undefined));
const absolute = refine(text, (value) => (value.startsWith("/") ? undefined : `${quote(value)} is no absolute path`));

/** `sha512-` and hexadecimal digits: all 128, or as few as 2 of them as rkt shortens it. @see appc spec types.md#image-id-type */
export function isAppcImageID(value: string): boolean {
	return /^sha512-[0-9a-f]{2,128}$/.test(value);
}

/** Whether the text is an AC Identifier as the text of the specification has it. */
export function isAppcIdentifier(value: string): boolean {
	return grammars.build.identifier.test(value);
}

/** An object whose keys may be written in any case, e.g. supplementaryGids. */
function folded<T>(names: readonly string[], decoder: Decoder<T>): Decoder<T> {
	const known = new Map(names.map((name) => [name.toLowerCase(), name]));
	return (value, at, issues) => {
		if (typeof value !== "object" || value === null || Array.isArray(value)) return decoder(value, at, issues);
		const spelled: Record<string, unknown> = {};
		for (const [key, member] of Object.entries(value)) {
			const name = known.get(key.toLowerCase());
			if (name === undefined) continue;
			if (Object.hasOwn(spelled, name)) fail(issues, pointer(at, name), "is there twice, in two spellings");
			spelled[name] = member;
		}
		return decoder(spelled, at, issues);
	};
}

function fields<const F extends Parameters<typeof object>[0]>(table: F) {
	return folded(Object.keys(table), object(table));
}

/** A list whose elements' names differ. */
function named<T extends { readonly name: string }>(element: Decoder<T>, max = 4096): Decoder<readonly T[]> {
	const decoder = list(element, max);
	return (value, at, issues) => {
		const decoded = decoder(value, at, issues);
		if (decoded === failed) return failed;
		const seen = new Set<string>();
		for (const [index, { name }] of decoded.entries()) {
			if (seen.has(name)) fail(issues, pointer(pointer(at, index), "name"), `${quote(name)} is there twice`);
			seen.add(name);
		}
		return decoded;
	};
}

function checkLabels(labels: readonly { readonly name: string; readonly value: string }[], at: At, issues: Issue[]): void {
	const value = (name: string) => labels.find((label) => label.name === name)?.value;
	for (const [index, { name }] of labels.entries())
		if (name === "name") fail(issues, pointer(pointer(at, index), "name"), "no label may be called name");
	const os = value("os");
	const arch = value("arch");
	if (os === undefined) return; // without an os the architecture means nothing
	const arches = Object.hasOwn(appcArches, os) ? appcArches[os] : undefined;
	if (arches === undefined) fail(issues, at, `the os ${quote(os)} is none of ${Object.keys(appcArches).join(", ")}`);
	else if (arch !== undefined && !arches.includes(arch))
		fail(issues, at, `the arch ${quote(arch)} is none of ${arches.join(", ")} of ${os}`);
}

function isWebAddress(value: string): boolean {
	return /^https?:\/\/[^\s/?#]+(?:[/?#]\S*)?$/i.test(value);
}

function checkAnnotation({ name, value }: { readonly name: string; readonly value: string }): string | undefined {
	if (name === "created") return timeGrammar.test(value) ? undefined : `created is ${quote(value)}, and no time as 2016-01-02T15:04:05Z`;
	if (name === "homepage" || name === "documentation")
		return isWebAddress(value) ? undefined : `${name} is ${quote(value)}, and no http or https URL`;
	if (name === "appc.io/executor/supports-systemd-notify")
		return value === "true" || value === "false" ? undefined : `${name} is ${quote(value)}, neither true nor false`;
	return undefined;
}

function build(mode: AppcMode) {
	const grammar = grammars[mode];
	const identifier = refine(text, (value) => (grammar.identifier.test(value) ? undefined : `${quote(value)} is no AC Identifier`));
	const name = refine(text, (value) => (grammar.name.test(value) ? undefined : `${quote(value)} is no AC Name`));
	const version = refine(text, (value) =>
		!versionGrammar.test(value) ? `${quote(value)} is no semantic version` : value === "0.0.0" ? "0.0.0 is no version" : undefined,
	);
	const imageID = refine(text, (value) =>
		(mode === "build" ? /^sha512-[0-9a-f]{128}$/.test(value) : isAppcImageID(value)) ? undefined : `${quote(value)} is no image ID`,
	);
	const allLabels = named(fields({ name: identifier, value: text }));
	const labels: Decoder<Infer<typeof allLabels>> = (value, at, issues) => {
		const decoded = allLabels(value, at, issues);
		if (decoded !== failed) checkLabels(decoded, at, issues);
		return decoded;
	};
	const mountPoint = fields({ name, path: absolute, readOnly: fallback(boolean, false) });
	const onePort = fields({
		name,
		protocol: nonEmpty,
		port: integer(1, 65535),
		count: fallback(integer(1, 65535), 1),
		socketActivated: fallback(boolean, false),
	});
	const port = refine(onePort, ({ port: first, count }) =>
		first + count - 1 <= 65535 ? undefined : `${count} ports from ${first} on are beyond 65535`,
	);
	const eventHandler = fields({ name: oneOf(["pre-start", "post-stop"]), exec: list(text) });
	const variable = fields({
		name: refine(text, (value) => (/^[A-Za-z_][A-Za-z_0-9.-]*$/.test(value) ? undefined : `${quote(value)} is no name of a variable`)),
		value: text,
	});
	const app = fields({
		exec: fallback(list(text), []),
		user: nonEmpty,
		group: nonEmpty,
		supplementaryGIDs: fallback(list(integer(0, 0xffffffff)), []),
		eventHandlers: fallback(named(eventHandler), []),
		workingDirectory: fallback(
			refine(text, (value) => (value === "" || value.startsWith("/") ? undefined : `${quote(value)} is no absolute path`)),
			"",
		),
		environment: fallback(named(variable), []),
		isolators: fallback(isolators, []),
		mountPoints: fallback(named(mountPoint), []),
		ports: fallback(named(port), []),
		userAnnotations: fallback(record(text), {}),
		userLabels: fallback(record(text), {}),
	});
	const dependency = fields({
		imageName: identifier,
		imageID: optional(imageID),
		labels: fallback(labels, []),
		size: optional(integer(0)),
	});
	return fields({
		acKind: oneOf(["ImageManifest"]),
		acVersion: version,
		name: identifier,
		labels: fallback(labels, []),
		app: optional(app),
		dependencies: fallback(list(dependency, 1000), []),
		pathWhitelist: fallback(list(absolute, 1 << 20), []),
		annotations: fallback(named(refine(fields({ name: identifier, value: text }), checkAnnotation)), []),
	});
}

const decoders = { read: build("read"), build: build("build") };

/** An image manifest; absent lists are empty. @see appc spec aci.md#image-manifest-schema */
export type AppcManifest = Infer<typeof decoders.read>;
/** What an image runs as. */
export type AppcApp = NonNullable<AppcManifest["app"]>;
/** What an image is rendered over. */
export type AppcDependency = AppcManifest["dependencies"][number];
/** A label, an annotation. */
export type AppcPair = { readonly name: string; readonly value: string };

/**
 * Decodes an image manifest.
 * @param what the document in messages: `manifest of "x.aci"`
 * @throws `invalid-spec` with all issues
 */
export function decodeAppcManifest(bytes: string | Uint8Array, what: string, mode: AppcMode = "read"): AppcManifest {
	if (bytes.length > maxAppcManifestBytes)
		throw new CortenError("invalid-spec", `cannot decode ${what}: it is larger than ${maxAppcManifestBytes} bytes`);
	return decode(decoders[mode], parseJson(bytes, what), what);
}

/** The value of a label or annotation. */
export function appcValue(pairs: readonly AppcPair[], name: string): string | undefined {
	return pairs.find((pair) => pair.name === name)?.value;
}
