// container.json, read back. It is our own document, but a newer or older corten may have written it.

import {
	boolean,
	type Decoder,
	decodeJson,
	fallback,
	integer,
	list,
	object,
	oneOf,
	optional,
	record,
	refine,
	string,
} from "../spec/decode.ts";
import { type HealthCheck, healthActions } from "../spec/health.ts";
import type { ContainerRecord, MountSummary } from "./record.ts";

const containerId = refine(string, (text) => (/^[0-9a-f]{64}$/.test(text) ? undefined : "is not a container id"));

const image = object({ reference: string, digest: string, configDigest: string });

const mount: Decoder<MountSummary> = object({
	type: oneOf(["bind", "volume", "tmpfs"]),
	source: string,
	destination: string,
	readonly: boolean,
});

const health: Decoder<HealthCheck> = object({
	args: list(string),
	test: list(string),
	intervalMs: integer(0),
	timeoutMs: integer(1),
	startPeriodMs: integer(0),
	startIntervalMs: integer(0),
	retries: integer(1),
	onFailure: oneOf(healthActions),
	startup: optional(
		object({
			args: list(string),
			test: list(string),
			intervalMs: integer(1),
			timeoutMs: integer(1),
			retries: integer(0),
			successes: integer(1),
		}),
	),
});

function nullable<T>(decoder: Decoder<T>): Decoder<T | null> {
	return (value, at, issues) => (value === null ? null : decoder(value, at, issues));
}

const containerRecord: Decoder<ContainerRecord> = object({
	id: containerId,
	name: string,
	created: string,
	image: nullable(image),
	layers: list(string),
	rootfs: nullable(string),
	path: string,
	args: list(string),
	labels: record(string),
	annotations: record(string),
	removeAtEnd: boolean,
	terminal: boolean,
	openStdin: boolean,
	detached: boolean,
	stopSignal: integer(1, 64),
	stopTimeoutSeconds: integer(-1),
	cgroups: list(string),
	network: string,
	mounts: list(mount),
	health: fallback(nullable(health), null),
	unit: fallback(nullable(object({ name: string, invocation: string, user: boolean, own: fallback(boolean, false) })), null),
});

/**
 * Decodes container.json.
 * @param what the document in the message: `record of container "0123456789ab"`
 * @throws `invalid-spec` with every issue
 */
export function decodeRecord(text: string, what: string): ContainerRecord {
	return decodeJson(containerRecord, text, what);
}
