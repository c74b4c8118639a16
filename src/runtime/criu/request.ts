// What criu is asked and what it answers, in its own numbers. @see criu's images/rpc.proto

import { decodeMessage, encodeMessage, type FieldValue, type Message } from "./message.ts";

/** criu_req_type */
export const requestTypes = { dump: 1, restore: 2, preDump: 4, notify: 6, version: 10 } as const;
/** One of {@link requestTypes}. */
export type RequestType = keyof typeof requestTypes;

/** criu_cg_mode */
export const cgroupModes = { ignore: 0, soft: 3, full: 4, strict: 5, "": 6 } as const;
/** One of {@link cgroupModes}; "": criu's default. */
export type CgroupMode = keyof typeof cgroupModes;

/** An option of criu's: name -> number of the field of criu_opts. Descriptors are numbers of this process's own table. */
const optionFields = {
	imagesDirFd: 1,
	pid: 2,
	leaveRunning: 3,
	extUnixSk: 4,
	tcpEstablished: 5,
	evasiveDevices: 6,
	shellJob: 7,
	fileLocks: 8,
	logLevel: 9,
	logFile: 10,
	pageServer: 11,
	notifyScripts: 12,
	root: 13,
	parentImage: 14,
	trackMemory: 15,
	autoDedup: 16,
	workDirFd: 17,
	linkRemap: 18,
	externalMounts: 23,
	manageCgroups: 24,
	cgroupRoots: 25,
	restoreSibling: 26,
	inheritFds: 27,
	manageCgroupsMode: 34,
	external: 37,
	emptyNs: 38,
	joinNs: 39,
	freezeCgroup: 44,
	tcpSkipInFlight: 46,
	lazyPages: 48,
	orphanPtsMaster: 50,
	configFile: 51,
	lsmProfile: 53,
	cgroupYard: 60,
	lsmMountContext: 63,
} as const;

/** The options of one request. */
export type CriuOptions = { readonly [name in keyof typeof optionFields]?: FieldValue | undefined };

/** A pair of texts: mounts, namespaces, cgroups. */
export const pair = (first: string, second: string): Message => [
	[1, first],
	[2, second],
];

/** A descriptor of criu's own table under the name by which an image knows it. */
export const inherited = (key: string, fd: number): Message => [
	[1, key],
	[2, fd],
];

/** Encodes a request. */
export function encodeRequest(type: RequestType, options: CriuOptions): Uint8Array {
	const fields = Object.entries(optionFields).map(([name, field]) => [field, options[name as keyof typeof optionFields]] as const);
	return encodeMessage([
		[1, requestTypes[type]],
		[2, fields],
	]);
}

/** Encodes the answer to a notification. */
export function encodeNotified(success: boolean): Uint8Array {
	return encodeMessage([
		[1, requestTypes.notify],
		[3, success],
	]);
}

/** What criu says. */
export type CriuResponse = {
	readonly type: number;
	readonly success: boolean;
	/** What is going on, and the pid it is about, in this process's pid namespace. */
	readonly notify?: { readonly script: string; readonly pid: number | undefined };
	readonly errno: number;
	readonly message: string;
	/** 31701 for 3.17.1 */
	readonly version: number | undefined;
};

/** Decodes what criu says. @throws `unavailable` */
export function decodeResponse(bytes: Uint8Array): CriuResponse {
	const fields = decodeMessage(bytes);
	const notify = recordAt(fields.get(5));
	const version = recordAt(fields.get(10));
	return {
		type: numberAt(fields.get(1)) ?? 0,
		success: numberAt(fields.get(2)) === 1,
		...(notify !== undefined && { notify: { script: textAt(notify.get(1)), pid: numberAt(notify.get(2)) } }),
		errno: numberAt(fields.get(7)) ?? 0,
		message: textAt(fields.get(9)),
		version:
			version === undefined
				? undefined
				: (numberAt(version.get(1)) ?? 0) * 10000 + (numberAt(version.get(2)) ?? 0) * 100 + (numberAt(version.get(4)) ?? 0),
	};
}

type Value = number | Uint8Array | undefined;
const numberAt = (value: Value): number | undefined => (typeof value === "number" ? value : undefined);
const recordAt = (value: Value): ReturnType<typeof decodeMessage> | undefined =>
	value instanceof Uint8Array ? decodeMessage(value) : undefined;
const textAt = (value: Value): string => (value instanceof Uint8Array ? new TextDecoder().decode(value) : "");
