// Decodes an image config, OCI's and docker's, which differ only in names of properties corten does not read.
// @see image-spec config.md

import { CortenError } from "../base/errors.ts";
import {
	boolean,
	type Decoder,
	decodeJson,
	failed,
	fallback,
	type Infer,
	integer,
	list,
	map,
	object,
	optional,
	quote,
	record,
	refine,
	string,
} from "../spec/decode.ts";
import type { ImageHealthcheck } from "../spec/health.ts";
import type { ImageConfig } from "../spec/image.ts";
import { digest, maxConfigBytes, maxLayers } from "./manifest.ts";

// execve, mount and friends end a string at its first NUL: what was checked here would not be what the kernel sees.
const text = refine(string, (value) => (value.includes("\0") ? "holds a NUL byte" : undefined));
const texts = fallback(list(text), []);

const environment = list(refine(text, (entry) => (entry.indexOf("=") > 0 ? undefined : `${quote(entry)} is not NAME=VALUE`)));

const port = refine(string, (value) => {
	const parts = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(?:tcp|udp|sctp))?$/.exec(value);
	return parts !== null && Number(parts[1]) <= 65535 && Number(parts[2] ?? 0) <= 65535 ? undefined : `${quote(value)} is no port`;
});

/** The keys of an object whose values mean nothing (`{"80/tcp": {}}`), each checked like a string. */
function keys(key: Decoder<string>): Decoder<readonly string[]> {
	return (value, at, issues) => {
		const members = record((member) => member)(value, at, issues);
		return members === failed ? members : list(key)(Object.keys(members), at, issues);
	};
}

const nanoseconds = fallback(integer(0), 0);

// docker's own, which the OCI's config does not name; podman and buildah keep it there too.
const healthcheck = object({
	Test: texts,
	Interval: nanoseconds,
	Timeout: nanoseconds,
	StartPeriod: nanoseconds,
	StartInterval: nanoseconds,
	Retries: fallback(integer(0, 1 << 30), 0),
});

const execution = object({
	User: fallback(text, ""),
	ExposedPorts: fallback(keys(port), []),
	Env: fallback(environment, []),
	Entrypoint: texts,
	Cmd: texts,
	Volumes: fallback(keys(text), []),
	WorkingDir: fallback(text, ""),
	Labels: fallback(record(string), {}),
	StopSignal: fallback(text, ""),
	Healthcheck: optional(healthcheck),
});

const empty = { User: "", ExposedPorts: [], Env: [], Entrypoint: [], Cmd: [], Volumes: [], WorkingDir: "", Labels: {}, StopSignal: "" };

const history = map(
	object({ created: optional(string), created_by: optional(string), comment: optional(string), empty_layer: fallback(boolean, false) }),
	(entry) => ({
		...(entry.created === undefined ? {} : { created: entry.created }),
		...(entry.created_by === undefined ? {} : { createdBy: entry.created_by }),
		...(entry.comment === undefined ? {} : { comment: entry.comment }),
		emptyLayer: entry.empty_layer,
	}),
);

const document = object({
	architecture: string,
	os: string,
	variant: optional(string),
	created: optional(string),
	author: optional(string),
	config: fallback(execution, empty),
	rootfs: object({
		type: refine(string, (type) => (type === "layers" ? undefined : `${quote(type)} is unsupported, expected "layers"`)),
		diff_ids: list(digest, maxLayers),
	}),
	history: fallback(list(history), []),
});

/**
 * Decodes an image config.
 * @param layers how many layers the manifest has; the config must name as many diffIDs
 * @param what the document in messages: `config of "docker.io/library/alpine:3"`
 * @throws `invalid-spec` with all issues
 */
export function decodeConfig(bytes: Uint8Array, layers: number, what: string): ImageConfig {
	if (bytes.length > maxConfigBytes)
		throw new CortenError("invalid-spec", `cannot decode ${what}: it is larger than ${maxConfigBytes} bytes`);
	const { rootfs, config, architecture, os, variant, created, author, ...decoded } = decodeJson(document, bytes, what);
	if (rootfs.diff_ids.length !== layers) {
		const message = `cannot decode ${what}: /rootfs/diff_ids has ${rootfs.diff_ids.length} elements, but the manifest has ${layers} layers`;
		throw new CortenError("invalid-spec", message, { at: "/rootfs/diff_ids" });
	}
	return {
		architecture,
		os,
		...(variant === undefined ? {} : { variant }),
		...(created === undefined ? {} : { created }),
		...(author === undefined ? {} : { author }),
		config: {
			user: config.User,
			exposedPorts: config.ExposedPorts,
			env: config.Env,
			entrypoint: config.Entrypoint,
			cmd: config.Cmd,
			volumes: config.Volumes,
			workingDir: config.WorkingDir,
			labels: config.Labels,
			stopSignal: config.StopSignal,
			...("Healthcheck" in config && config.Healthcheck !== undefined && { healthcheck: imageHealthcheck(config.Healthcheck) }),
		},
		diffIDs: rootfs.diff_ids,
		history: decoded.history,
	};
}

function imageHealthcheck({ Test, Interval, Timeout, StartPeriod, StartInterval, Retries }: Infer<typeof healthcheck>): ImageHealthcheck {
	return { test: Test, interval: Interval, timeout: Timeout, startPeriod: StartPeriod, startInterval: StartInterval, retries: Retries };
}
