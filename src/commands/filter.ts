// ps --filter KEY=VALUE. As docker: filters of different keys must all hold, of one key any; labels must all hold.

import { CortenError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { Container } from "../supervise/state.ts";
import { healthWord, stateWord } from "./container-view.ts";

type Test = (container: Container, value: string) => boolean;

const tests = {
	id: ({ record }, value) => record.id.startsWith(value),
	// docker's own names begin with a slash, and scripts anchor on it.
	name: ({ record }, value) => [record.name, `/${record.name}`].some((name) => pattern(value).test(name)),
	label: ({ record }, value) => {
		const [key = "", ...rest] = value.split("=");
		return Object.hasOwn(record.labels, key) && (rest.length === 0 || record.labels[key] === rest.join("="));
	},
	status: ({ state }, value) => stateWord(state) === value,
	exited: ({ state }, value) => state.status === "exited" && state.exitCode === Number(value),
	health: (container, value) => healthWord(container) === value,
	ancestor: ({ record }, value) => record.image !== null && isImage(record.image, value),
} as const satisfies Record<string, Test>;

const healths = ["starting", "healthy", "unhealthy", "none"];
const statuses = ["created", "running", "exited", "paused", "restarting", "removing", "dead"];

/**
 * Parses the filters of one command line.
 * @returns the test of a container
 * @throws `invalid-argument` for an unknown key or a value it cannot have
 */
export function parseFilters(filters: readonly string[]): (container: Container) => boolean {
	const byKey = new Map<keyof typeof tests, string[]>();
	for (const filter of filters) {
		const equals = filter.indexOf("=");
		const key = (equals < 0 ? filter : filter.slice(0, equals)) as keyof typeof tests;
		const value = filter.slice(equals + 1);
		if (equals < 0 || !Object.hasOwn(tests, key)) {
			const close = nearest(key, Object.keys(tests));
			throw new CortenError(
				"invalid-argument",
				`cannot filter by "${filter}": a filter is KEY=VALUE, and KEY one of ${Object.keys(tests).join(", ")}`,
				{
					at: "--filter",
					...(close !== undefined && equals >= 0 && { hint: `did you mean "${close}"?` }),
				},
			);
		}
		if (
			(key === "status" && !statuses.includes(value)) ||
			(key === "health" && !healths.includes(value)) ||
			(key === "exited" && !/^\d{1,3}$/.test(value))
		) {
			throw new CortenError("invalid-argument", `cannot filter by "${filter}": no container can have this ${key}`, { at: "--filter" });
		}
		if (key === "name") pattern(value);
		byKey.set(key, [...(byKey.get(key) ?? []), value]);
	}
	return (container) =>
		[...byKey].every(([key, values]) => {
			const holds = (value: string) => tests[key](container, value);
			return key === "label" ? values.every(holds) : values.some(holds);
		});
}

/** docker takes a regular expression, which may match anywhere. */
function pattern(value: string): RegExp {
	try {
		return new RegExp(value);
	} catch (cause) {
		throw new CortenError("invalid-argument", `cannot filter by name "${value}": it is no regular expression`, { at: "--filter", cause });
	}
}

/** A reference with or without its tag, a digest, or the beginning of an image id. */
function isImage(image: NonNullable<Container["record"]["image"]>, value: string): boolean {
	const id = image.configDigest.slice(image.configDigest.indexOf(":") + 1);
	if (image.configDigest === value || image.digest === value || (/^[0-9a-f]{4,64}$/.test(value) && id.startsWith(value))) return true;
	const full = (reference: string) => (/(:[^/]+|@.*)$/.test(reference) ? reference : `${reference}:latest`);
	return full(image.reference) === full(value) || full(image.reference).endsWith(`/${full(value)}`);
}
