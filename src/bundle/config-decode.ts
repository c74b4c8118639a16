// Decodes a config.json that somebody else wrote: `corten plan --bundle` and the runtime command line. All that the specification lists
// for Linux comes through; what corten does not do is refused later, where it would be compiled. What is not listed is ignored. The
// decoders are built when a value comes for them: a start pays for the sections it has.
// @see runtime-spec 1.3 config.md, config-linux.md

import {
	boolean,
	type Decoder,
	decodeJson,
	fallback,
	integer,
	lazy,
	list,
	map,
	object,
	optional,
	record,
	refine,
	string,
	text,
	textList,
	unsupported,
} from "../spec/decode.ts";
import type { Config, Hook, Process, Resources } from "../spec/runtime.ts";
import { linuxDecoder } from "./config-linux.ts";
import { absentProcess, processDecoder } from "./config-process.ts";
import { resourcesDecoder } from "./config-resources.ts";
import { absolute, mappings } from "./config-words.ts";

function hooks() {
	const hook: Decoder<Hook> = object({
		path: absolute,
		args: optional(textList),
		env: optional(textList),
		// Seconds that are still exact in milliseconds.
		timeout: optional(integer(1, Math.floor(Number.MAX_SAFE_INTEGER / 1000))),
	});
	const some = optional(list(hook));
	return object({ prestart: some, createRuntime: some, createContainer: some, startContainer: some, poststart: some, poststop: some });
}

/** A relative destination is deprecated, and means one below /. */
function mountPoint() {
	const given = refine(text, (path) => (path === "" ? "is empty" : undefined));
	return map(given, (path) => (path.startsWith("/") ? path : `/${path}`));
}

const mount = () =>
	object({
		destination: mountPoint(),
		type: optional(text),
		source: optional(text),
		options: optional(textList),
		uidMappings: optional(mappings),
		gidMappings: optional(mappings),
	});

/** SemVer 2.0.0; within one major version documents are compatible. */
const version = refine(string, (word) => (/^1\.\d+\.\d+(?:[-+]|$)/.test(word) ? undefined : "is not a version 1 of the specification"));

const rootPath = refine(text, (path) => (path === "" ? "is empty" : undefined));

const elsewhere = unsupported("is for another system");

function configDecoder() {
	return object({
		ociVersion: version,
		root: object({ path: rootPath, readonly: fallback(boolean, false) }),
		hostname: optional(text),
		domainname: optional(text),
		mounts: fallback(
			lazy(() => list(mount())),
			[],
		),
		process: fallback(processDecoder(), absentProcess),
		hooks: optional(lazy(hooks)),
		annotations: optional(lazy(() => refine(record(string), (words) => ("" in words ? "has an empty key" : undefined)))),
		linux: fallback(linuxDecoder(), { namespaces: [], devices: [], maskedPaths: [], readonlyPaths: [] }),
		solaris: elsewhere,
		windows: elsewhere,
		vm: elsewhere,
		zos: elsewhere,
		freebsd: elsewhere,
	});
}

/**
 * Decodes a config.json.
 * @param what the document in messages: `config "/b/config.json"`
 * @throws `invalid-spec` or `unsupported` with every issue and its JSON pointer
 */
export function decodeConfig(data: string | Uint8Array, what: string): Config {
	return decodeJson(configDecoder(), data, what);
}

/**
 * Decodes a document that is one `process` (`exec --process FILE`). Pointers start at its own root.
 * @throws as {@link decodeConfig}
 */
export function decodeProcess(data: string | Uint8Array, what: string): Process {
	return decodeJson(processDecoder(), data, what);
}

/**
 * Decodes a document that is one `linux.resources` (`update --resources FILE`). Pointers start at its own root.
 * @throws as {@link decodeConfig}
 */
export function decodeResources(data: string | Uint8Array, what: string): Resources {
	return decodeJson(resourcesDecoder(), data, what);
}
