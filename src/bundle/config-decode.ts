// Decodes a config.json that somebody else wrote: `corten plan --bundle` and the runtime command line. What the specification lists
// and corten does not do is an `unsupported` issue; what it does not list is ignored.
// @see runtime-spec 1.2 config.md, config-linux.md

import {
	boolean,
	type Decoder,
	decodeJson,
	fail,
	failed,
	fallback,
	int64,
	integer,
	list,
	map,
	object,
	oneOf,
	optional,
	record,
	refine,
	string,
	uint64,
	unsupported,
} from "../spec/decode.ts";
import { type Config, namespaceTypes } from "../spec/runtime.ts";
import { seccompActions, seccompOperators } from "../spec/seccomp-words.ts";

const noNul: Decoder<string> = (value, at, issues) => {
	const text = string(value, at, issues);
	return text !== failed && text.includes("\0") ? fail(issues, at, "holds a NUL byte") : text;
};
const id = integer(0, 0xffff_fffe);
const strings = fallback(list(noNul), []);
const absolute = refine(noNul, (path) => (path.startsWith("/") ? undefined : "is not an absolute path"));

/** The decoders are made when they are called for: none of them is on the way of `corten run`. */
function processDecoder() {
	const capabilities = object({ bounding: strings, effective: strings, permitted: strings, inheritable: strings, ambient: strings });
	const user = object({ uid: id, gid: id, umask: optional(integer(0, 0o777)), additionalGids: fallback(list(id), []) });
	return object({
		terminal: fallback(boolean, false),
		consoleSize: optional(object({ height: integer(0, 0xffff), width: integer(0, 0xffff) })),
		user,
		args: refine(list(noNul), (args) => (args.length === 0 ? "is empty" : undefined)),
		env: strings,
		cwd: absolute,
		capabilities: optional(capabilities),
		rlimits: fallback(list(object({ type: noNul, soft: uint64, hard: uint64 })), []),
		noNewPrivileges: fallback(boolean, false),
		oomScoreAdj: optional(integer(-1000, 1000)),
		// An empty label is what engines write for none.
		apparmorProfile: absentOrEmpty("is not implemented: AppArmor"),
		selinuxLabel: absentOrEmpty("is not implemented: SELinux"),
		ioPriority: unsupported("is not implemented"),
		scheduler: unsupported("is not implemented"),
		execCPUAffinity: unsupported("is not implemented"),
	});
}

/** A property that may hold nothing: "", [], {} and values made of such; anything else is `unsupported`. */
function absentOrEmpty(why: string) {
	const isEmpty = (value: unknown): boolean =>
		value === "" || value === null || (typeof value === "object" && Object.values(value).every((member) => isEmpty(member)));
	const decode: Decoder<undefined> = (value, at, issues) => {
		if (isEmpty(value)) return undefined;
		issues.push({ at, message: why, unsupported: true });
		return failed;
	};
	return optional(decode);
}

function resourcesDecoder() {
	const rule = object({
		allow: boolean,
		type: optional(oneOf(["a", "b", "c", "u", "p"])),
		major: optional(deviceNumber),
		minor: optional(deviceNumber),
		access: optional(noNul),
	});
	return object({
		devices: optional(list(map(rule, ruleOf))),
		memory: optional(
			object({
				limit: optional(int64),
				reservation: optional(int64),
				swap: optional(int64),
				kernel: unsupported("is not implemented"),
				kernelTCP: unsupported("is not implemented"),
				swappiness: unsupported("is not implemented"),
				disableOOMKiller: optionalFalse("is not implemented"),
				useHierarchy: unsupported("is not implemented"),
				checkBeforeUpdate: optionalFalse("is not implemented"),
			}),
		),
		cpu: optional(
			object({
				shares: optional(uint64),
				quota: optional(int64),
				period: optional(uint64),
				cpus: optional(noNul),
				mems: optional(noNul),
				burst: unsupported("is not implemented"),
				realtimeRuntime: unsupported("is not implemented"),
				realtimePeriod: unsupported("is not implemented"),
				idle: unsupported("is not implemented"),
			}),
		),
		pids: optional(object({ limit: int64 })),
		unified: optional(record(noNul)),
		blockIO: absentOrEmpty("is not implemented"),
		hugepageLimits: absentOrEmpty("is not implemented"),
		network: absentOrEmpty("is not implemented"),
		rdma: absentOrEmpty("is not implemented"),
	});
}

/** Engines write -1 for "all", which the specification says by leaving the property out. */
const deviceNumber = integer(-1, 0xffff_ffff);
const ruleOf = <T extends { readonly major?: number; readonly minor?: number }>({ major, minor, ...rule }: T) => ({
	...rule,
	...(major !== undefined && major >= 0 && { major }),
	...(minor !== undefined && minor >= 0 && { minor }),
});

function optionalFalse(why: string) {
	const decode: Decoder<undefined> = (value, at, issues) => {
		if (value === false) return undefined;
		issues.push({ at, message: why, unsupported: true });
		return failed;
	};
	return optional(decode);
}

function seccompDecoder() {
	const argument = object({ index: integer(0, 5), value: uint64, valueTwo: optional(uint64), op: oneOf(seccompOperators) });
	const rule = object({
		names: refine(list(noNul), (names) => (names.length === 0 ? "is empty" : undefined)),
		action: oneOf(seccompActions),
		errnoRet: optional(integer(0, 4095)),
		args: optional(list(argument)),
	});
	return object({
		defaultAction: oneOf(seccompActions),
		defaultErrnoRet: optional(integer(0, 4095)),
		architectures: optional(list(noNul)),
		flags: optional(list(noNul)),
		syscalls: optional(list(rule)),
		listenerPath: unsupported("is not implemented: seccomp notification"),
	});
}

function linuxDecoder() {
	const device = object({
		type: oneOf(["c", "b", "u", "p"]),
		path: absolute,
		major: optional(integer(0, 0xffff_ffff)),
		minor: optional(integer(0, 0xffff_ffff)),
		fileMode: optional(integer(0, 0o177777)),
		uid: optional(id),
		gid: optional(id),
	});
	const namespaces = refine(list(object({ type: oneOf(namespaceTypes), path: optional(absolute) })), (found) => {
		const types = found.map((namespace) => namespace.type);
		const twice = types.find((type, index) => types.indexOf(type) !== index);
		return twice === undefined ? undefined : `lists the ${twice} namespace twice`;
	});
	return object({
		namespaces: fallback(namespaces, []),
		devices: fallback(list(device), []),
		cgroupsPath: optional(noNul),
		resources: optional(resourcesDecoder()),
		rootfsPropagation: optional(oneOf(["shared", "rshared", "slave", "rslave", "private", "rprivate", "unbindable", "runbindable"])),
		seccomp: optional(seccompDecoder()),
		sysctl: optional(record(noNul)),
		maskedPaths: strings,
		readonlyPaths: strings,
		uidMappings: absentOrEmpty("is not implemented: user namespace mappings"),
		gidMappings: absentOrEmpty("is not implemented: user namespace mappings"),
		timeOffsets: absentOrEmpty("is not implemented"),
		intelRdt: absentOrEmpty("is not implemented"),
		mountLabel: absentOrEmpty("is not implemented: SELinux"),
		personality: unsupported("is not implemented"),
	});
}

function configDecoder() {
	const mount = object({
		destination: absolute,
		type: optional(noNul),
		source: optional(noNul),
		options: optional(list(noNul)),
		uidMappings: absentOrEmpty("is not implemented: id-mapped mounts"),
		gidMappings: absentOrEmpty("is not implemented: id-mapped mounts"),
	});
	const version = refine(string, (text) => (/^1\.\d+\.\d+/.test(text) ? undefined : "is not a version 1 of the specification"));
	return object({
		ociVersion: version,
		root: object({
			path: refine(noNul, (path) => (path === "" ? "is empty" : undefined)),
			readonly: fallback(boolean, false),
		}),
		hostname: optional(noNul),
		domainname: optional(noNul),
		mounts: fallback(list(mount), []),
		process: processDecoder(),
		annotations: optional(record(noNul)),
		linux: fallback(linuxDecoder(), { namespaces: [], devices: [], maskedPaths: [], readonlyPaths: [] }),
		hooks: absentOrEmpty("is not implemented: hooks"),
		solaris: unsupported("is for another system"),
		windows: unsupported("is for another system"),
		vm: unsupported("is for another system"),
		zos: unsupported("is for another system"),
		freebsd: unsupported("is for another system"),
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
