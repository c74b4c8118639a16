// Decodes `linux` of config.json, but for its resources.
// @see runtime-spec config-linux.md

import {
	boolean,
	fallback,
	int64,
	integer,
	lazy,
	list,
	object,
	oneOf,
	optional,
	record,
	refine,
	text,
	textList,
	uint64,
} from "../spec/decode.ts";
import { memoryPolicyFlags, memoryPolicyModes, namespaceTypes } from "../spec/runtime.ts";
import { seccompActions, seccompOperators } from "../spec/seccomp-words.ts";
import { resourcesDecoder } from "./config-resources.ts";
import { absolute, absoluteOrEmpty, id, mappings, uint32 } from "./config-words.ts";

const propagations = ["shared", "rshared", "slave", "rslave", "private", "rprivate", "unbindable", "runbindable", ""] as const;

function seccomp() {
	const errno = integer(0, 4095);
	const argument = object({ index: integer(0, 5), value: uint64, valueTwo: optional(uint64), op: oneOf(seccompOperators) });
	const rule = object({
		names: refine(textList, (names) => (names.length === 0 ? "is empty" : undefined)),
		action: oneOf(seccompActions),
		errnoRet: optional(errno),
		args: optional(list(argument)),
	});
	return object({
		defaultAction: oneOf(seccompActions),
		defaultErrnoRet: optional(errno),
		architectures: optional(textList),
		flags: optional(textList),
		listenerPath: optional(text),
		listenerMetadata: optional(text),
		syscalls: optional(list(rule)),
	});
}

const device = () =>
	object({
		type: oneOf(["c", "b", "u", "p"]),
		path: absolute,
		major: optional(uint32),
		minor: optional(uint32),
		fileMode: optional(uint32),
		uid: optional(id),
		gid: optional(id),
	});

function namespaces() {
	return refine(list(object({ type: oneOf(namespaceTypes), path: optional(absoluteOrEmpty) })), (found) => {
		const types = found.map((namespace) => namespace.type);
		const twice = types.find((type, index) => types.indexOf(type) !== index);
		return twice === undefined ? undefined : `lists the ${twice} namespace twice`;
	});
}

const oneLine = () => refine(text, (line) => (line.includes("\n") ? "holds a line feed" : undefined));

const intelRdt = () =>
	object({
		closID: optional(text),
		schemata: optional(list(oneLine())),
		l3CacheSchema: optional(oneLine()),
		memBwSchema: optional(oneLine()),
		enableMonitoring: optional(boolean),
	});

const memoryPolicy = () =>
	object({ mode: oneOf(memoryPolicyModes), nodes: optional(text), flags: optional(list(oneOf(memoryPolicyFlags))) });

const timeOffsets = () => record(object({ secs: fallback(int64, 0n), nanosecs: fallback(uint32, 0) }));

const paths = fallback(list(absolute), []);

/** The decoder of the whole section. */
export function linuxDecoder() {
	return object({
		namespaces: fallback(lazy(namespaces), []),
		uidMappings: optional(mappings),
		gidMappings: optional(mappings),
		timeOffsets: optional(lazy(timeOffsets)),
		devices: fallback(
			lazy(() => list(device())),
			[],
		),
		netDevices: optional(lazy(() => record(object({ name: optional(text) })))),
		cgroupsPath: optional(text),
		resources: optional(lazy(resourcesDecoder)),
		rootfsPropagation: optional(oneOf(propagations)),
		seccomp: optional(lazy(seccomp)),
		sysctl: optional(lazy(() => record(text))),
		maskedPaths: paths,
		readonlyPaths: paths,
		mountLabel: optional(text),
		personality: optional(lazy(() => object({ domain: oneOf(["LINUX", "LINUX32"]), flags: optional(textList) }))),
		memoryPolicy: optional(lazy(memoryPolicy)),
		intelRdt: optional(lazy(intelRdt)),
	});
}
